"""What the worker and the commands do."""

import io
import sys
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from injections.roles import Role
from injections.services import dispatch, sweep
from injections.services.registration import register_completion_webhook
from tests.coverage_of_the_log.acts import LONG_AGO, PASSWORD, World, act
from tests.factories import (
    InjectionFactory,
    UserFactory,
)
from tests.injections.conftest import remove_webhooks


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


@act("audit.exported", "command evidence_pack")
def _(world: World) -> Callable[[], object]:
    Client().post("/login/", {"username": "nobody", "password": "wrong"})
    call_command("seal_audit", "--once", stdout=io.StringIO())
    out = f"{settings.AUDIT_DIR}/pack.zip"
    return lambda: call_command("evidence_pack", "--out", out, stdout=io.StringIO())
