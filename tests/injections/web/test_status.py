from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from injections.lifecycle import Status
from injections.models import CompletionRegistration, FeedState
from injections.roles import Role
from tests.factories import InjectionFactory
from tests.injections.web.conftest import HTMX


@pytest.fixture
def admin(browser_of: Any) -> Client:
    client: Client = browser_of(Role.ADMINISTRATOR)
    return client


def said(client: Client, name: str) -> str:
    lines = {
        shown["line"].name: f"{shown['line'].badge.words}: {shown['line'].words} {shown['line'].remedy}"
        for shown in client.get("/status/").context["lines"]
    }
    return lines[name]


def test_a_portal_that_just_began_says_what_it_waits_for(admin: Client):
    assert "Nothing has been read from the platform" in said(admin, "Genesys Cloud")
    assert said(admin, "Waiting injections").startswith("None")


def test_trouble_with_the_platform_is_shown_with_what_to_do(admin: Client):
    FeedState.objects.create(snapshot_at=timezone.now(), problem="The client was rejected.")
    assert said(admin, "Genesys Cloud").startswith("Trouble: The client was rejected. It is asked again")


def test_a_silent_watcher_is_shown_as_behind(admin: Client):
    FeedState.objects.create(snapshot_at=timezone.now() - timedelta(minutes=2))
    assert said(admin, "Call watcher").startswith("Behind")
    assert "2 min 0 s ago" in said(admin, "Genesys Cloud")


def test_an_overdue_injection_points_to_the_worker(admin: Client):
    InjectionFactory(due_at=timezone.now() - timedelta(seconds=30))
    assert "overdue. See whether a worker runs." in said(admin, "Waiting injections")


def test_an_unclear_outcome_is_counted(admin: Client):
    InjectionFactory(status=Status.UNKNOWN, due_at=None, reason_code="outcome_unknown", error="lost")
    assert "1 may have been played" in said(admin, "Unknown outcomes")


def test_a_registration_that_failed_says_what_follows_from_it(admin: Client):
    CompletionRegistration.objects.create(problem="The platform refused it.")
    assert "outcomes stay unconfirmed" in said(admin, "Reports of the end")


def test_the_lines_alone_are_a_fragment(admin: Client):
    page = admin.get("/status/", headers=HTMX).content.decode()
    assert page.strip().startswith('<ul id="lines"')
