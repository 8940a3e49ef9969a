"""One injection from the wish to the platform's answer, against a real simulator."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from injections.callers import Caller
from injections.lifecycle import Status
from injections.models import AudioClip, InjectionRequest, LiveCall
from injections.models.audio_clip import ClipStatus
from injections.roles import Role
from injections.services.dispatch import dispatch_injection
from injections.services.submission import Command, Injected, KeyReused, inject
from tests.factories import AudioClipFactory, LiveCallFactory, QueueFactory, UserFactory
from tests.injections.conftest import caller_for
from tests.support.simulator_process import SimulatorProcess

pytestmark = pytest.mark.django_db
Maker = Callable[..., Command]


def _inject(command: Command, by: Caller, key: str | None = None, fingerprint: str = "") -> Injected:
    return inject(command=command, key=key, fingerprint=fingerprint, by=by)


def _actions(injection: InjectionRequest) -> list[str]:
    rows = AuditRecord.objects.filter(injection_id=injection.pk).order_by("number_in_conversation")
    return list(rows.values_list("action", flat=True))


def test_a_consenting_call_is_played_into_once(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    call = simulator.create_call()
    done = _inject(command(call), machine).injection
    sent = simulator.interactions()
    assert (done.status, len(sent)) == (Status.DISPATCHED, 1)
    assert done.interaction_id == sent[0]["interactionId"]
    assert _actions(done) == ["injection.requested", "injection.dispatching", "injection.dispatched"]


def test_every_stage_is_measured_in_order(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    simulator.set_latency(20)
    done = _inject(command(simulator.create_call()), machine).injection
    assert done.checked_ms is not None
    assert done.sent_ms is not None
    assert done.answered_ms is not None
    assert 20 <= done.checked_ms <= done.sent_ms
    assert done.sent_ms + 20 <= done.answered_ms


def test_both_wishes_to_mute_are_kept_though_the_platform_knows_one(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    call = simulator.create_call()
    done = _inject(command(call, agent_mute=False, caller_mute=True), machine).injection
    assert simulator.interactions()[0]["body"]["mute"] is True
    assert (done.agent_mute, done.caller_mute) == (False, True)
    record = AuditRecord.objects.get(injection_id=done.pk, action="injection.requested")
    assert '"mute":{"agent":false,"caller":true}' in record.body


@pytest.mark.parametrize(
    ("consent", "code"),
    [
        ("false", "consent_denied"),
        ("True", "consent_denied"),
        ("missing", "consent_missing"),
        ("none", "attributes_missing"),
        ("null", "attributes_missing"),
    ],
)
def test_without_consent_nothing_is_sent_and_the_reason_is_on_record(
    simulator: SimulatorProcess, command: Maker, machine: Caller, consent: str, code: str
) -> None:
    call = simulator.create_call(consent=consent)
    refused = _inject(command(call), machine).injection
    assert (refused.status, refused.reason_code) == (Status.REFUSED, code)
    assert simulator.interactions() == []
    record = AuditRecord.objects.get(injection_id=refused.pk, action="injection.refused")
    assert (record.outcome, record.reason_code) == ("refused", code)


@pytest.mark.parametrize(("consent", "action"), [("true", "dispatching"), ("false", "refused")])
def test_a_decision_is_found_by_the_platform_s_ids_of_the_answers_that_it_rests_on(
    simulator: SimulatorProcess, command: Maker, machine: Caller, consent: str, action: str
) -> None:
    done = _inject(command(simulator.create_call(consent=consent)), machine).injection
    record = AuditRecord.objects.get(injection_id=done.pk, action=f"injection.{action}")
    ids = json.loads(record.body)["details"]["evidence"]["correlation_ids"]
    assert len(ids) == 2
    assert all(f"correlation={one}" in record.subject_other for one in ids)


@pytest.mark.parametrize("state", ["queued", "disconnected"])
def test_a_call_that_is_not_active_is_refused(
    simulator: SimulatorProcess, command: Maker, machine: Caller, state: str
) -> None:
    call = simulator.create_call()
    simulator.patch_call(call["conversationId"], state=state)
    refused = _inject(command(call), machine).injection
    assert (refused.status, refused.reason_code) == (Status.REFUSED, "call_not_active")


def test_a_participant_who_is_not_in_the_call_is_refused(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    call = simulator.create_call()
    stranger = UUID("00000000-0000-4000-8000-000000000001")
    refused = _inject(command(call, participant_id=stranger), machine).injection
    assert (refused.status, refused.reason_code) == (Status.REFUSED, "participant_not_in_call")


def test_a_second_recording_waits_for_no_one_and_is_refused(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    call = simulator.create_call()
    first = _inject(command(call), machine).injection
    second = _inject(command(call), machine).injection
    assert (first.status, second.status, second.reason_code) == (
        Status.DISPATCHED,
        Status.REFUSED,
        "call_busy",
    )
    assert len(simulator.interactions()) == 1


def test_the_same_key_and_body_give_the_same_injection(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    wish = command(simulator.create_call())
    first = _inject(wish, machine, key="press-1", fingerprint="a")
    again = _inject(wish, machine, key="press-1", fingerprint="a")
    assert (again.injection.pk, again.is_replay) == (first.injection.pk, True)
    assert len(simulator.interactions()) == 1


def test_the_same_key_with_another_body_is_refused_and_recorded(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    wish = command(simulator.create_call())
    _inject(wish, machine, key="press-1", fingerprint="a")
    with pytest.raises(KeyReused):
        _inject(wish, machine, key="press-1", fingerprint="b")
    assert AuditRecord.objects.filter(action="injection.key_refused").count() == 1


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_with_one_key_are_one_injection(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    wish = command(simulator.create_call())
    found: list[UUID] = []

    def press() -> None:
        from django.db import connection

        try:
            found.append(_inject(wish, machine, key="press-1", fingerprint="a").injection.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=press) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(found) == 50
    assert len(set(found)) == 1
    assert len(simulator.interactions()) == 1


def test_a_429_is_waited_for_inside_the_request(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    simulator.plant("status", method="POST", path="/interactions$", status=429, headers={"Retry-After": "1"})
    done = _inject(command(simulator.create_call()), machine).injection
    attempts = list(done.attempts.values_list("number", "outcome", "http_status"))
    assert done.status == Status.DISPATCHED
    assert attempts == [(1, "not_accepted", 429), (2, "accepted", 201)]


def test_a_long_retry_after_leaves_it_in_the_queue(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    simulator.plant("status", method="POST", path="/interactions$", status=429, headers={"Retry-After": "9"})
    before = timezone.now()
    queued = _inject(command(simulator.create_call()), machine).injection
    assert (queued.status, queued.reason_code) == (Status.QUEUED, "rate_limited")
    assert queued.due_at is not None
    assert timedelta(seconds=8) < queued.due_at - before < timedelta(seconds=11)


def test_a_retry_after_beyond_the_deadline_expires_it(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    simulator.plant("status", method="POST", path="/interactions$", status=429, headers={"Retry-After": "60"})
    expired = _inject(command(simulator.create_call()), machine).injection
    assert (expired.status, expired.reason_code) == (Status.EXPIRED, "deadline_passed")


def test_consent_withdrawn_while_it_waited_stops_it(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    call = simulator.create_call()
    simulator.plant("status", method="POST", path="/interactions$", status=503, headers={"Retry-After": "1"})
    timer = threading.Timer(0.5, simulator.patch_call, [call["conversationId"]], {"consent": "false"})
    timer.start()
    refused = _inject(command(call), machine).injection
    timer.join()
    assert (refused.status, refused.reason_code) == (Status.REFUSED, "consent_withdrawn")
    assert [one for one in simulator.interactions() if one["accepted"]] == []


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"kind": "status", "status": 400}, Status.FAILED, "upstream_refused"),
        ({"kind": "status", "status": 403}, Status.FAILED, "upstream_refused"),
        ({"kind": "status", "status": 404}, Status.FAILED, "upstream_refused"),
        ({"kind": "status", "status": 500}, Status.UNKNOWN, "outcome_unknown"),
        ({"kind": "status", "status": 502}, Status.UNKNOWN, "outcome_unknown"),
        ({"kind": "status", "status": 504}, Status.UNKNOWN, "outcome_unknown"),
        ({"kind": "reset"}, Status.UNKNOWN, "outcome_unknown"),
        ({"kind": "garbage"}, Status.UNKNOWN, "outcome_unknown"),
        ({"kind": "accept_then_drop"}, Status.UNKNOWN, "outcome_unknown"),
        ({"kind": "no_interaction_id"}, Status.UNKNOWN, "outcome_unknown"),
    ],
    ids=lambda value: f"{value['kind']}-{value.get('status', '')}" if isinstance(value, dict) else None,
)
def test_a_command_is_never_sent_again_once_it_may_have_arrived(
    simulator: SimulatorProcess,
    command: Maker,
    machine: Caller,
    fault: dict[str, Any],
    status: Status,
    code: str,
) -> None:
    simulator.set_completions(withhold=True)
    kind = fault.pop("kind")
    simulator.plant(kind, method="POST", path="/interactions$", times=None, **fault)
    done = _inject(command(simulator.create_call()), machine).injection
    assert (done.status, done.reason_code) == (status, code)
    assert done.error != ""
    assert done.attempts.count() == 1
    record = AuditRecord.objects.get(injection_id=done.pk, action=f"injection.{status}")
    assert record.reason_code == code


def test_what_cannot_be_checked_is_not_sent(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    simulator.plant("status", method="GET", path="/conversations/voice/", status=500, times=None)
    failed = _inject(command(simulator.create_call()), machine).injection
    assert failed.status == Status.FAILED
    assert failed.attempts.get().outcome == "unverified"
    assert simulator.interactions() == []


def test_an_unreachable_platform_is_tried_again_until_the_tries_are_used_up(
    settings: Any, command: Maker, machine: Caller, simulator: SimulatorProcess
) -> None:
    call = simulator.create_call()
    settings.GENESYS_API_URL = "http://127.0.0.1:9"
    queued = _inject(command(call), machine).injection
    assert (queued.status, queued.reason_code) == (Status.QUEUED, "upstream_unreachable")
    assert set(queued.attempts.values_list("outcome", flat=True)) == {"not_accepted"}


def test_a_dead_process_s_request_lapses_and_is_taken_up_by_another(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    from tests.factories import InjectionFactory

    call = simulator.create_call()
    left = InjectionFactory(
        conversation_id=UUID(call["conversationId"]),
        participant_id=UUID(call["agentParticipantId"]),
        normalize_level=False,
        status="requested",
        lease_token=UUID(int=1),
        lease_until=timezone.now() - timedelta(seconds=1),
    )
    assert dispatch_injection(injection_id=left.pk, by=machine) is not None
    left.refresh_from_db()
    assert left.status == Status.DISPATCHED


@pytest.fixture
def board_call(simulator: SimulatorProcess) -> LiveCall:
    """A call that the supervisor sees on the board, as the simulator has it."""
    call = simulator.create_call()
    return LiveCallFactory(
        conversation_id=UUID(call["conversationId"]),
        agent_participant_id=UUID(call["agentParticipantId"]),
        queue=QueueFactory(),
    )


def _page_command(command: Maker, call: LiveCall, **changes: Any) -> Command:
    ids = {"conversationId": str(call.conversation_id), "agentParticipantId": str(call.agent_participant_id)}
    return command(ids, is_from_page=True, seen_version=call.version, reason="notice not given", **changes)


def _supervisor_of(call: LiveCall) -> Caller:
    user = UserFactory(role=Role.SUPERVISOR)
    call.queue.supervisors.add(user)
    return caller_for(user)


def test_a_supervisor_barges_into_a_call_of_his_queue(board_call: LiveCall, command: Maker) -> None:
    done = _inject(_page_command(command, board_call), _supervisor_of(board_call)).injection
    assert (done.status, done.agent_name) == (Status.DISPATCHED, board_call.agent_name)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"version": "v2"}, "call_changed"),
        ({"is_held": True}, "on_hold"),
        ({"is_secure_paused": True}, "secure_pause"),
        ({"barged_by": "Lee"}, "call_busy"),
        ({"seen_at": timezone.now() - timedelta(minutes=5)}, "call_changed"),
        ({"agent_participant_id": UUID(int=9)}, "call_changed"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_changed_since_the_supervisor_looked_refuses_him(
    simulator: SimulatorProcess, board_call: LiveCall, command: Maker, change: dict[str, Any], code: str
) -> None:
    wish = _page_command(command, board_call)
    LiveCall.objects.filter(pk=board_call.pk).update(**change)
    refused = _inject(wish, _supervisor_of(board_call)).injection
    assert (refused.status, refused.reason_code) == (Status.REFUSED, code)
    assert simulator.interactions() == []


def test_a_call_of_another_queue_is_out_of_scope(board_call: LiveCall, command: Maker) -> None:
    stranger = caller_for(UserFactory(role=Role.SUPERVISOR))
    refused = _inject(_page_command(command, board_call), stranger).injection
    assert (refused.status, refused.reason_code) == (Status.REFUSED, "out_of_scope")


def test_another_role_may_not_barge(board_call: LiveCall, command: Maker) -> None:
    user = UserFactory(role=Role.COMPLIANCE)
    board_call.queue.supervisors.add(user)
    refused = _inject(_page_command(command, board_call), caller_for(user)).injection
    assert (refused.status, refused.reason_code) == (Status.REFUSED, "not_permitted")


def test_a_recording_that_is_not_approved_is_refused(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    clip = AudioClipFactory(status=ClipStatus.DRAFT, decided_at=None, decided_by=None)
    refused = _inject(command(simulator.create_call(), clip=clip), machine).injection
    assert (refused.status, refused.reason_code) == (Status.REFUSED, "clip_not_approved")


def test_a_recording_that_is_retired_while_the_request_waits_is_not_played(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    wish = command(simulator.create_call())
    assert wish.clip is not None
    simulator.plant("status", method="POST", path="/interactions$", status=503, headers={"Retry-After": "9"})
    waiting = _inject(wish, machine).injection
    AudioClip.objects.filter(pk=wish.clip.pk).update(
        status=ClipStatus.RETIRED, retired_at=timezone.now(), retired_by=wish.clip.uploaded_by
    )
    InjectionRequest.objects.filter(pk=waiting.pk).update(due_at=timezone.now())
    dispatch_injection(injection_id=waiting.pk, by=machine)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason_code) == (Status.REFUSED, "clip_not_approved")
    assert [one for one in simulator.interactions() if one["accepted"]] == []


def test_a_command_whose_deadline_passes_during_the_login_never_leaves(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    call = simulator.create_call()
    simulator.plant("status", method="POST", path="/interactions$", status=401)
    simulator.plant("delay", method="POST", path="/oauth/token$", delay_ms=1300, times=None)
    expired = _inject(command(call, deadline_s=1), machine).injection
    assert (expired.status, expired.reason_code) == (Status.EXPIRED, "deadline_passed")
    assert [one for one in simulator.interactions() if one["accepted"]] == []
    assert expired.attempts.get().outcome == "not_accepted"
