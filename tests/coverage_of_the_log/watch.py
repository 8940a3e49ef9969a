"""Watches what is written to the database, transaction by transaction."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.utils.connection import ConnectionProxy

_WRITE = re.compile(
    r"\s*(?:INSERT(?: OR \w+)?\s+INTO|UPDATE|DELETE\s+FROM|REPLACE\s+INTO)\s+\"?(\w+)\"?", re.IGNORECASE
)
_LAST_LOGIN = re.compile(r'UPDATE "auth_user" SET "last_login" = %s WHERE')
RECORD = "audit_auditrecord"

# What may change without a record in the same transaction, and why.
NO_ACT = {
    "audit_auditpending": "the log's own outbox",
    "audit_auditleaf": "the sealer's: a place for a record that is there",
    "audit_auditnode": "the sealer's",
    "audit_auditcheckpoint": "the sealer's",
    "django_session": "who is logged in: the log-in itself is a record",
    "injections_livecall": "what the platform says of its calls",
    "injections_feedstate": "when the platform was last heard",
    "injections_completionregistration": "whether the platform still confirms what was registered on record",
}


class Writes:
    """Sets of tables that were written together, one for each transaction that was committed."""

    def __init__(self) -> None:
        self.committed: list[set[str]] = []
        self._open: set[str] = set()

    def note(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """Note the table that a statement writes."""
        found = _WRITE.match(sql)
        if found is not None and _LAST_LOGIN.match(sql) is None:
            self._open.add(found[1].lower())
            if not connection.in_atomic_block:
                self.end(is_kept=True)
        return execute(sql, params, many, context)

    def end(self, *, is_kept: bool) -> None:
        """Close the transaction."""
        if self._open and is_kept:
            self.committed.append(self._open)
        self._open = set()

    def unrecorded(self) -> list[set[str]]:
        """Return what was committed without a record beside it."""
        rest = [tables - NO_ACT.keys() for tables in self.committed if RECORD not in tables]
        return [tables for tables in rest if tables]


@contextmanager
def watched() -> Iterator[Writes]:
    """Watch this thread's connection."""
    writes = Writes()
    real: Any = (
        connection._connections[connection._alias] if isinstance(connection, ConnectionProxy) else connection
    )
    commit, rollback = real.commit, real.rollback

    def on_commit() -> None:
        commit()
        writes.end(is_kept=True)

    def on_rollback() -> None:
        rollback()
        writes.end(is_kept=False)

    real.commit, real.rollback = on_commit, on_rollback
    try:
        with connection.execute_wrapper(writes.note):
            yield writes
    finally:
        del real.commit, real.rollback
