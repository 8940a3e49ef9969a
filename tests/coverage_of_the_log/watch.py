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
# Parts of rows that may change alone: the log-in is a record, a lease is who works at something, and a call is let go
# when the doubt about it can no longer be heard, while the doubt itself stays.
_PARTS = re.compile(
    r'UPDATE "auth_user" SET "last_login" = %s WHERE'
    r'|UPDATE "injections_injectionrequest" SET (?:"lease_token" = %s, "lease_until" = %s|"occupies_call" = %s) WHERE'
)
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
    """Tables that were written together, each with its last statement, for each transaction that was committed."""

    def __init__(self) -> None:
        self.committed: list[dict[str, str]] = []
        self._open: dict[str, str] = {}

    def note(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """Note the table that a statement writes."""
        found = _WRITE.match(sql)
        if found is not None and _PARTS.match(sql) is None:
            self._open[found[1].lower()] = sql
            if not connection.in_atomic_block:
                self.end(is_kept=True)
        return execute(sql, params, many, context)

    def end(self, *, is_kept: bool) -> None:
        """Close the transaction."""
        if self._open and is_kept:
            self.committed.append(self._open)
        self._open = {}

    def unrecorded(self) -> list[str]:
        """Return the statements that were committed without a record beside them."""
        without = [tables for tables in self.committed if RECORD not in tables]
        return [sql for tables in without for table, sql in tables.items() if table not in NO_ACT]


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
