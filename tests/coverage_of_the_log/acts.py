"""Each act of the product, done once as it is done in use, and the action under which it must be on record."""

import io
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from injections.callers import Caller, system_caller
from injections.models import FeedState, LiveCall
from injections.models.audio_clip import ClipStatus
from injections.roles import Role
from injections.services import dispatch, sweep
from injections.services.clips import approve_clip
from injections.services.refusals import NotPermitted
from injections.services.registration import register_completion_webhook
from tests.factories import (
    AudioClipFactory,
    InjectionFactory,
    LiveCallFactory,
    QaEventFactory,
    QueueFactory,
    UserFactory,
)
from tests.injections.conftest import caller_for, remove_webhooks, uploaded
from tests.support.simulator_process import SimulatorProcess

LONG_AGO = timedelta(minutes=5)
PASSWORD = "a-Long-Enough-pass-7"


@dataclass(frozen=True)
class World:
    """What stands before an act: who acts is made here, and so is what is acted upon."""

    browser_of: Callable[..., Client]
    simulator: SimulatorProcess
    demo_clip: Callable[..., Any]
    patch: pytest.MonkeyPatch

    @property
    def worker(self) -> Caller:
        """The portal itself."""
        return system_caller(where="worker")

    def form(self, role: Role, path: str, **fields: Any) -> Callable[[], None]:
        """Return what sends a form as somebody with `role`, who is there already."""
        browser = self.browser_of(role)

        def send() -> None:
            answer = browser.post(path, fields)
            assert answer.status_code in {200, 302}, answer.content

        return send

    def waiting(self, **fields: Any) -> Any:
        """Return an injection into a call that the platform has."""
        call = self.simulator.create_call()
        return InjectionFactory(
            conversation_id=UUID(call["conversationId"]),
            participant_id=UUID(call["agentParticipantId"]),
            normalize_level=False,
            **fields,
        )


@dataclass(frozen=True)
class Act:
    """`prepare` makes what must be there, and returns the act itself."""

    action: str
    prepare: Callable[[World], Callable[[], object]]


ACTS: dict[str, Act] = {}


def act(action: str, *names: str) -> Callable[[Callable[[World], Callable[[], object]]], None]:
    """Note an act under the names of all that leads to it."""

    def note(prepare: Callable[[World], Callable[[], object]]) -> None:
        for name in names:
            ACTS[name] = Act(action, prepare)

    return note


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


@act("completion.received", "address completion", "service completion.record_completion")
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


# --- The admin ----------------------------------------------------------------------------------------------


@act("queue.added", "address injections_queue_add")
def _(world: World) -> Callable[[], object]:
    fields = {"id": str(uuid4()), "name": "Cards"}
    return world.form(Role.ADMINISTRATOR, "/admin/injections/queue/add/", **fields)


@act("queue.changed", "address injections_queue_change")
def _(world: World) -> Callable[[], object]:
    path = f"/admin/injections/queue/{QueueFactory().pk}/change/"
    return world.form(Role.ADMINISTRATOR, path, name="Loans")


@act("user.added", "address auth_user_add")
def _(world: World) -> Callable[[], object]:
    fields = {"username": "new", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    return world.form(Role.ADMINISTRATOR, "/admin/auth/user/add/", **fields)


@act("user.changed", "address auth_user_change")
def _(world: World) -> Callable[[], object]:
    person = UserFactory(role=Role.SUPERVISOR)
    path, fields = f"/admin/auth/user/{person.pk}/change/", {"username": person.username, "is_active": "on"}
    return world.form(Role.ADMINISTRATOR, path, **fields)


@act("user.changed", "address auth_user_password_change")
def _(world: World) -> Callable[[], object]:
    path = f"/admin/auth/user/{UserFactory(role=Role.SUPERVISOR).pk}/password/"
    fields = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    return world.form(Role.ADMINISTRATOR, path, **fields)


@act("user.changed", "address password_change")
def _(world: World) -> Callable[[], object]:
    browser = world.browser_of(Role.COMPLIANCE)
    person = User.objects.get(pk=browser.user.pk)  # type: ignore[attr-defined]  # put there by the fixture
    person.set_password("before")
    person.save()
    browser.force_login(person)
    fields = {"old_password": "before", "new_password1": PASSWORD, "new_password2": PASSWORD}
    return lambda: browser.post("/admin/password_change/", fields)


@act("audit.searched", "address audit_auditrecord_changelist")
def _(world: World) -> Callable[[], object]:
    browser = world.browser_of(Role.COMPLIANCE)
    return lambda: browser.get("/admin/audit/auditrecord/?q=notice")


@act("audit.viewed", "address audit_auditrecord_change")
def _(world: World) -> Callable[[], object]:
    browser = world.browser_of(Role.COMPLIANCE)
    return lambda: (
        browser.get(f"/admin/audit/auditrecord/{uuid4()}/change/")
        and browser.get(f"/admin/audit/auditrecord/{_any_record()}/change/")
    )


@act("audit.searched", "address api_audit_records")
def _(world: World) -> Callable[[], object]:
    browser = world.browser_of(Role.COMPLIANCE)
    return lambda: browser.get("/api/v1/audit/records?q=notice")


@act("audit.viewed", "address api_audit_record")
def _(world: World) -> Callable[[], object]:
    browser = world.browser_of(Role.COMPLIANCE)
    return lambda: browser.get(f"/api/v1/audit/records/{_any_record()}")


def _any_record() -> UUID:
    from audit.models import AuditRecord

    Client().post("/login/", {"username": "nobody", "password": "wrong"})
    return AuditRecord.objects.values_list("pk", flat=True)[0]


# --- What the worker does -----------------------------------------------------------------------------------


@act("injection.dispatched", "service dispatch.dispatch_injection")
def _(world: World) -> Callable[[], object]:
    row = world.waiting()
    return lambda: dispatch.dispatch_injection(injection_id=row.pk, by=world.worker)


@act("injection.failed", "service tries.record_failure")
def _(world: World) -> Callable[[], object]:
    row = world.waiting()
    world.simulator.plant("status", method="POST", path="/interactions$", status=422)
    return lambda: dispatch.dispatch_injection(injection_id=row.pk, by=world.worker)


@act("injection.expired", "service sweep.sweep", "service sweep.expire_overdue", "service tries.expire")
def _(world: World) -> Callable[[], object]:
    late = InjectionFactory(deadline_at=timezone.now() - LONG_AGO)

    InjectionFactory(deadline_at=timezone.now() - LONG_AGO)

    def run() -> None:
        dispatch.dispatch_injection(injection_id=late.pk, by=world.worker)
        sweep.sweep(by=world.worker)

    return run


@act("injection.unknown", "service sweep.doubt_abandoned")
def _(world: World) -> Callable[[], object]:
    then = timezone.now() - LONG_AGO
    InjectionFactory(status="dispatching", sent_at=then, lease_until=then, lease_token=uuid4())
    return lambda: sweep.sweep(by=world.worker)


@act("injection.unconfirmed", "service sweep.close_unreported")
def _(world: World) -> Callable[[], object]:
    InjectionFactory(status="dispatched", interaction_id="i-9", sent_at=timezone.now() - LONG_AGO)
    return lambda: sweep.sweep(by=world.worker)


@act("injection.queued", "service tries.hold_back")
def _(world: World) -> Callable[[], object]:
    world.form(Role.ADMINISTRATOR, "/status/breaker/open/", reason="Maintenance")()
    row = world.waiting(status="requested", due_at=timezone.now() - timedelta(seconds=1))
    return lambda: dispatch.dispatch_injection(injection_id=row.pk, by=world.worker)


@act("completion.registered", "service registration.register_completion_webhook")
def _(world: World) -> Callable[[], object]:
    world.simulator.create_call()  # there is a platform
    remove_webhooks()
    return lambda: register_completion_webhook(by=world.worker)


# --- Commands -----------------------------------------------------------------------------------------------


@act("user.added", "command create_admin")
def _(world: World) -> Callable[[], object]:
    world.patch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
    return lambda: call_command("create_admin", "root", stdout=io.StringIO())


@act("user.changed", "command changepassword")
def _(world: World) -> Callable[[], object]:
    UserFactory(username="ada")
    world.patch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
    return lambda: call_command("changepassword", "ada", stdout=io.StringIO())


@act("api_client.token_issued", "command create_api_client")
def _(world: World) -> Callable[[], object]:
    return lambda: call_command("create_api_client", "dialler", stdout=io.StringIO())


@act("clip.approved", "command seed_demo")
def _(world: World) -> Callable[[], object]:
    world.demo_clip("call-taken-over.mp3")  # brings the storage of this test
    return lambda: call_command("seed_demo", stdout=io.StringIO())


@act("audit.verified", "command verify_audit")
def _(world: World) -> Callable[[], object]:
    return lambda: call_command("verify_audit", stdout=io.StringIO())


@act("audit.key_rotated", "command seal_audit")
def _(world: World) -> Callable[[], object]:
    Client().post("/login/", {"username": "nobody", "password": "wrong"})
    call_command("seal_audit", "--once", stdout=io.StringIO())
    return lambda: call_command("seal_audit", "--rotate", stdout=io.StringIO())
