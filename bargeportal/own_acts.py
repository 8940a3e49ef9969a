"""What the portal's commands do to people and queues, written to the log as the admin writes what people do."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone

from audit import services as audit
from audit.canonical import clean_text
from audit.entry import Entry, Subject
from injections.callers import Caller


def record_act(
    action: str, row: models.Model, *, summary: str, after: Mapping[str, Any] | None = None, by: Caller
) -> None:
    """Record one act on `row`, within the transaction of the act; `action` is like `user.added`."""
    kind, _, _ = action.partition(".")
    audit.append(
        Entry(
            action=action,
            outcome="done",
            actor=by.actor,
            source=by.source,
            subject=Subject(other=f"{kind} {row.pk}"),
            summary=summary,
            after=after,
            occurred_at=timezone.now(),
        )
    )


def state_of_account(user: User) -> dict[str, Any]:
    """Return what the log shows of an account: name, roles and whether it may be used; nothing of its password."""
    return {
        "username": user.username,
        "name": clean_text(user.get_full_name()),
        "roles": list(user.groups.order_by("name").values_list("name", flat=True)),
        "is_active": user.is_active,
    }


def record_new_password(user: User, *, by: Caller) -> None:
    """Record that `user` was given another password."""
    record_act("user.changed", user, summary=f"{by.label} changed the user {user.username}: password.", by=by)
