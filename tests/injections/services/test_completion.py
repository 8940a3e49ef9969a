"""Completion events: early, late, twice, for strangers, for a request whose answer was lost."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from audit.entry import Source
from audit.models import AuditRecord
from audit.selectors import search
from injections.lifecycle import Status
from injections.models import CompletionEvent, InjectionRequest, QaEvent
from injections.roles import Role
from injections.selectors import status_summary
from injections.services.completion import (
    Completion,
    match_recent_events,
    record_completion,
    settle_from_events,
)
from injections.services.qa import due_events
from injections.services.settlement import settle_unknown
from injections.services.transitions import explained, move
from tests.factories import InjectionFactory, UserFactory
from tests.injections.conftest import caller_for

pytestmark = pytest.mark.django_db


def _sent(status: str = "dispatched", interaction_id: str = "i-1", **changes: Any) -> InjectionRequest:
    explained = {"reason_code": "outcome_unknown", "error": "lost"} if status == "unknown" else {}
    row: InjectionRequest = InjectionFactory(
        status=status, interaction_id=interaction_id, sent_at=timezone.now(), **(explained | changes)
    )
    return row


def _report(injection: InjectionRequest, **changes: Any) -> Completion:
    values: dict[str, Any] = {
        "event_id": str(uuid4()),
        "conversation_id": injection.conversation_id,
        "participant_id": injection.participant_id,
        "interaction_id": "i-1",
        "outcome": "completed",
        "happened_at": timezone.now(),
    }
    completion = Completion(**(values | changes))
    record_completion(completion=completion, source=Source(where="test"))
    injection.refresh_from_db()
    return completion


@pytest.mark.parametrize(
    ("outcome", "status", "code"),
    [
        ("completed", Status.COMPLETED, ""),
        ("failed", Status.FAILED, "playback_failed"),
        ("cancelled", Status.CANCELLED, "cancelled_upstream"),
        ("call_ended", Status.FAILED, "call_ended"),
    ],
)
def test_an_event_settles_its_injection(outcome: str, status: Status, code: str) -> None:
    injection = _sent()
    _report(injection, outcome=outcome)
    assert (injection.status, injection.reason_code, injection.outcome) == (status, code, outcome)
    assert injection.ended_at is not None
    assert injection.occupies_call is False
    assert AuditRecord.objects.filter(injection_id=injection.pk, action=f"injection.{status}").count() == 1


def test_a_repeated_event_changes_nothing() -> None:
    injection = _sent()
    first = _report(injection)
    _report(injection, event_id=first.event_id)
    assert CompletionEvent.objects.count() == 1
    assert AuditRecord.objects.filter(action="injection.completed").count() == 1


def test_a_second_event_of_the_same_interaction_does_not_undo_the_first() -> None:
    injection = _sent()
    _report(injection)
    _report(injection, outcome="failed")
    assert injection.status == Status.COMPLETED


def test_an_event_that_comes_before_the_answer_is_kept_and_settles_after_it() -> None:
    injection = _sent("dispatching", interaction_id="")
    _report(injection)
    assert injection.status == Status.DISPATCHING
    InjectionRequest.objects.filter(pk=injection.pk).update(status="dispatched", interaction_id="i-1")
    injection.refresh_from_db()
    assert settle_from_events(injection)
    injection.refresh_from_db()
    assert injection.status == Status.COMPLETED


def test_a_request_whose_answer_was_lost_is_found_by_call_and_time() -> None:
    injection = _sent("unknown", interaction_id="")
    _report(injection, interaction_id="never-heard-of")
    assert (injection.status, injection.interaction_id) == (Status.COMPLETED, "never-heard-of")


def test_an_event_from_before_the_command_is_not_taken_for_its_end() -> None:
    injection = _sent("unknown", interaction_id="")
    _report(injection, interaction_id="older", happened_at=timezone.now() - timedelta(minutes=1))
    assert injection.status == Status.UNKNOWN


def test_an_event_of_another_participant_is_not_taken_for_its_end() -> None:
    injection = _sent("unknown", interaction_id="")
    _report(injection, interaction_id="other", participant_id=uuid4())
    assert injection.status == Status.UNKNOWN


def test_two_candidates_are_left_to_a_person() -> None:
    first = _sent("unknown", interaction_id="", occupies_call=False)
    second = _sent(
        "unknown",
        interaction_id="",
        conversation_id=first.conversation_id,
        participant_id=first.participant_id,
    )
    _report(first, interaction_id="whose")
    second.refresh_from_db()
    assert (first.status, second.status) == (Status.UNKNOWN, Status.UNKNOWN)


def test_a_late_event_still_completes_what_was_unconfirmed() -> None:
    injection = _sent("unconfirmed", reason_code="no_completion", error="silence")
    _report(injection)
    assert (injection.status, injection.reason_code, injection.error) == (Status.COMPLETED, "", "")


def test_a_stranger_s_event_is_kept_and_recorded() -> None:
    injection = _sent()
    _report(injection, interaction_id="of-nobody", conversation_id=uuid4())
    assert injection.status == Status.DISPATCHED
    assert CompletionEvent.objects.get().injection is None
    assert AuditRecord.objects.filter(action="completion.received").count() == 1


def test_the_outcome_is_announced_to_the_qa_system_in_the_same_transaction(settings: Any) -> None:
    settings.QA_WEBHOOK_URL = "http://127.0.0.1:9/qa"
    injection = _sent()
    _report(injection)
    event = QaEvent.objects.get()
    assert (event.injection_id, event.body["status"], event.body["interactionId"]) == (
        injection.pk,
        "completed",
        "i-1",
    )


def test_without_an_address_the_event_is_kept_for_whoever_asks_and_never_sent() -> None:
    _report(_sent())
    event = QaEvent.objects.get()
    assert (event.number, event.body["status"]) == (1, "completed")
    assert (event.due_at, event.delivered_at) == (None, None)
    assert due_events() == []
    assert status_summary(now=timezone.now()).qa_waiting == 0


def test_the_time_of_an_event_is_the_platform_s() -> None:
    injection = _sent()
    moment = timezone.now() - timedelta(seconds=3)
    _report(injection, happened_at=moment)
    kept: datetime = CompletionEvent.objects.get().happened_at
    assert kept == moment


def test_an_event_of_a_later_recording_never_settles_an_older_doubt() -> None:
    older = _sent("unknown", interaction_id="", occupies_call=False)
    InjectionRequest.objects.filter(pk=older.pk).update(sent_at=timezone.now() - timedelta(seconds=20))
    InjectionFactory(
        status="dispatching",
        conversation_id=older.conversation_id,
        participant_id=older.participant_id,
        sent_at=timezone.now(),
    )
    _report(older, interaction_id="of-the-later-one")
    assert older.status == Status.UNKNOWN


def test_an_event_long_after_it_could_be_heard_is_not_taken_for_its_end() -> None:
    injection = _sent("unknown", interaction_id="", max_duration_ms=1000)
    _report(injection, interaction_id="much-later", happened_at=timezone.now() + timedelta(minutes=5))
    assert injection.status == Status.UNKNOWN


def test_a_doubt_that_is_settled_by_hand_is_told_to_the_qa_system(settings: Any) -> None:
    settings.QA_WEBHOOK_URL = "http://127.0.0.1:9/qa"
    injection = _sent("unknown", interaction_id="")
    settle_unknown(
        injection_id=injection.pk,
        outcome="played",
        reason="heard",
        by=caller_for(UserFactory(role=Role.COMPLIANCE)),
    )
    assert [event.body["status"] for event in QaEvent.objects.all()] == ["completed"]


def test_an_event_of_another_call_is_kept_on_record_and_changes_nothing() -> None:
    injection = _sent()
    _report(injection, conversation_id=uuid4())
    assert injection.status == Status.DISPATCHED
    assert CompletionEvent.objects.get().injection is None
    record = AuditRecord.objects.get(injection_id=injection.pk)
    assert (record.action, record.outcome) == ("completion.mismatched", "refused")
    assert "of another call; nothing was changed" in record.summary


def test_an_event_of_another_call_does_not_settle_when_it_comes_before_the_answer() -> None:
    injection = _sent("dispatching", interaction_id="")
    _report(injection, conversation_id=uuid4())
    InjectionRequest.objects.filter(pk=injection.pk).update(status="dispatched", interaction_id="i-1")
    injection.refresh_from_db()
    assert not settle_from_events(injection)
    assert match_recent_events(since=timezone.now() - timedelta(minutes=1), limit=9, source=Source()) == 0
    injection.refresh_from_db()
    assert injection.status == Status.DISPATCHED


def test_an_early_event_of_this_call_is_found_by_the_sweep() -> None:
    injection = _sent("dispatching", interaction_id="")
    _report(injection)
    InjectionRequest.objects.filter(pk=injection.pk).update(status="dispatched", interaction_id="i-1")
    assert match_recent_events(since=timezone.now() - timedelta(minutes=1), limit=9, source=Source()) == 1
    injection.refresh_from_db()
    assert injection.status == Status.COMPLETED


def test_many_strangers_events_do_not_stand_before_one_that_is_awaited() -> None:
    injection = _sent("dispatching", interaction_id="")
    for _ in range(3):
        _report(injection, conversation_id=uuid4(), interaction_id="of-nobody")
    _report(injection)
    InjectionRequest.objects.filter(pk=injection.pk).update(status="dispatched", interaction_id="i-1")
    assert match_recent_events(since=timezone.now() - timedelta(minutes=1), limit=2, source=Source()) == 1


@pytest.mark.parametrize("outcome", ["call_ended", "failed"])
def test_what_was_cut_off_is_not_put_on_record_as_not_played(outcome: str) -> None:
    injection = _sent()
    _report(injection, outcome=outcome)
    summary = AuditRecord.objects.get(injection_id=injection.pk, action="injection.failed").summary
    assert " was not played to its end in " in summary


def test_what_was_refused_is_put_on_record_as_not_played() -> None:
    injection = _sent("dispatching", interaction_id="")
    with transaction.atomic():
        move(
            injection,
            Status.FAILED,
            at=timezone.now(),
            by=caller_for(UserFactory()),
            **explained("upstream_refused"),
        )
    assert " was not played into " in AuditRecord.objects.get(injection_id=injection.pk).summary


def test_the_log_is_searched_by_the_platform_s_own_ids() -> None:
    injection = _sent(correlation_id="c-77")
    _report(injection)
    actions = set(search(text="i-1").values_list("action", flat=True))
    assert actions == {"injection.completed"}
    assert search(text="c-77").get().injection_id == injection.pk
