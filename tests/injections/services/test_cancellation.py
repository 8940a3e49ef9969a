"""Taking back what has not been sent: by whoever asked, and by nobody else."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from injections.callers import Caller, system_caller
from injections.lifecycle import CANCELLABLE, Status
from injections.models import InjectionRequest
from injections.roles import Role
from injections.services.cancellation import NotCancellable, cancel_injection
from injections.services.dispatch import dispatch_injection
from injections.services.refusals import NotPermitted
from injections.services.submission import Command
from tests.factories import InjectionFactory, UserFactory
from tests.injections.conftest import caller_for
from tests.support.at_once import at_once
from tests.support.simulator_process import SimulatorProcess

pytestmark = pytest.mark.django_db
EXPLAINED = {"reason_code": "outcome_unknown", "error": "lost"}
BEYOND = {
    Status.DISPATCHING: {},
    Status.DISPATCHED: {"interaction_id": "i-1"},
    Status.UNKNOWN: EXPLAINED,
    Status.UNCONFIRMED: EXPLAINED,
    Status.REFUSED: EXPLAINED,
    Status.EXPIRED: EXPLAINED,
    Status.CANCELLED: EXPLAINED,
    Status.FAILED: EXPLAINED,
    Status.COMPLETED: {},
}


@pytest.fixture
def supervisor(db: None) -> Caller:
    """Someone who barges."""
    return caller_for(UserFactory(role=Role.SUPERVISOR))


def _injection(by: Caller, **changes: Any) -> InjectionRequest:
    made: InjectionRequest = InjectionFactory(requested_by=by.user, **changes)
    return made


@pytest.mark.parametrize("status", sorted(CANCELLABLE))
def test_what_waits_is_cancelled_with_a_record(supervisor: Caller, status: Status) -> None:
    injection = _injection(supervisor, status=status)
    done = cancel_injection(injection_id=injection.pk, by=supervisor)
    injection.refresh_from_db()
    assert (done.status, injection.status, injection.reason_code) == (
        Status.CANCELLED,
        Status.CANCELLED,
        "cancelled_by_user",
    )
    assert injection.error
    assert (injection.occupies_call, injection.due_at, injection.lease_token) == (False, None, None)
    assert injection.ended_at is not None
    record = AuditRecord.objects.get(injection_id=injection.pk)
    assert (record.action, record.actor_id) == ("injection.cancelled", supervisor.actor.id)


def test_the_call_is_free_again_at_once(supervisor: Caller) -> None:
    injection = _injection(supervisor)
    cancel_injection(injection_id=injection.pk, by=supervisor)
    assert _injection(supervisor, conversation_id=injection.conversation_id).occupies_call


def test_every_status_is_one_or_the_other() -> None:
    assert set(BEYOND) | CANCELLABLE == set(Status)


@pytest.mark.parametrize("status", BEYOND)
def test_what_was_sent_or_has_ended_is_not_taken_back(supervisor: Caller, status: Status) -> None:
    injection = _injection(supervisor, status=status, **BEYOND[status])
    with pytest.raises(NotCancellable, match=status.value) as caught:
        cancel_injection(injection_id=injection.pk, by=supervisor)
    assert caught.value.injection.pk == injection.pk
    injection.refresh_from_db()
    assert injection.status == status
    record = AuditRecord.objects.get(injection_id=injection.pk)
    assert (record.action, record.outcome) == ("injection.cancel_refused", "refused")


def test_another_person_s_injection_does_not_exist_for_him(supervisor: Caller) -> None:
    injection = InjectionFactory()
    with pytest.raises(InjectionRequest.DoesNotExist):
        cancel_injection(injection_id=injection.pk, by=supervisor)
    injection.refresh_from_db()
    assert injection.status == Status.QUEUED


def test_one_that_never_was_does_not_exist(supervisor: Caller) -> None:
    with pytest.raises(InjectionRequest.DoesNotExist):
        cancel_injection(injection_id=uuid4(), by=supervisor)


def test_the_portal_itself_cancels_nobody_s() -> None:
    with pytest.raises(InjectionRequest.DoesNotExist):
        cancel_injection(injection_id=InjectionFactory().pk, by=system_caller(where="worker"))


def test_whoever_has_lost_the_role_cancels_nothing_and_is_recorded() -> None:
    former = caller_for(UserFactory(role=Role.COMPLIANCE))
    injection = _injection(former)
    with pytest.raises(NotPermitted):
        cancel_injection(injection_id=injection.pk, by=former)
    injection.refresh_from_db()
    assert injection.status == Status.QUEUED
    record = AuditRecord.objects.get(injection_id=injection.pk)
    assert (record.action, record.reason_code) == ("access.refused", "not_permitted")


def test_what_was_cancelled_while_its_check_was_under_way_is_never_sent(
    simulator: SimulatorProcess, command: Callable[..., Command], supervisor: Caller
) -> None:
    from injections.services.dispatch import dispatch_taken
    from injections.services.stopwatch import Stopwatch

    call = simulator.create_call()
    injection = _injection(
        supervisor,
        conversation_id=UUID(call["conversationId"]),
        participant_id=UUID(call["agentParticipantId"]),
        status="requested",
        lease_token=UUID(int=1),
        lease_until=timezone.now() + timedelta(seconds=30),
    )

    def look() -> Any:
        from injections import wiring

        cancel_injection(injection_id=injection.pk, by=supervisor)
        return wiring.driver().fetch_call_state(
            conversation_id=injection.conversation_id, participant_id=injection.participant_id
        )

    taken = InjectionRequest.objects.select_related("clip").get(pk=injection.pk)
    dispatch_taken(injection=taken, look=look, stopwatch=Stopwatch(), by=supervisor)
    injection.refresh_from_db()
    assert injection.status == Status.CANCELLED
    assert simulator.interactions() == []


@pytest.mark.django_db(transaction=True)
def test_cancelled_or_sent_but_never_both(simulator: SimulatorProcess, supervisor: Caller) -> None:
    call = simulator.create_call()
    injection = _injection(
        supervisor,
        conversation_id=UUID(call["conversationId"]),
        participant_id=UUID(call["agentParticipantId"]),
        normalize_level=False,
    )
    worker = system_caller(where="worker")
    raised = at_once(
        lambda: cancel_injection(injection_id=injection.pk, by=supervisor),
        lambda: dispatch_injection(injection_id=injection.pk, by=worker),
    )
    injection.refresh_from_db()
    was_sent = len(simulator.interactions()) == 1
    assert raised[1] is None
    assert (injection.status == Status.CANCELLED) == (raised[0] is None) == (not was_sent)
