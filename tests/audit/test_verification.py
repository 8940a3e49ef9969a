"""What was changed past the guards is found and named."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from audit.entry import Subject, leaf_hash
from audit.models import AuditRecord
from audit.verification import faults_in_chain, faults_of
from tests.audit.flush import suspended

Record = Callable[..., AuditRecord]


def _forge(record: AuditRecord, **columns: Any) -> AuditRecord:
    """Change columns as someone would who owns the database."""
    with suspended(connection), connection.cursor() as cursor:
        for name, value in columns.items():
            cursor.execute(f"UPDATE audit_auditrecord SET {name} = %s", [value])  # noqa: S608  names of our own
    return AuditRecord.objects.get(pk=record.pk)


def test_an_untouched_record_has_no_fault(record: Record):
    assert faults_of(record(subject=Subject(conversation_id=uuid4()))) == []


def test_a_changed_text_no_longer_fits_its_hash(record: Record):
    written = record()
    forged = _forge(written, body=written.body.replace("ada", "eve"))
    assert faults_of(forged)[0] == "The text of the record does not fit its hash."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("summary", "Nothing happened."),
        ("outcome", "failed"),
        ("actor_name", "eve"),
        ("recorded_at", "2026-01-01 00:00:00+00:00"),
        ("source_ip", ""),
        ("injection_id", "11111111222243338444555555555555"),
    ],
)
def test_a_changed_column_no_longer_fits_the_text(record: Record, name: str, value: str):
    assert faults_of(_forge(record(), **{name: value})) == [
        f"The column {name} differs from the text of the record."
    ]


@pytest.mark.parametrize("text", ["{", "[]", "1", "{}", '{"id":"x"}', '{"a": 1}'])
def test_a_text_that_is_no_record_is_named_even_with_its_own_hash(record: Record, text: str):
    assert len(faults_of(_forge(record(), body=text, leaf_hash=leaf_hash(text)))) == 1


def test_a_chain_that_holds_has_no_fault(record: Record):
    call = Subject(conversation_id=uuid4())
    first, second = record(subject=call), record(subject=call)
    assert faults_in_chain(first, previous=None) + faults_in_chain(second, previous=first) == []


def test_a_missing_link_is_named(record: Record):
    call = Subject(conversation_id=uuid4())
    record(subject=call)
    assert faults_in_chain(record(subject=call), previous=None) == ["Record 1 of this call is missing."]


def test_a_link_to_another_record_is_named(record: Record):
    call = Subject(conversation_id=uuid4())
    record(subject=call)
    second = record(subject=call)
    assert "not the one" in faults_in_chain(second, previous=record())[0]
