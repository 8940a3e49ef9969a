"""People at their browsers, and calls for them to look at."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from audit.models import AuditRecord
from injections.models import LiveCall, Queue
from injections.roles import Role
from tests.factories import AudioClipFactory, LiveCallFactory, QueueFactory, UserFactory

HTMX = {"HX-Request": "true"}


@pytest.fixture
def cards(db: None) -> Queue:
    """The queue of the supervisor under test."""
    return QueueFactory(name="Cards")


@pytest.fixture
def browser_of(db: None) -> Callable[..., Client]:
    """Return a maker of clients that are logged in with a role."""

    def make(role: Role, *, queues: Any = ()) -> Client:
        user = UserFactory(role=role)
        user.supervised_queues.set(queues)
        client = Client()
        client.force_login(user)
        client.user = user  # type: ignore[attr-defined]
        return client

    return make


@pytest.fixture
def supervisor(browser_of: Callable[..., Client], cards: Queue) -> Client:
    """A supervisor of Cards, logged in."""
    return browser_of(Role.SUPERVISOR, queues=[cards])


@pytest.fixture
def call(cards: Queue) -> LiveCall:
    """A call that may be barged."""
    from injections.models import FeedState

    made: LiveCall = LiveCallFactory(queue=cards)
    FeedState.objects.create(snapshot_at=made.seen_at, heard_at=made.seen_at)
    return made


@pytest.fixture
def choice(call: LiveCall) -> Callable[..., dict[str, str]]:
    """Return a maker of what the arm form sends for `call`; None leaves a field out."""

    def make(**changes: Any) -> dict[str, str]:
        values = {
            "clip": changes.pop("clip", None) or str(AudioClipFactory().pk),
            "agent_mute": "on",
            "normalize_level": "on",
            "reason": "Recording notice was not given",
            "participant_id": str(call.agent_participant_id),
            "seen_version": call.version,
        } | changes
        return {name: value for name, value in values.items() if value is not None}

    return make


def records(action: str) -> list[AuditRecord]:
    """Return the records of one action, oldest first."""
    return list(AuditRecord.objects.filter(action=action).order_by("id"))
