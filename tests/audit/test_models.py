"""The model refuses what the database refuses, and the database what no code should write."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from audit.entry import LIMITS, Subject
from audit.models import AppendOnly, AuditRecord
from audit.services import RECORDS
from tests.audit.samples import entry_of

Record = Callable[..., AuditRecord]


@pytest.mark.parametrize(
    "act",
    [
        lambda item: item.save(),
        lambda item: item.save_base(raw=True),
        lambda item: item.delete(),
        lambda item: AuditRecord(summary="x").save(),
        lambda item: AuditRecord.objects.create(summary="x"),
        lambda item: AuditRecord.objects.get_or_create(summary="x"),
        lambda item: AuditRecord.objects.update_or_create(summary="x"),
        lambda item: AuditRecord.objects.bulk_create([item]),
        lambda item: AuditRecord.objects.bulk_update([item], ["summary"]),
        lambda item: AuditRecord.objects.update(summary="x"),
        lambda item: AuditRecord.objects.all().update(summary="x"),
        lambda item: AuditRecord.objects.all().delete(),
        lambda item: AuditRecord.objects.all()._raw_delete("default"),
        lambda item: AuditRecord._base_manager.all().delete(),
        lambda item: AuditRecord._default_manager.all().update(summary="x"),
    ],
)
def test_every_way_of_writing_through_the_model_is_refused(record: Record, act: Callable[[Any], Any]):
    written = record()
    with pytest.raises(AppendOnly):
        act(written)
    assert AuditRecord.objects.get().summary == written.summary


def test_a_fixture_cannot_be_loaded_over_the_log(record: Record, tmp_path: Any):
    record()
    path = tmp_path / "log.json"
    call_command("dumpdata", "audit", output=str(path))
    with pytest.raises(AppendOnly):
        call_command("loaddata", str(path))


@pytest.mark.parametrize(
    "forged",
    [
        {"outcome": "perhaps"},
        {"actor_kind": "ghost"},
        {"action": ""},
        {"summary": ""},
        {"leaf_hash": "ab"},
        {"number_in_conversation": 1},
        {"conversation_id": uuid4()},
        {"previous_in_conversation": "a" * 64},
        {"conversation_id": uuid4(), "number_in_conversation": 0},
        {"conversation_id": uuid4(), "number_in_conversation": 1, "previous_in_conversation": "a" * 64},
        {"conversation_id": uuid4(), "number_in_conversation": 2},
        {"conversation_id": uuid4(), "number_in_conversation": 2, "previous_in_conversation": "short"},
        {"body": "x" * 65_537},
        *({name: "x" * (limit + 1)} for name, limit in LIMITS.items()),
    ],
    ids="-".join,
)
def test_the_database_refuses_a_row_that_breaks_the_rules(record: Record, forged: dict[str, Any]):
    row = record()
    row.id = uuid4()
    for name, value in forged.items():
        setattr(row, name, value)
    with pytest.raises(DatabaseError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(*RECORDS.insertion(row))
    assert "append-only" not in str(refusal.value)


def test_the_rules_let_an_unforged_row_pass(record: Record):
    row = record(subject=Subject(conversation_id=uuid4()))
    row.id = uuid4()
    row.number_in_conversation, row.previous_in_conversation = 2, "a" * 64
    with connection.cursor() as cursor:
        cursor.execute(*RECORDS.insertion(row))
    assert AuditRecord.objects.count() == 2


def test_a_record_reads_as_its_sentence(record: Record):
    assert str(record(summary="ada rang the bell.")) == entry_of(summary="ada rang the bell.").summary
