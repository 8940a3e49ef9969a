"""From the request to the report of its end: portal, platform, media server and receiver over sockets."""

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from audit.models import AuditRecord
from injections import media
from injections.callers import Caller, system_caller
from injections.lifecycle import Status
from injections.models import AudioClip, InjectionRequest
from injections.models.audio_clip import ClipStatus
from injections.roles import Role
from injections.services.registration import register_completion_webhook
from injections.services.submission import Command, inject
from tests.factories import UserFactory
from tests.injections.conftest import DEMO, remove_webhooks
from tests.support.simulator_process import SimulatorProcess

pytestmark = pytest.mark.django_db
WORKER = system_caller(where="test")


@pytest.fixture
def portal(live_server: Any, simulator: SimulatorProcess, settings: Any) -> Iterator[SimulatorProcess]:
    """A portal that answers on a port, registered with a simulator for completion events."""
    settings.PORTAL_BASE_URL = live_server.url
    simulator.hang_up()
    register_completion_webhook(by=WORKER)
    yield simulator
    simulator.hang_up()
    remove_webhooks()


@pytest.fixture
def playable(portal: SimulatorProcess, demo_clip: Callable[..., AudioClip]) -> AudioClip:
    """A real recording in the storage, approved."""
    clip = demo_clip("supervisor-joining.mp3", title="A supervisor is joining")
    AudioClip.objects.filter(pk=clip.pk).update(
        status=ClipStatus.APPROVED, decided_at=timezone.now(), decided_by=UserFactory()
    )
    clip.refresh_from_db()
    return clip


def _inject(
    command: Callable[..., Command], by: Caller, call: dict[str, Any], **changes: Any
) -> InjectionRequest:
    done = inject(command=command(call, **changes), key=None, fingerprint="", by=by).injection
    assert done.status in {Status.DISPATCHED, Status.COMPLETED}, done.error
    return done


def _settled(injection: InjectionRequest) -> Callable[[], bool]:
    def look() -> bool:
        injection.refresh_from_db()
        return injection.status not in {Status.DISPATCHING, Status.DISPATCHED}

    return look


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("normalize", [True, False], ids=["levelled", "as uploaded"])
def test_a_barge_is_fetched_played_and_reported(
    portal: SimulatorProcess,
    playable: AudioClip,
    command: Callable[..., Command],
    machine: Caller,
    eventually: Callable[[Callable[[], Any]], Any],
    normalize: bool,
) -> None:
    injection = _inject(command, machine, portal.create_call(), clip=playable, normalize_level=normalize)
    eventually(_settled(injection))
    assert (injection.status, injection.outcome, injection.occupies_call) == (
        Status.COMPLETED,
        "completed",
        False,
    )
    [played] = portal.interactions()
    assert played["interactionId"] == injection.interaction_id
    # What was played is what the record names: bytes, not an address.
    digest = playable.levelled_sha256 if normalize else playable.sha256
    assert played["sha256"] == digest
    assert digest in AuditRecord.objects.get(injection_id=injection.pk, action="injection.requested").body
    actions = AuditRecord.objects.filter(injection_id=injection.pk).order_by("number_in_conversation")
    assert list(actions.values_list("action", flat=True)) == [
        "injection.requested",
        "injection.dispatching",
        "injection.dispatched",
        "injection.completed",
    ]


@pytest.mark.django_db(transaction=True)
def test_a_recording_that_cannot_be_fetched_ends_as_failed(
    portal: SimulatorProcess,
    playable: AudioClip,
    command: Callable[..., Command],
    machine: Caller,
    settings: Any,
    eventually: Callable[[Callable[[], Any]], Any],
) -> None:
    from django.core.files.storage import default_storage

    default_storage.delete(playable.storage_name)
    injection = _inject(command, machine, portal.create_call(), clip=playable, normalize_level=False)
    eventually(_settled(injection))
    assert (injection.status, injection.reason_code) == (Status.FAILED, "playback_failed")


@pytest.mark.django_db(transaction=True)
def test_a_call_that_ends_under_the_recording_is_told_apart(
    portal: SimulatorProcess,
    playable: AudioClip,
    command: Callable[..., Command],
    machine: Caller,
    eventually: Callable[[Callable[[], Any]], Any],
) -> None:
    call = portal.create_call()
    injection = _inject(command, machine, call, clip=playable, max_duration_ms=30_000)
    eventually(lambda: portal.interactions()[0]["sha256"])
    portal.patch_call(call["conversationId"], state="ended")
    eventually(_settled(injection))
    assert injection.status in {Status.FAILED, Status.COMPLETED}  # it is over in the wink of an eye
    assert injection.outcome == ("call_ended" if injection.status == Status.FAILED else "completed")


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_was_lost_is_settled_by_the_report(
    portal: SimulatorProcess,
    playable: AudioClip,
    command: Callable[..., Command],
    machine: Caller,
    eventually: Callable[[Callable[[], Any]], Any],
) -> None:
    call = portal.create_call()
    portal.set_completions(delay_ms=300)
    portal.plant("accept_then_drop", method="POST", path="/interactions$")
    injection = inject(command=command(call, clip=playable), key=None, fingerprint="", by=machine).injection
    assert injection.status == Status.UNKNOWN
    eventually(lambda: InjectionRequest.objects.get(pk=injection.pk).status == Status.COMPLETED)
    injection.refresh_from_db()
    assert injection.interaction_id == portal.interactions()[0]["interactionId"]
    assert len(portal.interactions()) == 1


@pytest.mark.django_db(transaction=True)
def test_by_the_api_from_the_request_to_the_end(
    portal: SimulatorProcess,
    playable: AudioClip,
    eventually: Callable[[Callable[[], Any]], Any],
) -> None:
    _, token = AuthToken.objects.create(UserFactory(role=Role.API_CLIENT))
    call = portal.create_call()
    body = {
        "conversationId": call["conversationId"],
        "participantId": call["agentParticipantId"],
        "audioUrl": media.public_url(playable),
        "streamMatrix": {"agentMute": False, "callerMute": True, "normalizeLevel": True},
        "maxDurationMs": 15000,
    }
    answer = Client().post(
        "/inject",
        json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Token {token}"},
    )
    assert answer.status_code == 201
    injection = InjectionRequest.objects.get(conversation_id=UUID(call["conversationId"]))
    assert answer.json()["id"] == injection.interaction_id
    eventually(_settled(injection))
    assert injection.status == Status.COMPLETED
    shown = (
        Client().get(f"/api/v1/injections/{injection.pk}", headers={"Authorization": f"Token {token}"}).json()
    )
    assert shown["status"] == "completed"


def test_the_digest_in_a_record_is_that_of_the_bytes(demo_clip: Callable[..., AudioClip]) -> None:
    clip = demo_clip("supervisor-joining.mp3")
    assert clip.sha256 == hashlib.sha256((DEMO / "supervisor-joining.mp3").read_bytes()).hexdigest()
