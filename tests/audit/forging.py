"""Forging a log: what somebody does who owns the database."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from audit.entry import leaf_hash
from audit.models import AuditRecord
from audit.verification.report import Report
from tests.audit.flush import suspended

CALL = UUID("abcdef12-2222-4333-8444-555555555555")


def tamper(*statements: str | tuple[str, Sequence[Any]]) -> None:
    """Run statements as the owner of the database, with every guard off."""
    with suspended(connection), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(*((statement, []) if isinstance(statement, str) else statement))


def raw(identifier: UUID) -> Any:
    return identifier.hex if connection.vendor == "sqlite" else identifier


def update(record: AuditRecord, **columns: Any) -> list[tuple[str, Sequence[Any]]]:
    return [
        (f"UPDATE audit_auditrecord SET {name} = %s WHERE id = %s", [value, raw(record.pk)])  # noqa: S608  own names
        for name, value in columns.items()
    ]


def rewritten(record: AuditRecord) -> dict[str, str]:
    """Return body, hash and column of a forgery that fits itself."""
    body = record.body.replace(record.summary, "Nothing happened.")
    return {"body": body, "leaf_hash": leaf_hash(body), "summary": "Nothing happened."}


def set_leaf(index: int, text: str) -> tuple[str, Sequence[Any]]:
    return 'UPDATE audit_auditleaf SET leaf_hash = %s WHERE "index" = %s', [text, index]


def told(report: Report) -> str:
    return "\n".join(map(str, report.faults))
