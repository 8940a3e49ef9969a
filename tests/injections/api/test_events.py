"""The events again, from a cursor."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from injections.models import QaEvent
from injections.roles import Role
from injections.services.qa import resend_event
from tests.factories import InjectionFactory, UserFactory
from tests.injections.conftest import caller_for

pytestmark = pytest.mark.django_db


def _events(count: int) -> None:
    injection = InjectionFactory()
    for number in range(1, count + 1):
        QaEvent.objects.create(
            number=number,
            injection=injection,
            body={"status": "completed"},
            created_at=timezone.now(),
            delivered_at=timezone.now(),
        )


def _get(query: str, role: Role = Role.API_CLIENT) -> Any:
    _, plain = AuthToken.objects.create(UserFactory(role=role))
    return Client().get(f"/api/v1/events{query}", headers={"Authorization": f"Token {plain}"})


def test_what_came_after_the_cursor_is_listed_in_order() -> None:
    _events(3)
    answer = _get("?after=1").json()
    assert [event["number"] for event in answer["events"]] == [2, 3]
    assert (answer["next"], answer["hasMore"]) == (3, False)


def test_a_long_list_comes_in_pages() -> None:
    _events(101)
    first = _get("").json()
    assert (len(first["events"]), first["next"], first["hasMore"]) == (100, 100, True)
    assert [event["number"] for event in _get("?after=100").json()["events"]] == [101]


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "9" * 30, "٣"])
def test_a_bad_cursor_is_named(after: str) -> None:
    answer = _get(f"?after={after}")
    assert (answer.status_code, answer.json()["field"]) == (400, "after")


def test_another_role_is_refused() -> None:
    assert _get("", role=Role.SUPERVISOR).status_code == 403


def test_without_a_token_nothing_is_told() -> None:
    assert Client().get("/api/v1/events").status_code == 401


def test_a_resent_event_is_due_again_with_its_number() -> None:
    _events(1)
    resend_event(number=1, by=caller_for(UserFactory(role=Role.COMPLIANCE)))
    event = QaEvent.objects.get()
    assert (event.number, event.delivered_at) == (1, None)
    assert event.due_at is not None
