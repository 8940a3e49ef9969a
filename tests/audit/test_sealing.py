"""Sealing: each committed record gets one place, whoever dies or comes second."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from audit import guards, merkle, sealing
from audit.checkpoint import Checkpoint
from audit.models import (
    AppendOnly,
    AuditCheckpoint,
    AuditLeaf,
    AuditNode,
    AuditPending,
    AuditRecord,
)
from audit.sealing import SealingFault, seal_batch
from audit.services import append
from audit.stored_tree import DamagedTree, hashes, size, stored_tree
from tests.audit.flush import suspended
from tests.audit.samples import entry_of

Record = Callable[..., AuditRecord]


def _run(sql: str, parameters: Any = None) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.rowcount


def _leaves() -> list[bytes]:
    return [
        bytes.fromhex(each)
        for each in AuditLeaf.objects.order_by("index").values_list("leaf_hash", flat=True)
    ]


def test_each_record_waits_in_the_outbox(record: Record):
    written = {record().pk, record().pk}
    assert {row.record_id for row in AuditPending.objects.all()} == written


@pytest.mark.django_db(transaction=True)
def test_a_record_that_was_rolled_back_does_not_wait():
    def change() -> None:
        append(entry_of())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        change()
    assert not AuditPending.objects.exists()


def test_sealed_records_have_places_from_0_and_wait_no_longer(record: Record):
    first = [record() for _ in range(3)]
    seal_batch()
    second = [record() for _ in range(2)]
    seal_batch()
    assert [(leaf.index, leaf.record_id, leaf.leaf_hash) for leaf in AuditLeaf.objects.order_by("index")] == [
        (place, each.pk, each.leaf_hash) for place, each in enumerate([*first, *second])
    ]
    assert not AuditPending.objects.exists()


def test_a_batch_says_where_the_next_one_goes_on(record: Record):
    for _ in range(5):
        record()
    first = seal_batch(limit=3)
    assert (first.sealed, first.last is None) == (3, False)
    second = seal_batch(after=first.last, limit=3)
    assert (second.sealed, second.last) == (2, None)
    assert size() == 5


def test_a_record_with_an_older_identifier_that_commits_late_is_sealed(record: Record):
    late = entry_of()
    record()
    seal_batch()
    # What a transaction that began before the others and ended after them leaves behind.
    with transaction.atomic():
        written = append(late)
    with suspended(connection):
        _run("UPDATE audit_auditrecord SET id = %s WHERE id = %s", [_raw(UUID(int=1)), _raw(written.pk)])
        _run("UPDATE audit_auditpending SET record_id = %s", [_raw(UUID(int=1))])
    assert seal_batch().sealed == 1
    assert AuditLeaf.objects.get(index=1).record_id == UUID(int=1)


def _raw(identifier: UUID) -> Any:
    return identifier.hex if connection.vendor == "sqlite" else identifier


def test_a_record_that_does_not_fit_its_hash_is_left_waiting_and_holds_up_no_other(record: Record):
    forged = record()
    with suspended(connection):
        _run("UPDATE audit_auditrecord SET body = %s", [forged.body.replace("ada", "eve")])
    honest = record()
    batch = seal_batch()
    assert (batch.sealed, [UUID(each) for each in batch.unfit]) == (1, [forged.pk])
    assert AuditLeaf.objects.get().record_id == honest.pk
    assert AuditPending.objects.get().record_id == forged.pk


def test_the_stored_tree_is_that_of_its_leaves_at_every_size(record: Record):
    for _ in range(9):
        record()
    seal_batch(limit=4)
    seal_batch()
    leaves = _leaves()
    assert [stored_tree().root(at) for at in range(10)] == [merkle.root_of(leaves[:at]) for at in range(10)]


def test_a_node_is_stored_for_each_full_subtree_of_256(record: Record):
    _many(600)
    seal_batch(limit=500)
    seal_batch()
    leaves = _leaves()
    assert [(node.level, node.index, node.node_hash) for node in AuditNode.objects.order_by("index")] == [
        (1, place, merkle.root_of(leaves[place * 256 : (place + 1) * 256]).hex()) for place in range(2)
    ]
    assert stored_tree().root(600) == merkle.root_of(leaves)
    assert hashes(1, 0, 2) == [bytes.fromhex(node.node_hash) for node in AuditNode.objects.order_by("index")]


def _many(count: int) -> None:
    with transaction.atomic():
        for _ in range(count):
            append(entry_of())


def test_a_tree_that_lacks_a_leaf_goes_no_further(record: Record):
    for _ in range(3):
        record()
    seal_batch()
    with suspended(connection):
        _run('DELETE FROM audit_auditleaf WHERE "index" = 1')
    record()
    with pytest.raises(DamagedTree, match="missing"):
        seal_batch()
    assert AuditPending.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_tree_that_reads_otherwise_than_computed_is_rolled_back(
    record: Record, monkeypatch: pytest.MonkeyPatch
):
    record()
    monkeypatch.setattr(merkle.Tree, "root", lambda *_: bytes(32))
    with pytest.raises(SealingFault, match="another root"):
        seal_batch()
    assert (AuditLeaf.objects.count(), AuditPending.objects.count()) == (0, 1)


@pytest.mark.django_db(transaction=True)
def test_the_loser_of_a_race_keeps_nothing(record: Record, monkeypatch: pytest.MonkeyPatch):
    record()
    read = sealing._waiting

    def read_and_be_overtaken(*given: Any) -> Any:
        rows = read(*given)
        monkeypatch.setattr(sealing, "_waiting", read)
        seal_batch()
        return rows

    monkeypatch.setattr(sealing, "_waiting", read_and_be_overtaken)
    with pytest.raises(DatabaseError):
        seal_batch()
    assert AuditLeaf.objects.count() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_record_that_is_not_committed_gets_no_place(record: Record):
    record()
    other = connections.create_connection("default")
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("INSERT INTO audit_auditpending (record_id) VALUES (%s)", [uuid4()])
        assert seal_batch().sealed == 1
        other.rollback()
    finally:
        other.close()


# --- What the database itself refuses -----------------------------------------------------------------------
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_auditleaf SET leaf_hash = leaf_hash",
        "DELETE FROM audit_auditleaf",
        "UPDATE audit_auditnode SET node_hash = node_hash",
        "DELETE FROM audit_auditnode",
        "UPDATE audit_auditcheckpoint SET note = ''",
        "DELETE FROM audit_auditcheckpoint",
        "DELETE FROM audit_auditpending",
        "UPDATE audit_auditpending SET record_id = record_id",
    ],
)
def test_sql_cannot_change_what_is_sealed_nor_empty_the_outbox(record: Record, sql: str):
    _many(256)
    seal_batch()
    sealing.store_checkpoint(Checkpoint("log", 256, bytes(32)), "note", at=timezone.now())
    record()
    with pytest.raises(DatabaseError, match=r"append-only|waits until"):
        _run(sql)


@pytest.mark.postgres
@pytest.mark.parametrize("table", guards.TABLES)
def test_postgresql_empties_none_of_the_tables(db: None, table: str):
    with pytest.raises(DatabaseError, match=r"append-only|waits until"):
        _run(f"TRUNCATE {table}")


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "sql",
    [
        "INSERT OR REPLACE INTO audit_auditleaf SELECT * FROM audit_auditleaf WHERE \"index\" = 0",
        "INSERT OR REPLACE INTO audit_auditleaf (\"index\", record_id, leaf_hash)"
        " SELECT 256, record_id, leaf_hash FROM audit_auditleaf WHERE \"index\" = 7",
        "INSERT OR REPLACE INTO audit_auditnode SELECT * FROM audit_auditnode",
        "INSERT OR REPLACE INTO audit_auditcheckpoint SELECT * FROM audit_auditcheckpoint",
    ],
)  # fmt: skip
def test_sqlite_replaces_nothing_that_is_sealed(db: None, sql: str):
    _many(256)
    seal_batch()
    sealing.store_checkpoint(Checkpoint("log", 256, bytes(32)), "note", at=timezone.now())
    _run("PRAGMA recursive_triggers = OFF")
    try:
        with pytest.raises(DatabaseError, match="append-only"):
            _run(sql)
    finally:
        _run("PRAGMA recursive_triggers = ON")


@pytest.mark.parametrize("index", [2, -1])
def test_a_place_that_would_leave_a_gap_is_refused(record: Record, index: int):
    record()
    seal_batch()
    with pytest.raises(DatabaseError, match="contiguous"):
        _run("INSERT INTO audit_auditleaf (\"index\", record_id, leaf_hash) VALUES (%s, %s, %s)", [index, _raw(uuid4()), "0" * 64])  # fmt: skip  # noqa: E501  one statement


@pytest.mark.parametrize("model", [AuditPending, AuditLeaf, AuditNode, AuditCheckpoint])
def test_the_models_write_nothing(db: None, model: Any):
    for act in (
        model().save,
        model().delete,
        model().save_base,
        model.objects.create,
        model.objects.all().delete,
    ):
        with pytest.raises(AppendOnly):
            act()


def test_a_checkpoint_is_stored_once(db: None):
    found = Checkpoint("log", 5, bytes(32))
    sealing.store_checkpoint(found, "first", at=timezone.now())
    sealing.store_checkpoint(found, "second", at=timezone.now())
    assert AuditCheckpoint.objects.get().note == "first"
