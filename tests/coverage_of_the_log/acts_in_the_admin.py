"""What compliance and administrators do in the admin and by the API of the log."""

from collections.abc import Callable
from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.test import Client

from injections.roles import Role
from tests.coverage_of_the_log.acts import PASSWORD, World, act
from tests.factories import (
    QueueFactory,
    UserFactory,
)


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


@act("audit.exported", "address audit_auditrecord_export")
def _(world: World) -> Callable[[], object]:
    browser = world.browser_of(Role.COMPLIANCE)
    return lambda: browser.get("/admin/audit/auditrecord/export/csv/")


@act("audit.verification_asked", "address audit_auditrecord_integrity")
def _(world: World) -> Callable[[], object]:
    return world.form(Role.COMPLIANCE, "/admin/audit/auditrecord/integrity/", what="all")


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
