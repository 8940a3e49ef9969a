"""Hold, secure pause and barges are decided by what is so now: by the board's fresh word, else by the platform's."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from injections import wiring
from injections.callers import Caller, system_caller
from injections.lifecycle import Status
from injections.live.watcher import Watcher
from injections.models import FeedState, InjectionRequest
from injections.services.dispatch import dispatch_injection
from injections.services.submission import Command, inject
from tests.factories import InjectionFactory, LiveCallFactory, QueueFactory
from tests.support.simulator_process import SimulatorProcess

pytestmark = pytest.mark.django_db
Maker = Callable[..., Command]
HINDERED = [
    ({"securePause": True}, "secure_pause"),
    ({"held": True}, "on_hold"),
    ({"confined": True}, "on_hold"),
    ({"barged": True}, "call_busy"),
]


def _inject(command: Command, by: Caller) -> InjectionRequest:
    return inject(command=command, key=None, fingerprint="", by=by).injection


def _board_row(call: dict[str, Any], *, age_s: float, **known: Any) -> None:
    LiveCallFactory(
        conversation_id=UUID(call["conversationId"]),
        agent_participant_id=UUID(call["agentParticipantId"]),
        seen_at=timezone.now() - timedelta(seconds=age_s),
        **known,
    )


@pytest.mark.parametrize(("state", "code"), HINDERED)
def test_a_call_that_the_board_does_not_show_is_looked_at(
    simulator: SimulatorProcess, command: Maker, machine: Caller, state: dict[str, Any], code: str
) -> None:
    refused = _inject(command(simulator.create_call(**state)), machine)
    assert (refused.status, refused.reason_code) == (Status.REFUSED, code)
    assert simulator.interactions() == []
    record = AuditRecord.objects.get(injection_id=refused.pk, action="injection.refused")
    assert code in json.loads(record.body)["details"]["evidence"]["hindrances"]


@pytest.mark.parametrize(("state", "code"), HINDERED)
def test_a_board_that_is_behind_is_not_believed(
    simulator: SimulatorProcess, command: Maker, machine: Caller, state: dict[str, Any], code: str
) -> None:
    call = simulator.create_call(**state)
    _board_row(call, age_s=11)
    assert _inject(command(call), machine).reason_code == code
    assert simulator.interactions() == []


def test_nor_is_it_believed_that_a_hold_still_lasts(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    call = simulator.create_call()
    _board_row(call, age_s=11, is_held=True)
    assert _inject(command(call), machine).status == Status.DISPATCHED


def test_a_fresh_board_spares_the_question(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    call = simulator.create_call()
    _board_row(call, age_s=1)
    simulator.plant("status", path=f"/conversations/{call['conversationId']}$", status=503, times=None)
    assert _inject(command(call), machine).status == Status.DISPATCHED


def test_what_began_while_it_waited_is_seen_at_the_next_try(
    simulator: SimulatorProcess, command: Maker
) -> None:
    call = simulator.create_call()
    waiting = InjectionFactory(
        conversation_id=UUID(call["conversationId"]), participant_id=UUID(call["agentParticipantId"])
    )
    simulator.patch_call(call["conversationId"], securePause=True)
    dispatch_injection(injection_id=waiting.pk, by=system_caller(where="test"))
    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason_code) == (Status.REFUSED, "secure_pause")


@pytest.mark.parametrize("status", [403, 404])
def test_a_gateway_that_offers_the_profile_alone_can_be_used(
    simulator: SimulatorProcess, command: Maker, machine: Caller, status: int
) -> None:
    call = simulator.create_call()
    simulator.plant("status", path=f"/conversations/{call['conversationId']}$", status=status, times=None)
    done = _inject(command(call), machine)
    assert done.status == Status.DISPATCHED
    record = AuditRecord.objects.get(injection_id=done.pk, action="injection.dispatching")
    evidence = json.loads(record.body)["details"]["evidence"]
    assert (evidence["hindrances"], evidence["hindrances_from"]) == (None, "nobody")


@pytest.mark.parametrize(
    "answer",
    [
        {"kind": "status", "status": 403},
        {"kind": "status", "status": 404},
        {"kind": "status", "status": 200, "body": {}},
        {"kind": "status", "status": 200, "body": {"id": "another", "participants": []}},
        {"kind": "status", "status": 200, "body": {"id": "THIS", "participants": []}},
    ],
    ids=str,
)
@pytest.mark.parametrize("heard", ["snapshot_at", "heard_at"])
def test_a_platform_that_can_tell_and_does_not_is_no_reason_to_play(
    simulator: SimulatorProcess,
    command: Maker,
    machine: Caller,
    answer: dict[str, Any],
    heard: str,
) -> None:
    QueueFactory()
    FeedState.objects.create(**{heard: timezone.now()})
    call = simulator.create_call(securePause=True)
    fault = json.loads(json.dumps(answer).replace("THIS", call["conversationId"]))
    simulator.plant(**fault, path=f"/conversations/{call['conversationId']}$", times=None)
    failed = _inject(command(call), machine)
    assert (failed.status, "could not be verified" in failed.error) == (Status.FAILED, True)
    assert simulator.interactions() == []


@pytest.mark.django_db(transaction=True)
def test_a_snapshot_without_queues_does_not_pass_for_a_platform_that_can_tell(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    Watcher(wiring.client(), stop=threading.Event()).take_snapshot()
    call = simulator.create_call()
    simulator.plant("status", path=f"/conversations/{call['conversationId']}$", status=404, times=None)
    assert _inject(command(call), machine).status == Status.DISPATCHED


@pytest.mark.parametrize("state", ["ended", "disconnected", "gone"])
def test_of_a_call_that_is_over_nobody_has_to_tell_more(
    simulator: SimulatorProcess, command: Maker, machine: Caller, state: str
) -> None:
    FeedState.objects.create(heard_at=timezone.now())  # it can tell of others
    call = simulator.create_call()
    simulator.patch_call(call["conversationId"], state=state)
    refused = _inject(command(call), machine)
    assert (refused.status, refused.reason_code) == (Status.REFUSED, "call_not_active")


def test_what_the_board_knew_is_not_forgotten_because_the_check_took_long(
    simulator: SimulatorProcess,
) -> None:
    call = simulator.create_call(securePause=True)
    waiting = InjectionFactory(
        conversation_id=UUID(call["conversationId"]), participant_id=UUID(call["agentParticipantId"])
    )
    _board_row(call, age_s=9.8, is_secure_paused=True)
    simulator.set_latency(400)  # fresh when the try begins, old when its answers come
    dispatch_injection(injection_id=waiting.pk, by=system_caller(where="test"))
    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason_code) == (Status.REFUSED, "secure_pause")


def test_what_cannot_be_verified_is_not_played(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    call = simulator.create_call()
    simulator.plant("status", path=f"/conversations/{call['conversationId']}$", status=500, times=None)
    assert _inject(command(call), machine).status == Status.FAILED
    assert simulator.interactions() == []
