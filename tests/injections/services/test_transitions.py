"""The one place where an injection changes its state: all of it or nothing, and only along the table."""

from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from audit.models import AuditRecord
from audit.services import NotRecorded
from injections.callers import system_caller
from injections.lifecycle import ENDED, EXPLAINED, OCCUPYING, WAITING, Status, can_move
from injections.models import InjectionRequest, QaEvent
from injections.models.fixed import QA_EVENTS
from injections.reasons import REASONS
from injections.services import transitions
from injections.services.transitions import explained, longest_playing, move
from tests.factories import InjectionFactory

pytestmark = pytest.mark.django_db
WORKER = system_caller(where="test")
LEASE = {"lease_token": UUID(int=5), "lease_until": timezone.now() + timedelta(minutes=5)}


def _injection(status: Status, **changes: Any) -> InjectionRequest:
    explanation = {"reason_code": "upstream_refused", "error": "no"} if status in EXPLAINED else {}
    interaction = {"interaction_id": "i-1"} if status == Status.DISPATCHED else {}
    made: InjectionRequest = InjectionFactory(status=status, **(explanation | interaction | changes))
    return made


def _needed(to: Status) -> dict[str, Any]:
    """Return the columns without which the database does not take this state."""
    values: dict[str, Any] = explained("upstream_refused") if to in EXPLAINED else {}
    if to in WAITING:
        values["due_at"] = timezone.now()
    if to == Status.DISPATCHED:
        values["interaction_id"] = "i-1"
    return values


def _move(injection: InjectionRequest, to: Status, **changes: Any) -> bool:
    with transaction.atomic():
        return move(injection, to, at=timezone.now(), by=WORKER, **(_needed(to) | changes))


def _stored(injection: InjectionRequest) -> InjectionRequest:
    return InjectionRequest.objects.get(pk=injection.pk)


@pytest.mark.parametrize(("before", "after"), list(product(Status, Status)))
def test_it_moves_exactly_along_the_table(before: Status, after: Status) -> None:
    injection = _injection(before)
    assert _move(injection, after) == can_move(before, after)
    assert _stored(injection).status == (after if can_move(before, after) else before)
    assert AuditRecord.objects.filter(injection_id=injection.pk).count() == can_move(before, after)


@pytest.mark.parametrize("to", [status for status in Status if can_move(Status.QUEUED, status)])
def test_a_move_leaves_no_part_behind(to: Status) -> None:
    injection = _injection(Status.QUEUED, **LEASE)
    _move(injection, to)
    row = _stored(injection)
    assert row.occupies_call == (to in OCCUPYING)
    assert (row.due_at is not None) == (to in WAITING)
    assert (row.ended_at is not None) == (to in ENDED)
    assert (row.lease_token is not None) == (to is Status.DISPATCHING)


def test_the_object_in_hand_shows_what_was_written() -> None:
    injection = _injection(Status.QUEUED)
    _move(injection, Status.REFUSED)
    stored = _stored(injection)
    for field in InjectionRequest._meta.concrete_fields:
        assert getattr(injection, field.attname) == getattr(stored, field.attname), field.name


def test_a_move_is_recorded_with_where_it_came_from() -> None:
    injection = _injection(Status.QUEUED)
    _move(injection, Status.FAILED, **explained("upstream_refused", "The payload was refused."))
    record = AuditRecord.objects.get(injection_id=injection.pk)
    assert (record.action, record.outcome, record.reason_code) == (
        "injection.failed",
        "failed",
        "upstream_refused",
    )
    assert "The payload was refused" in record.summary
    assert '"before":{"status":"queued"}' in record.body


def test_what_is_recorded_as_before_is_the_row_s_own_word() -> None:
    injection = _injection(Status.REQUESTED)
    InjectionRequest.objects.filter(pk=injection.pk).update(status=Status.QUEUED)
    _move(injection, Status.FAILED)
    assert '"before":{"status":"queued"}' in AuditRecord.objects.get(injection_id=injection.pk).body


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_it_refuses() -> None:
    injection = _injection(Status.QUEUED)
    with pytest.raises(transaction.TransactionManagementError):
        move(injection, Status.CANCELLED, at=timezone.now(), by=WORKER, **explained("cancelled_by_user"))
    assert _stored(injection).status == Status.QUEUED


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "error", [NotRecorded("disk full"), RuntimeError("anything")], ids=lambda e: type(e).__name__
)
def test_what_cannot_be_recorded_does_not_happen(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(_entry: Any) -> None:
        raise error

    injection = _injection(Status.QUEUED)
    monkeypatch.setattr(transitions.audit, "append", fail)
    with pytest.raises(type(error)), transaction.atomic(durable=True):
        move(injection, Status.CANCELLED, at=timezone.now(), by=WORKER, **explained("cancelled_by_user"))
    row = _stored(injection)
    assert (row.status, row.reason_code, row.ended_at, row.occupies_call) == (Status.QUEUED, "", None, True)


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_announced_does_not_happen_either(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    def fail(_event: Any) -> None:
        raise RuntimeError("no room for the event")

    settings.QA_WEBHOOK_URL = "http://127.0.0.1:9/qa"
    injection = _injection(Status.DISPATCHED)
    monkeypatch.setattr(QA_EVENTS, "insert", fail)
    with pytest.raises(RuntimeError), transaction.atomic(durable=True):
        move(injection, Status.COMPLETED, at=timezone.now(), by=WORKER)
    assert _stored(injection).status == Status.DISPATCHED
    assert not AuditRecord.objects.filter(injection_id=injection.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_a_rollback_takes_record_and_announcement_along(settings: Any) -> None:
    settings.QA_WEBHOOK_URL = "http://127.0.0.1:9/qa"
    injection = _injection(Status.DISPATCHED)

    def change_and_fail() -> None:
        assert move(injection, Status.COMPLETED, at=timezone.now(), by=WORKER)
        assert QaEvent.objects.count() == AuditRecord.objects.count() == 1
        raise RuntimeError("something later fails")

    with pytest.raises(RuntimeError, match="later"), transaction.atomic(durable=True):
        change_and_fail()
    assert (QaEvent.objects.count(), AuditRecord.objects.count()) == (0, 0)
    assert _stored(injection).status == Status.DISPATCHED


def test_only_the_holder_of_the_lease_moves_it() -> None:
    injection = _injection(Status.QUEUED, **LEASE)
    assert not _move(injection, Status.DISPATCHING, lease=uuid4())
    assert _stored(injection).status == Status.QUEUED
    assert _move(injection, Status.DISPATCHING, lease=LEASE["lease_token"])


def test_a_caller_may_narrow_where_it_moves_from() -> None:
    injection = _injection(Status.DISPATCHED)
    assert not _move(injection, Status.CANCELLED, only_from=WAITING)
    assert _stored(injection).status == Status.DISPATCHED


def test_a_caller_cannot_widen_where_it_moves_from() -> None:
    injection = _injection(Status.COMPLETED)
    assert not _move(injection, Status.FAILED, only_from=frozenset(Status))


@pytest.mark.parametrize(
    ("before", "to", "is_announced"),
    [
        (Status.DISPATCHED, Status.COMPLETED, True),
        (Status.DISPATCHED, Status.FAILED, True),
        (Status.DISPATCHED, Status.UNCONFIRMED, True),
        (Status.DISPATCHING, Status.UNKNOWN, True),
        (Status.DISPATCHING, Status.DISPATCHED, False),
        (Status.QUEUED, Status.CANCELLED, False),
        (Status.QUEUED, Status.EXPIRED, False),
        (Status.REQUESTED, Status.REFUSED, False),
    ],
)
def test_the_qa_system_hears_of_what_may_have_been_played(
    settings: Any, before: Status, to: Status, is_announced: bool
) -> None:
    settings.QA_WEBHOOK_URL = "http://127.0.0.1:9/qa"
    injection = _injection(before)
    _move(injection, to)
    assert QaEvent.objects.filter(injection=injection).exists() == is_announced
    if is_announced:
        event = QaEvent.objects.get()
        assert event.body["status"] == to
        assert event.body["injectionId"] == str(injection.pk)
        assert event.body["timestamp"].endswith("Z")
        assert (event.due_at, event.delivered_at) == (event.created_at, None)


def test_an_explanation_is_a_code_and_a_sentence() -> None:
    assert explained("on_hold") == {"reason_code": "on_hold", "error": REASONS["on_hold"].sentence}
    assert explained("on_hold", "held by Lee")["error"] == "held by Lee"
    assert len(explained("on_hold", "x" * 5000)["error"]) == 1000


def test_a_code_that_does_not_exist_explains_nothing() -> None:
    with pytest.raises(KeyError):
        explained("no_such_code")


def test_a_recording_may_be_heard_for_its_length_and_half_a_minute() -> None:
    assert longest_playing(InjectionFactory.build(max_duration_ms=4_200)) == timedelta(seconds=34.2)
