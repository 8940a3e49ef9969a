"""What no column of its kind may hold, put there by who owns the database, is found and named; no run breaks off."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from audit.models import AuditPending, AuditRecord
from audit.sealing import seal_batch
from audit.verification.report import Report
from tests.audit.forging import raw, set_leaf, tamper, told, update

Look = Callable[..., Report]
BYTES = b"\x00\xff"


def _in_text(column: str) -> str:
    """Return SQL that stores what SQLite calls text, and is no UTF-8."""
    return f"UPDATE audit_auditrecord SET {column} = CAST(x'41ff' AS TEXT) WHERE id = %s"  # noqa: S608  own names


@pytest.mark.sqlite
@pytest.mark.parametrize("value", [BYTES, "zzz", 77, ""], ids=repr)
@pytest.mark.parametrize(
    "column",
    [
        "body",
        "leaf_hash",
        "summary",
        "recorded_at",
        "clip_id",
        "number_in_conversation",
        "previous_in_conversation",
    ],
)
@pytest.mark.parametrize("index", [5, 13], ids=["sealed", "waiting"])
def test_a_value_of_another_kind_is_named(
    log: list[AuditRecord], look: Look, index: int, column: str, value: Any
):
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        try:
            tamper(*update(log[index], **{column: value}))
        finally:
            cursor.execute("PRAGMA ignore_check_constraints = OFF")
    report = look()
    assert ("Record 5: " if index == 5 else f"The record {log[13].pk}, not sealed yet: ") in told(report)


@pytest.mark.sqlite
@pytest.mark.parametrize("column", ["body", "summary", "clip_id", "recorded_at"])
def test_a_text_that_is_no_utf8_is_named(log: list[AuditRecord], look: Look, column: str):
    tamper((_in_text(column), [raw(log[5].pk)]))
    assert str(look().faults[0]).startswith("Record 5: ")


@pytest.mark.sqlite
def test_an_identifier_of_another_kind_is_named(log: list[AuditRecord], look: Look):
    tamper(("UPDATE audit_auditrecord SET id = 'zzz' WHERE id = %s", [raw(log[5].pk)]))
    found = told(look())
    assert f"Record 5: It is gone (its identifier is {log[5].pk})." in found
    assert "The record zzz is neither sealed nor waiting to be." in found


@pytest.mark.sqlite
def test_an_identifier_of_another_kind_in_both_tables_is_named(log: list[AuditRecord], look: Look):
    tamper(
        ("UPDATE audit_auditrecord SET id = 'zzz' WHERE id = %s", [raw(log[5].pk)]),
        "UPDATE audit_auditleaf SET record_id = 'zzz' WHERE \"index\" = 5",
    )
    assert "Record 5: A column holds what is not of its kind." in told(look())


@pytest.mark.sqlite
@pytest.mark.parametrize("value", [BYTES, "zzz"], ids=repr)
def test_a_place_of_another_kind_is_missed_where_it_should_be(log: list[AuditRecord], look: Look, value: Any):
    tamper(('UPDATE audit_auditleaf SET "index" = %s WHERE "index" = 5', [value]))
    assert "Record 5: The place is empty" in told(look())


@pytest.mark.sqlite
def test_a_hash_of_another_kind_at_its_place_is_named(log: list[AuditRecord], look: Look):
    sql, (_, index) = set_leaf(5, "")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        try:
            tamper((sql, [BYTES, index]))
        finally:
            cursor.execute("PRAGMA ignore_check_constraints = OFF")
    assert "Record 5: The hash at its place is none." in told(look())


@pytest.mark.sqlite
@pytest.mark.parametrize("column", ["note", "stored_at", "size"])
def test_a_checkpoint_of_another_kind_breaks_nothing_off(log: list[AuditRecord], look: Look, column: str):
    tamper((f"UPDATE audit_auditcheckpoint SET {column} = %s WHERE size = 8", [BYTES]))  # noqa: S608  own names
    expected = {
        "note": "The stored checkpoint of 8 records is not valid",
        "size": "is a checkpoint of 8 records that is no longer stored",
        "stored_at": "",
    }
    assert expected[column] in told(look(anchors=True))


@pytest.mark.sqlite
def test_bytes_in_place_of_a_text_hold_up_no_other_record(record: Callable[..., AuditRecord]):
    forged = record()
    tamper(*update(forged, body=BYTES))
    record()
    assert seal_batch().sealed == 1
    assert AuditPending.objects.get().record_id == forged.pk


def test_a_place_far_beyond_the_end_is_a_gap_and_costs_no_memory(log: list[AuditRecord], look: Look):
    tamper(('UPDATE audit_auditleaf SET "index" = %s WHERE "index" = 11', [2**62]))
    assert "Record 11: The place is empty" in told(look())


def test_a_place_before_the_first_is_none(log: list[AuditRecord], look: Look):
    leaf = 'INSERT INTO audit_auditleaf ("index", record_id, leaf_hash) VALUES (-1, %s, %s)'
    lift = "ALTER TABLE audit_auditleaf DROP CONSTRAINT audit_leaf_index_from_0"
    is_sqlite = connection.vendor == "sqlite"
    tamper(
        "PRAGMA ignore_check_constraints = ON" if is_sqlite else lift,
        (leaf, [raw(log[13].pk), log[13].leaf_hash]),
        ("DELETE FROM audit_auditpending WHERE record_id = %s", [raw(log[13].pk)]),
        "PRAGMA ignore_check_constraints = OFF" if is_sqlite else "SELECT 1",
    )
    assert told(look()) == f"The record {log[13].pk} is neither sealed nor waiting to be."
