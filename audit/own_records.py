"""What the log records of itself: that it lives, that it was verified, that somebody mended the signer."""

import getpass
from datetime import datetime
from typing import Any

from django.db import transaction

from audit import services
from audit.entry import Actor, Entry, Outcome, Source
from audit.models import AuditRecord


def record(
    action: str, summary: str, *, at: datetime, command: str, outcome: Outcome = "done", **rest: Any
) -> AuditRecord:
    """Record an act of one of the log's own commands, in a transaction of its own."""
    with transaction.atomic(durable=True):
        return append(action, summary, at=at, command=command, outcome=outcome, **rest)


def append(
    action: str, summary: str, *, at: datetime, command: str, outcome: Outcome = "done", **rest: Any
) -> AuditRecord:
    """Record it in the transaction of the change that it made."""
    entry = Entry(
        action=action,
        outcome=outcome,
        actor=Actor(kind="system", name="The audit log", id=_account()),
        source=Source(where=f"manage.py {command}"),
        summary=summary,
        occurred_at=at,
        **rest,
    )
    return services.append(entry)


def _account() -> str:
    """Return the account of the operating system under which this process runs."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number that has no name
        return ""
