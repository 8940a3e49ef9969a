"""What people and machines do at the portal's own addresses."""

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from injections.models import FeedState, LiveCall
from injections.models.audio_clip import ClipStatus
from injections.roles import Role
from injections.services.clips import approve_clip
from injections.services.refusals import NotPermitted
from tests.coverage_of_the_log.acts import LONG_AGO, PASSWORD, World, act
from tests.factories import (
    AudioClipFactory,
    InjectionFactory,
    LiveCallFactory,
    QaEventFactory,
    UserFactory,
)
from tests.injections.conftest import caller_for, uploaded


@act("session.opened", "address login")
def _(world: World) -> Callable[[], object]:
    User.objects.create_user("ada", password=PASSWORD).groups.add(
        Group.objects.get_or_create(name=Role.SUPERVISOR)[0]
    )
    return lambda: Client().post("/login/", {"username": "ada", "password": PASSWORD})


@act("session.refused", "a failed login")
def _(world: World) -> Callable[[], object]:
    return lambda: Client().post("/login/", {"username": "ada", "password": "wrong"})


@act("session.closed", "address logout")
def _(world: World) -> Callable[[], object]:
    return world.form(Role.SUPERVISOR, "/logout/")


@act("injection.dispatched", "address barge_fire", "service dispatch.dispatch_taken", "service tries.intend",
     "service tries.record_accepted", "service submission.inject", "service transitions.move")  # fmt: skip
def _(world: World) -> Callable[[], object]:
    there = world.simulator.create_call()
    call = LiveCallFactory(
        conversation_id=UUID(there["conversationId"]), agent_participant_id=UUID(there["agentParticipantId"])
    )
    FeedState.objects.create(snapshot_at=call.seen_at, heard_at=call.seen_at)
    supervisor = world.browser_of(Role.SUPERVISOR, queues=[call.queue])
    armed = supervisor.post(f"/calls/{call.pk}/arm/", _choice(call))
    token = re.search(r'name="token" value="([^"]+)"', armed.content.decode())
    assert token is not None
    return lambda: supervisor.post(f"/calls/{call.pk}/fire/", {"token": token[1]})


def _choice(call: LiveCall) -> dict[str, str]:
    return {
        "clip": str(AudioClipFactory().pk),
        "agent_mute": "on",
        "reason": "The notice was not given",
        "participant_id": str(call.agent_participant_id),
        "seen_version": call.version,
    }


@act("injection.dispatched", "address inject")
def _(world: World) -> Callable[[], object]:
    from tests.injections.api.posting import body_for, post

    _, token = AuthToken.objects.create(UserFactory(role=Role.API_CLIENT))
    body = body_for(world.simulator.create_call())
    return lambda: post(token, body)


@act("injection.request_refused", "a request that is not valid", "service refusals.record_refusal")
def _(world: World) -> Callable[[], object]:
    from tests.injections.api.posting import post

    _, token = AuthToken.objects.create(UserFactory(role=Role.API_CLIENT))
    return lambda: post(token, {"conversationId": "12"})


@act("injection.completed", "address completion", "service completion.record_completion")
def _(world: World) -> Callable[[], object]:
    row = InjectionFactory(status="dispatched", interaction_id="i-1", sent_at=timezone.now())
    event = {
        "id": str(uuid4()),
        "event": "conversation:voice:interaction:completed",
        "conversationId": str(row.conversation_id),
        "participantId": str(row.participant_id),
        "interactionId": "i-1",
        "outcome": "completed",
        "timestamp": timezone.now().isoformat(),
    }
    path = f"/webhooks/completion/{settings.COMPLETION_SECRET}"
    return lambda: Client().post(path, json.dumps(event), content_type="application/json")


@act("injection.cancelled", "address injection_cancel", "service cancellation.cancel_injection")
def _(world: World) -> Callable[[], object]:
    row = InjectionFactory(due_at=timezone.now() + LONG_AGO, deadline_at=timezone.now() + LONG_AGO)
    browser = Client()
    row.requested_by.groups.add(Group.objects.get_or_create(name=Role.SUPERVISOR)[0])
    browser.force_login(row.requested_by)
    return lambda: browser.post(f"/injections/{row.pk}/cancel/")


@act("injection.settled", "address injection_settle", "service settlement.settle_unknown")
def _(world: World) -> Callable[[], object]:
    row = InjectionFactory(
        status="unknown", reason_code="outcome_unknown", error="?", sent_at=timezone.now() - LONG_AGO
    )
    fields = {"outcome": "played", "reason": "Heard in the recording"}
    return world.form(Role.COMPLIANCE, f"/injections/{row.pk}/settle/", **fields)


@act("clip.uploaded", "address clip_upload", "service clips.upload_clip")
def _(world: World) -> Callable[[], object]:
    world.demo_clip("call-taken-over.mp3")  # brings the storage of this test
    fields = {"file": uploaded("recording-notice.wav"), "title": "A", "transcript": "A.", "language": "en"}
    return world.form(Role.AUDIO_ADMIN, "/clips/upload/", **fields)


def _draft() -> Any:
    return AudioClipFactory(status=ClipStatus.DRAFT, decided_at=None, decided_by=None)


@act("clip.approved", "address clip_approve", "service clips.approve_clip")
def _(world: World) -> Callable[[], object]:
    path = f"/clips/{_draft().pk}/approve/"
    return world.form(Role.CLIP_APPROVER, path)


@act("clip.rejected", "address clip_reject", "service clips.reject_clip")
def _(world: World) -> Callable[[], object]:
    path = f"/clips/{_draft().pk}/reject/"
    return world.form(Role.CLIP_APPROVER, path, reason="Too quiet")


@act("clip.retired", "address clip_retire", "service clips.retire_clip")
def _(world: World) -> Callable[[], object]:
    path = f"/clips/{AudioClipFactory().pk}/retire/"
    return world.form(Role.AUDIO_ADMIN, path)


@act("qa_event.resent", "address delivery_resend", "service qa.resend_event")
def _(world: World) -> Callable[[], object]:
    path = f"/deliveries/{QaEventFactory(number=7).number}/resend/"
    return world.form(Role.COMPLIANCE, path)


@act("breaker.opened", "address breaker_open", "service breaker.open_breaker")
def _(world: World) -> Callable[[], object]:
    return world.form(Role.ADMINISTRATOR, "/status/breaker/open/", reason="Maintenance")


@act("breaker.closed", "address breaker_close", "service breaker.close_breaker")
def _(world: World) -> Callable[[], object]:
    world.form(Role.ADMINISTRATOR, "/status/breaker/open/", reason="Maintenance")()
    return world.form(Role.ADMINISTRATOR, "/status/breaker/close/", reason="It is over")


@act("access.refused", "a refusal by role", "service refusals.require")
def _(world: World) -> Callable[[], object]:
    clip, by = _draft(), caller_for(UserFactory(role=Role.SUPERVISOR))

    def attempt() -> None:
        with pytest.raises(NotPermitted):
            approve_clip(clip_id=clip.pk, by=by)

    return attempt
