"""What the sweep finds: due work, overdue work, what dead processes left, silence."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from injections.callers import system_caller
from injections.lifecycle import Status
from injections.models import CompletionEvent, InjectionRequest
from injections.services import sweep
from tests.factories import InjectionFactory

pytestmark = pytest.mark.django_db
WORKER = system_caller(where="test")
LEASED = {"lease_token": UUID(int=7)}


def _ago(**units: float) -> Any:
    return timezone.now() - timedelta(**units)


def _status(row: InjectionRequest) -> tuple[str, str]:
    row.refresh_from_db()
    return row.status, row.reason_code


def test_what_is_due_is_found_soonest_first() -> None:
    later = InjectionFactory(due_at=_ago(seconds=1))
    sooner = InjectionFactory(due_at=_ago(seconds=2))
    InjectionFactory(due_at=timezone.now() + timedelta(seconds=5))
    assert sweep.due_injections() == [sooner.pk, later.pk]


def test_what_somebody_works_on_is_not_due() -> None:
    InjectionFactory(due_at=_ago(seconds=1), lease_until=timezone.now() + timedelta(seconds=5), **LEASED)
    assert sweep.due_injections() == []


def test_a_lapsed_lease_makes_it_due_again() -> None:
    row = InjectionFactory(status="requested", due_at=_ago(seconds=40), lease_until=_ago(seconds=1), **LEASED)
    assert sweep.due_injections() == [row.pk]


def test_what_could_not_start_before_its_deadline_expires_with_a_record() -> None:
    row = InjectionFactory(deadline_at=_ago(seconds=1))
    assert sweep.expire_overdue(by=WORKER) == 1
    assert _status(row) == (Status.EXPIRED, "deadline_passed")
    assert row.occupies_call is False
    assert AuditRecord.objects.get(injection_id=row.pk).action == "injection.expired"


def test_what_a_dead_process_left_between_intent_and_answer_becomes_unknown() -> None:
    row = InjectionFactory(
        status="dispatching", sent_at=_ago(seconds=40), lease_until=_ago(seconds=1), **LEASED
    )
    assert sweep.doubt_abandoned(by=WORKER) == 1
    assert _status(row) == (Status.UNKNOWN, "outcome_unknown")


def test_what_is_still_being_sent_is_left_alone() -> None:
    row = InjectionFactory(
        status="dispatching",
        sent_at=_ago(seconds=4),
        lease_until=timezone.now() + timedelta(seconds=9),
        **LEASED,
    )
    assert sweep.doubt_abandoned(by=WORKER) == 0
    assert _status(row)[0] == Status.DISPATCHING


def test_an_abandoned_one_whose_event_had_come_is_settled_at_once() -> None:
    row = InjectionFactory(
        status="dispatching", sent_at=_ago(seconds=40), lease_until=_ago(seconds=1), **LEASED
    )
    CompletionEvent.objects.create(
        event_id=str(uuid4()),
        conversation_id=row.conversation_id,
        participant_id=row.participant_id,
        interaction_id="i-9",
        outcome="completed",
        happened_at=_ago(seconds=30),
        received_at=_ago(seconds=30),
    )
    sweep.doubt_abandoned(by=WORKER)
    assert _status(row) == (Status.COMPLETED, "")


def test_silence_longer_than_its_length_and_30_s_makes_it_unconfirmed() -> None:
    row = InjectionFactory(
        status="dispatched", interaction_id="i", max_duration_ms=10_000, sent_at=_ago(seconds=41)
    )
    assert sweep.close_unreported(by=WORKER) == 1
    assert _status(row) == (Status.UNCONFIRMED, "no_completion")


def test_a_long_recording_is_waited_for() -> None:
    row = InjectionFactory(
        status="dispatched", interaction_id="i", max_duration_ms=30_000, sent_at=_ago(seconds=41)
    )
    assert sweep.close_unreported(by=WORKER) == 0
    assert _status(row)[0] == Status.DISPATCHED


def test_a_doubt_holds_the_call_only_as_long_as_it_may_be_heard() -> None:
    old = {"status": "unknown", "reason_code": "outcome_unknown", "error": "lost", "max_duration_ms": 1000}
    past = InjectionFactory(sent_at=_ago(seconds=32), **old)
    fresh = InjectionFactory(sent_at=_ago(seconds=5), **old)
    assert sweep.free_calls() == 1
    past.refresh_from_db()
    fresh.refresh_from_db()
    assert (past.occupies_call, fresh.occupies_call) == (False, True)
    assert past.status == Status.UNKNOWN


@pytest.fixture
def clock_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be an hour earlier than it was when things were written down."""
    now = timezone.now
    monkeypatch.setattr("django.utils.timezone.now", lambda: now() - timedelta(hours=1))


def test_what_waits_when_the_clock_is_set_back_expires_instead_of_waiting_for_the_clock(
    request: pytest.FixtureRequest,
) -> None:
    row = InjectionFactory(due_at=timezone.now())
    request.getfixturevalue("clock_set_back")
    assert sweep.due_injections() == []
    assert sweep.expire_overdue(by=WORKER) == 1
    assert _status(row) == (Status.EXPIRED, "deadline_passed")


def test_clocks_of_two_machines_may_differ_by_seconds() -> None:
    row = InjectionFactory(requested_at=timezone.now() + timedelta(seconds=4))
    assert sweep.expire_overdue(by=WORKER) == 0
    assert _status(row)[0] == Status.QUEUED


def test_a_lease_longer_than_leases_are_has_lapsed(request: pytest.FixtureRequest) -> None:
    lease = {"lease_until": timezone.now() + timedelta(seconds=30), **LEASED}
    row = InjectionFactory(status="dispatching", sent_at=timezone.now(), **lease)
    assert sweep.doubt_abandoned(by=WORKER) == 0
    request.getfixturevalue("clock_set_back")
    assert sweep.doubt_abandoned(by=WORKER) == 1
    assert _status(row) == (Status.UNKNOWN, "outcome_unknown")
