"""At the end of a process, what it holds and has not sent is free for another at once."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from injections.callers import system_caller
from injections.genesys.types import CallState, Conversation, Participant
from injections.lifecycle import Status
from injections.models import InjectionRequest
from injections.services.dispatch import dispatch_taken
from injections.services.handover import hand_back, holding
from injections.services.stopwatch import Stopwatch
from injections.services.sweep import due_injections
from tests.factories import InjectionFactory

pytestmark = pytest.mark.django_db


def _leased(**changes: Any) -> InjectionRequest:
    values = {"lease_token": uuid4(), "lease_until": timezone.now() + timedelta(seconds=30)} | changes
    row: InjectionRequest = InjectionFactory(**values)
    return row


def _lease(row: InjectionRequest) -> UUID | None:
    row.refresh_from_db()
    return row.lease_token


def test_what_waits_is_due_again() -> None:
    row = _leased()
    with holding(row.lease_token):
        assert hand_back() == 1
    assert (_lease(row), row.lease_until) == (None, None)
    assert due_injections() == [row.pk]


def test_what_has_been_sent_keeps_its_lease_for_its_answer() -> None:
    row = _leased(status="dispatching", sent_at=timezone.now())
    with holding(row.lease_token):
        assert hand_back() == 0
    assert _lease(row) is not None


def test_what_another_process_holds_is_left_alone() -> None:
    row = _leased()
    assert hand_back() == 0
    assert _lease(row) is not None


def test_what_is_done_is_no_longer_held() -> None:
    row = _leased()
    with holding(row.lease_token):
        pass
    assert hand_back() == 0


def test_nothing_leased_is_nothing_held() -> None:
    with holding(None):
        assert hand_back() == 0


def test_a_try_that_goes_on_after_its_lease_was_handed_back_sends_nothing() -> None:
    row = _leased()

    def look() -> CallState:
        assert hand_back() == 1
        call = Conversation(id=str(row.conversation_id), state="active", start_time=None, participants=())
        person = Participant(
            id=str(row.participant_id), purpose="agent", name="", user_id=None, queue_id=None,
            state="connected", custom_attributes={"supervision_consent": "true"},
        )  # fmt: skip
        return CallState(call, person, ())

    # There is no platform at all in this test: a command would fail, and be on record as an attempt.
    dispatch_taken(injection=row, look=look, stopwatch=Stopwatch(), by=system_caller(where="test"))
    assert row.status == Status.QUEUED
    assert not row.attempts.exists()
    assert due_injections() == [row.pk]
