"""The one place where an injection changes its state: conditional UPDATE, record and outbox in one transaction."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from audit import services as audit
from audit.entry import Entry
from injections.audit_events import injection_moved
from injections.callers import Caller
from injections.lifecycle import ENDED, OCCUPYING, WAITING, Status, sources_of
from injections.models import InjectionRequest, QaEvent
from injections.models.fixed import INJECTIONS, QA_EVENTS
from injections.reasons import reason

LONGEST_PLAYING = timedelta(seconds=60)  # 30 s of sound, and 30 s for a late start and report
_EVENT_LOCK = 0x5141_4556  # any number that nobody else locks
_LAST_NUMBER = f"SELECT COALESCE(MAX(number), 0) FROM {QaEvent._meta.db_table}"  # noqa: S608  a name of our own
_QA_STATUSES = ENDED | {Status.UNKNOWN, Status.UNCONFIRMED}


def move(
    injection: InjectionRequest,
    to: Status,
    *,
    at: datetime,
    lease: UUID | None = None,
    only_from: frozenset[Status] | None = None,
    details: Mapping[str, Any] | None = None,
    record: Callable[..., Entry] = injection_moved,
    by: Caller,
    **changes: Any,
) -> bool:
    """Move `injection` to the status `to`; return False, having changed nothing, when it is not there to be moved.

    Must run inside a transaction of the caller. With `lease` only the holder of that lease moves it. `record` makes
    the entry of the log, where the move alone does not say what happened.
    Every move out of work in hand gives the lease back, unless `changes` says otherwise.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("a change of state and its record are one transaction")
    sources = sources_of(to) if only_from is None else only_from & sources_of(to)
    values = _values(to, at=at) | changes
    before = _update(injection, sources, values, lease=lease)
    if before is None:
        return False
    for name, value in values.items():
        setattr(injection, name, value)
    injection.last_record = audit.append(
        record(injection, before=before, details=details or {}, at=at, by=by)
    )
    if to in _QA_STATUSES:
        announce(injection, before=before, at=at)
    return True


def _update(
    injection: InjectionRequest, sources: frozenset[Status], values: Mapping[str, Any], *, lease: UUID | None
) -> Status | None:
    """Write `values` if the row is in one of `sources`; return the status that it had, None when it is in another."""
    # Mostly the row is still as it was read. If not, its own word counts, under its lock.
    expected = Status(injection.status)
    held = {} if lease is None else {"lease_token": lease}
    if (
        expected in sources
        and INJECTIONS.update(values, where={"id": injection.pk, "status": expected} | held) == 1
    ):
        return expected
    rows = InjectionRequest.objects.filter(pk=injection.pk, **held)
    found = rows.select_for_update().values_list("status", flat=True).first()
    if found is None or Status(found) not in sources:
        return None
    return Status(found) if rows.filter(status=found).update(**values) == 1 else None


def explained(code: str, message: str = "") -> dict[str, Any]:
    """Return the columns that explain an end: the code and a plain sentence, never one without the other."""
    return {"reason_code": code, "error": (message or reason(code).sentence)[:1000]}


def announce(injection: InjectionRequest, *, before: Status, at: datetime) -> None:
    """Write the event for the QA system beside the change it tells of: to be sent, or to be asked for where no
    address is known to send it to.

    Told is what the platform took, and what it may have taken: also that such a doubt was settled.
    """
    doubts = {Status.UNKNOWN, Status.UNCONFIRMED}
    was_taken = injection.interaction_id != "" or injection.status in doubts or before in doubts
    if not was_taken:
        return
    event = QaEvent(
        number=_next_number(),
        injection=injection,
        created_at=at,
        due_at=at if settings.QA_WEBHOOK_URL else None,
        body={
            "recordId": None if injection.last_record is None else str(injection.last_record.pk),
            "event": "conversation:voice:interaction:completed",
            "injectionId": str(injection.pk),
            "conversationId": str(injection.conversation_id),
            "participantId": str(injection.participant_id),
            "interactionId": injection.interaction_id,
            "status": injection.status,
            "outcome": injection.outcome,
            "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        },
    )
    QA_EVENTS.insert(event)


def _next_number() -> int:
    """Return the next event's number; whoever wants one after it waits for this transaction to end.

    A sequence would number events before they commit: a reader that asks for what came after the last number he saw
    would miss one that commits late.
    """
    connection = transaction.get_connection()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_EVENT_LOCK])
        cursor.execute(_LAST_NUMBER)
        return int(cursor.fetchone()[0]) + 1


def longest_playing(injection: InjectionRequest) -> timedelta:
    """Return how long after its sending `injection` may still be heard, with 30 s for a late start and report."""
    return timedelta(milliseconds=injection.max_duration_ms, seconds=30)


def _values(to: Status, *, at: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {"status": to, "occupies_call": to in OCCUPYING}
    if to is not Status.DISPATCHING:
        values |= {"lease_until": None, "lease_token": None}
    if to not in WAITING:
        values["due_at"] = None
    if to in ENDED:
        values["ended_at"] = at
    return values
