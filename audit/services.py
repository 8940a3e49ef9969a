"""The only writer of the log."""

import hashlib
import secrets
import threading
from datetime import UTC, datetime
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from audit import canonical
from audit.entry import Entry, Place, body, columns, leaf_hash
from audit.fixed_sql import FixedSql
from audit.models import LONGEST_BODY, AuditRecord
from audit.uuid7 import uuid7

_TABLE = AuditRecord._meta.db_table
RECORDS = FixedSql(AuditRecord)
# SQLite counts milliseconds and cuts the rest off. One is added, the end of the millisecond that runs: a time of
# recording would else be earlier than what it records, which takes its own from the same clock by microseconds.
# So it is late by up to 1 ms. PostgreSQL's clock counts microseconds and is taken as it is.
_SQLITE_CLOCK = "strftime('%%Y-%%m-%%dT%%H:%%M:%%f+00:00', 'now', '+0.001 seconds')"
# One row always: the database's time, and the last link of the chain if there is one.
_SQLITE_HEAD = f"""SELECT {_SQLITE_CLOCK}, number_in_conversation, leaf_hash FROM (SELECT 1) AS one LEFT JOIN (
  SELECT number_in_conversation, leaf_hash FROM {_TABLE} WHERE conversation_id = %s
  ORDER BY number_in_conversation DESC LIMIT 1) AS head ON TRUE"""  # noqa: S608  names of our own
_POSTGRESQL_HEAD = (
    "SELECT at, number, leaf FROM audit_chain_head(%s, %s)"  # see migrations/0002_chain_head.py
)


class NoTransaction(RuntimeError):
    """`append` was called outside a transaction: the record and the change could then part."""


class RefusedOnRecord(PermissionDenied):
    """A refusal that the log holds already: whoever answers it records no second one."""


class NotRecorded(RuntimeError):
    """The record could not be written, so the act must not happen."""


def append(entry: Entry) -> AuditRecord:
    """Write `entry` to the log, in the transaction of the change that it records.

    Records of one conversation are chained; the lock for that is held until the transaction ends, so keep it
    short.

    Raises:
        NoTransaction: no transaction is open.
        NotRecorded: the body is too long, or the database did not keep the row.
        canonical.NotCanonical: `details`, `before` or `after` hold what no record may hold; the message names
            the place.
    """
    if not connection.in_atomic_block:
        raise NoTransaction(f"{entry.action}: audit.services.append needs an open transaction")
    conversation = entry.subject.identifiers()["conversation_id"]
    with connection.cursor() as cursor:
        place = _next_place(cursor, conversation)
    record = _record(entry, place)
    if RECORDS.insert(record) != 1:
        raise NotRecorded(f"{entry.action}: the database did not keep the record")
    return record


def append_refusal(entry: Entry) -> AuditRecord:
    """Write `entry` in a transaction of its own, which the rollback of a refused request cannot take along.

    Raises:
        RuntimeError: a transaction is open already. Refuse outside it.
    """
    with transaction.atomic(durable=True):
        return append(entry)


def _next_place(cursor: CursorWrapper, conversation: UUID | None) -> Place:
    """Take the database's time and, in a conversation, the next place of its chain, which is then locked."""
    recorded_at, number, previous = _read_head(cursor, conversation)
    return Place(
        id=_identifiers.next(at=recorded_at),
        recorded_at=recorded_at,
        number_in_conversation=None if conversation is None else (number or 0) + 1,
        previous_in_conversation=previous,
    )


def _read_head(cursor: CursorWrapper, conversation: UUID | None) -> tuple[datetime, int | None, str | None]:
    if connection.vendor == "sqlite":
        # The writer's own lock of the whole database (BEGIN IMMEDIATE) keeps the chain's end where it is.
        cursor.execute(_SQLITE_HEAD, [None if conversation is None else conversation.hex])
        text, number, previous = cursor.fetchone()
        return datetime.fromisoformat(text), number, previous
    if conversation is None:
        cursor.execute("SELECT clock_timestamp(), NULL, NULL")
    else:
        cursor.execute(_POSTGRESQL_HEAD, [_lock_key(conversation), conversation])
    at, number, previous = cursor.fetchone()
    return at.astimezone(UTC), number, previous


def _lock_key(conversation: UUID) -> int:
    """Return a signed 64-bit key; two conversations that share one merely wait for each other."""
    digest = hashlib.sha256(b"audit chain " + conversation.bytes).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _record(entry: Entry, place: Place) -> AuditRecord:
    content = body(entry, place=place)
    text = canonical.encode(content)
    if len(text) > LONGEST_BODY:
        raise NotRecorded(f"{entry.action}: the body has {len(text)} characters, {LONGEST_BODY} are allowed")
    return AuditRecord(**columns(content), body=text, leaf_hash=leaf_hash(text))


class _Identifiers:
    """Gives identifiers that rise within this process, also for records of one tick of the clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_at: datetime | None = None
        self._last = UUID(int=0)

    def next(self, *, at: datetime) -> UUID:
        """Return an identifier for `at`: the last plus one where the time is the same, else a random one."""
        with self._lock:
            if at == self._last_at:
                self._last = UUID(int=self._last.int + 1)
            else:
                # The highest of the random bits stays 0: room to count up in without touching the variant.
                self._last = uuid7(at=at, randomness=secrets.randbits(61))
            self._last_at = at
            return self._last


_identifiers = _Identifiers()
