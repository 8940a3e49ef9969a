"""Tries after the first: what they leave behind, and races with those who settle."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.utils import timezone

from audit.models import AuditRecord
from injections.callers import system_caller
from injections.lifecycle import Status
from injections.models import InjectionRequest
from injections.services import dispatch, sweep
from injections.services.dispatch import dispatch_injection
from tests.factories import InjectionFactory, LiveCallFactory
from tests.support.simulator_process import SimulatorProcess

pytestmark = pytest.mark.django_db
WORKER = system_caller(where="test")
Waiting = Callable[..., InjectionRequest]


@pytest.fixture
def waiting(simulator: SimulatorProcess) -> Waiting:
    """Return a maker of requests that wait, for a consenting call."""

    def make(**changes: Any) -> InjectionRequest:
        call = simulator.create_call()
        row: InjectionRequest = InjectionFactory(
            conversation_id=UUID(call["conversationId"]),
            participant_id=UUID(call["agentParticipantId"]),
            normalize_level=False,
            **changes,
        )
        return row

    return make


def _try(injection: InjectionRequest) -> InjectionRequest:
    dispatch_injection(injection_id=injection.pk, by=WORKER)
    injection.refresh_from_db()
    return injection


def test_a_waiting_one_is_sent_once(waiting: Waiting, simulator: SimulatorProcess) -> None:
    injection = waiting()
    assert _try(injection).status == Status.DISPATCHED
    assert dispatch_injection(injection_id=injection.pk, by=WORKER) is None
    assert len(simulator.interactions()) == 1


@pytest.mark.parametrize(
    ("fault", "is_answered"),
    [
        ({"kind": "status", "status": 422}, True),
        ({"kind": "status", "status": 503}, True),
        ({"kind": "status", "status": 500}, True),
        ({"kind": "accept_then_drop"}, False),
        ({"kind": "reset"}, False),
    ],
    ids=["refused", "overloaded", "doubtful", "answer lost", "reset"],
)
def test_what_left_has_the_time_when_it_left_whatever_came_of_it(
    waiting: Waiting, simulator: SimulatorProcess, fault: dict[str, Any], is_answered: bool
) -> None:
    injection = waiting()
    simulator.plant(method="POST", path="/interactions$", **fault)
    _try(injection)
    attempt = injection.attempts.get()
    for one in (injection, attempt):
        assert one.waited_ms is not None
        assert one.checked_ms is not None
        assert one.sent_ms is not None
        assert one.waited_ms < one.checked_ms <= one.sent_ms
        assert (one.answered_ms is not None) == is_answered


def test_what_never_left_has_no_time_of_leaving(waiting: Waiting, simulator: SimulatorProcess) -> None:
    injection = waiting(sent_ms=12.0, answered_ms=15.0, checked_ms=9.0)  # of an earlier try
    simulator.plant("status", method="GET", path="/conversations/voice/", status=503)
    _try(injection)
    attempt = injection.attempts.get()
    for one in (injection, attempt):
        assert (one.checked_ms, one.sent_ms, one.answered_ms) == (None, None, None)


def test_why_it_waited_is_forgotten_once_it_is_sent(waiting: Waiting) -> None:
    injection = waiting(reason_code="rate_limited", error="The platform takes no more requests.", tries=1)
    sent = _try(injection)
    assert (sent.status, sent.reason_code, sent.error) == (Status.DISPATCHED, "", "")
    codes = AuditRecord.objects.filter(injection_id=injection.pk).values_list("reason_code", flat=True)
    assert set(codes) == {""}


def test_what_is_not_due_yet_is_left_alone(waiting: Waiting, simulator: SimulatorProcess) -> None:
    injection = waiting(due_at=timezone.now() + timedelta(seconds=5))
    assert _try(injection).status == Status.QUEUED
    assert simulator.interactions() == []


def test_what_is_past_its_deadline_is_never_sent(waiting: Waiting, simulator: SimulatorProcess) -> None:
    injection = waiting(deadline_at=timezone.now() - timedelta(milliseconds=1))
    assert (_try(injection).status, injection.reason_code) == (Status.EXPIRED, "deadline_passed")
    assert simulator.interactions() == []


def test_what_waits_until_after_its_deadline_is_not_sent(
    waiting: Waiting, simulator: SimulatorProcess
) -> None:
    # The deadline passes while the platform answers the check.
    simulator.set_latency(400)
    injection = waiting(deadline_at=timezone.now() + timedelta(seconds=0.3))
    assert _try(injection).status == Status.EXPIRED
    assert injection.sent_at is None
    assert simulator.interactions() == []


@pytest.mark.parametrize("consent", ["false", "missing"])
def test_consent_that_held_when_it_was_armed_was_withdrawn(
    waiting: Waiting, simulator: SimulatorProcess, consent: str
) -> None:
    injection = waiting(channel="page", seen_version="v1")
    LiveCallFactory(conversation_id=injection.conversation_id, agent_participant_id=injection.participant_id)
    simulator.patch_call(str(injection.conversation_id), consent=consent)
    assert (_try(injection).status, injection.reason_code) == (Status.REFUSED, "consent_withdrawn")


def test_consent_that_was_withdrawn_while_it_waited_is_called_so(
    waiting: Waiting, simulator: SimulatorProcess
) -> None:
    injection = waiting(tries=1, sent_at=timezone.now())
    simulator.patch_call(str(injection.conversation_id), consent="false")
    assert (_try(injection).status, injection.reason_code) == (Status.REFUSED, "consent_withdrawn")
    assert simulator.interactions() == []


def test_what_another_process_is_sending_does_not_expire_under_its_hands(
    waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    injection = waiting(deadline_at=timezone.now() - timedelta(seconds=1))
    move = sweep.move

    def sent_meanwhile(row: InjectionRequest, *args: Any, **kwargs: Any) -> bool:
        # Between the sweep's look and its move another process claims the row, within the deadline still.
        InjectionRequest.objects.filter(pk=row.pk).update(status=Status.DISPATCHING, due_at=None)
        return move(row, *args, **kwargs)

    monkeypatch.setattr(sweep, "move", sent_meanwhile)
    assert sweep.expire_overdue(by=WORKER) == 0
    injection.refresh_from_db()
    assert injection.status == Status.DISPATCHING


@pytest.mark.parametrize("header", ["X-Interaction-Id", "ININ-Correlation-Id"])
@pytest.mark.parametrize("status", [201, 403, 503])
def test_an_id_longer_than_the_table_takes_is_no_failure_after_sending(
    waiting: Waiting, simulator: SimulatorProcess, header: str, status: int
) -> None:
    headers = {"X-Interaction-Id": "i-1"} | {header: "x" * 150}
    simulator.plant("status", method="POST", path="/interactions$", status=status, headers=headers)
    injection = _try(waiting())
    attempt = injection.attempts.get()
    assert attempt.finished_at is not None
    # An id that cannot be kept cannot be matched: the end stays unknown, and it is never sent again.
    accepted = Status.UNKNOWN if header == "X-Interaction-Id" else Status.DISPATCHED
    assert injection.status == {201: accepted, 403: Status.FAILED, 503: Status.QUEUED}[status]


def test_what_a_process_left_before_the_intent_can_be_taken_up_before_its_deadline(
    waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise SystemExit

    injection = waiting(deadline_at=timezone.now() + timedelta(seconds=settings.INJECT_DEADLINE_S))
    monkeypatch.setattr(dispatch, "intend", die)
    with pytest.raises(SystemExit):
        dispatch_injection(injection_id=injection.pk, by=WORKER)
    injection.refresh_from_db()
    assert injection.lease_until is not None
    assert injection.lease_until + timedelta(seconds=5) < injection.deadline_at


def test_a_process_that_was_held_up_sends_nothing_and_another_try_does(
    waiting: Waiting, simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    injection = waiting()
    with monkeypatch.context() as patch:
        patch.setattr(
            dispatch, "_LONGEST_COMMAND", timedelta(minutes=1)
        )  # as if most of the lease had passed
        held_up = _try(injection)
    assert (held_up.status, held_up.tries) == (Status.QUEUED, 1)
    assert "held up" in held_up.error
    assert simulator.interactions() == []
    InjectionRequest.objects.filter(pk=injection.pk).update(due_at=timezone.now())
    assert _try(injection).status == Status.DISPATCHED
