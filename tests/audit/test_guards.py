"""The database itself refuses to change the log, and says so when it no longer would."""

import hashlib
import importlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.db import DatabaseError, connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from audit import guards, migrations
from audit.entry import Subject
from audit.models import AuditPending, AuditRecord
from audit.services import RECORDS
from tests.audit.flush import suspended

Record = Callable[..., AuditRecord]
TABLE = guards.TABLE


def _run(sql: str, parameters: Any = None) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)


@pytest.mark.parametrize(
    "sql",
    [
        f"UPDATE {TABLE} SET summary = 'nothing happened'",  # noqa: S608  a name of our own
        f"UPDATE {TABLE} SET summary = summary",  # noqa: S608  a name of our own
        f"DELETE FROM {TABLE}",  # noqa: S608  a name of our own
    ],
)
def test_sql_cannot_change_a_record(record: Record, sql: str):
    written = record()
    with pytest.raises(DatabaseError, match="append-only"):
        _run(sql)
    assert AuditRecord.objects.get().summary == written.summary


@pytest.mark.parametrize("seconds", [-60, 60])
def test_a_time_of_recording_that_is_not_now_is_refused(record: Record, seconds: int):
    row = record()
    row.id = uuid4()
    row.recorded_at += timedelta(seconds=seconds)
    with pytest.raises(DatabaseError, match="clock of the database"):
        _run(*RECORDS.insertion(row))


def test_a_record_cannot_be_written_twice(record: Record):
    row = record()
    with pytest.raises(DatabaseError):
        _run(*RECORDS.insertion(row))


@pytest.mark.postgres
def test_postgresql_refuses_to_empty_the_log(record: Record):
    record()
    with pytest.raises(DatabaseError, match="append-only"):
        _run(f"TRUNCATE {TABLE}")


@pytest.mark.postgres
def test_postgresql_refuses_to_overwrite_a_record_on_conflict(record: Record):
    row = record()
    sql, parameters = RECORDS.insertion(row)
    with pytest.raises(DatabaseError, match="append-only"):
        _run(sql + " ON CONFLICT (id) DO UPDATE SET summary = 'other'", parameters)


@pytest.mark.postgres
def test_the_guards_of_postgresql_hold_in_a_session_that_replays_replication(record: Record):
    record()
    with pytest.raises(DatabaseError, match="append-only"):
        _run(f"SET LOCAL session_replication_role = replica; DELETE FROM {TABLE}")  # noqa: S608  as above


@pytest.mark.postgres
def test_a_temporary_table_is_not_taken_for_the_outbox(record: Record):
    _run("CREATE TEMPORARY TABLE audit_auditpending (record_id uuid)")
    try:
        written = record()
    finally:
        _run("DROP TABLE pg_temp.audit_auditpending")
    assert AuditPending.objects.get().record_id == written.pk


@pytest.mark.postgres
def test_a_temporary_table_is_not_taken_for_the_places_of_records(record: Record):
    record()
    _run("CREATE TEMPORARY TABLE audit_auditleaf AS SELECT record_id FROM audit_auditpending")
    try:
        with pytest.raises(DatabaseError, match="waits until"):
            _run("DELETE FROM audit_auditpending")
    finally:
        _run("DROP TABLE pg_temp.audit_auditleaf")


def _replacing(row: AuditRecord, **changed: Any) -> tuple[str, list[Any]]:
    for name, value in changed.items():
        setattr(row, name, value)
    sql, parameters = RECORDS.insertion(row)
    return sql.replace("INSERT", "INSERT OR REPLACE"), parameters


@pytest.mark.sqlite
@pytest.mark.parametrize("recursive", ["ON", "OFF"])
def test_sqlite_refuses_to_replace_a_record_by_its_key(record: Record, recursive: str):
    row = record()
    _run(f"PRAGMA recursive_triggers = {recursive}")
    try:
        with pytest.raises(DatabaseError, match="append-only"):
            _run(*_replacing(row, summary="other"))
    finally:
        _run("PRAGMA recursive_triggers = ON")


@pytest.mark.sqlite
def test_sqlite_refuses_to_replace_a_record_by_its_place_in_a_call(record: Record):
    row = record(subject=Subject(conversation_id=uuid4()))
    with pytest.raises(DatabaseError, match="append-only"):
        _run(*_replacing(row, id=uuid4()))


@pytest.mark.sqlite
def test_sqlite_refuses_to_replace_a_record_by_its_rowid(record: Record):
    row = record()
    sql, parameters = _replacing(row, id=uuid4())
    with pytest.raises(DatabaseError, match="append-only"):
        _run(sql.replace('("id",', '(rowid, "id",').replace("VALUES (", "VALUES (1, "), parameters)


@pytest.mark.django_db
def test_a_migrated_database_lacks_no_guard():
    assert guards.missing_guards(connection) == []


@pytest.mark.django_db
def test_every_guard_that_is_gone_is_named():
    with suspended(connection):
        missing = guards.missing_guards(connection)
    expected = guards.POSTGRESQL_TRIGGERS if connection.vendor == "postgresql" else guards.SQLITE_TRIGGERS
    assert missing == list(expected)


@pytest.mark.sqlite
@pytest.mark.django_db
def test_a_guard_with_another_text_is_named():
    _run("DROP TRIGGER audit_no_delete")
    _run(f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON {TABLE} WHEN 0 BEGIN SELECT 1; END")
    assert guards.missing_guards(connection) == ["audit_no_delete"]


@pytest.mark.sqlite
@pytest.mark.django_db
def test_a_connection_that_lets_replace_pass_unseen_is_named():
    _run("PRAGMA recursive_triggers = OFF")
    try:
        assert guards.missing_guards(connection) == ["recursive_triggers"]
    finally:
        _run("PRAGMA recursive_triggers = ON")


@pytest.mark.postgres
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sql", "named"),
    [
        (f"ALTER TABLE {TABLE} DISABLE TRIGGER audit_no_change", ["audit_no_change"]),
        (f"ALTER TABLE {TABLE} ENABLE TRIGGER audit_no_truncate", ["audit_no_truncate"]),
        (
            f"DROP TRIGGER audit_no_change ON {TABLE};"
            f"CREATE TRIGGER audit_no_change BEFORE UPDATE ON {TABLE} FOR EACH ROW"
            " EXECUTE FUNCTION audit_refuse_change();"
            f"ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER audit_no_change",
            ["audit_no_change"],
        ),
        (
            f"DROP TRIGGER audit_no_change ON {TABLE};"
            f"CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON {TABLE} FOR EACH ROW WHEN (false)"
            " EXECUTE FUNCTION audit_refuse_change();"
            f"ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER audit_no_change",
            ["audit_no_change"],
        ),
        (
            "CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RETURN NEW; END'",
            [name for name, row in guards.POSTGRESQL_TRIGGERS.items() if row[3] == "audit_refuse_change"],
        ),
        ("ALTER FUNCTION audit_put_in_outbox() RESET search_path", ["audit_outbox"]),
    ],
    ids=["disabled", "not always", "delete let pass", "never true", "empty function", "another outbox"],
)
def test_a_guard_of_postgresql_that_no_longer_bites_is_named(sql: str, named: list[str]):
    _run(sql)
    assert guards.missing_guards(connection) == named


@pytest.mark.django_db
def test_installing_again_mends_the_guards():
    with suspended(connection):
        guards.install(connection)
        assert guards.missing_guards(connection) == []


@pytest.mark.django_db(transaction=True)
def test_a_migration_puts_the_guards_back():
    with suspended(connection):
        call_command("migrate", "audit", skip_checks=True, verbosity=0)
        assert guards.missing_guards(connection) == []


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_a_table_that_was_remade_by_a_migration_lost_its_guards_and_has_them_back():
    with connection.schema_editor() as editor:
        editor._remake_table(AuditRecord)
    lost = [name for name, sql in guards.SQLITE_TRIGGERS.items() if f" ON {TABLE}\n" in sql]
    assert len(lost) == 5
    assert guards.missing_guards(connection) == lost
    call_command("migrate", "audit", skip_checks=True, verbosity=0)
    assert guards.missing_guards(connection) == []


@pytest.mark.django_db(transaction=True)
def test_the_system_check_fails_while_guards_are_missing():
    with suspended(connection), pytest.raises(SystemCheckError, match=r"audit\.E001.*audit_clock"):
        call_command("check", tags=["database"], databases=["default"])
    call_command("check", tags=["database"], databases=["default"], verbosity=0)


@pytest.mark.django_db
def test_a_release_with_new_guards_can_be_migrated_to():
    recorder = MigrationRecorder(connection)
    with suspended(connection):
        recorder.record_unapplied("audit", "0004_guards")
        assert guards.check_guards(databases=["default"]) == []
    recorder.record_applied("audit", "0004_guards")


def test_a_database_without_the_log_is_left_alone(monkeypatch: pytest.MonkeyPatch, db: None):
    monkeypatch.setattr("audit.guards.TABLE", "audit_not_yet_there")
    monkeypatch.setattr("audit.guards.TABLES", ("audit_not_yet_there",))
    guards.install(connection)
    assert guards.check_guards(databases=["default"]) == []


def test_a_database_that_has_no_guards_is_refused(monkeypatch: pytest.MonkeyPatch, db: None):
    monkeypatch.setattr(connection, "vendor", "oracle")
    assert [message.id for message in guards.check_guards(databases=["default"])] == ["audit.E002"]


def test_a_change_of_the_guards_comes_with_a_migration():
    of_postgresql = (guards.POSTGRESQL_FUNCTIONS, guards.POSTGRESQL_PATH, guards.POSTGRESQL_TRIGGERS)
    texts = repr((guards.SQLITE_TRIGGERS, *of_postgresql))
    digest = hashlib.sha256(texts.encode()).hexdigest()
    names = sorted(path.stem for path in Path(migrations.__path__[0]).glob("0*.py"))
    stated = [getattr(importlib.import_module(f"audit.migrations.{name}"), "GUARDS", None) for name in names]
    newest = [one for one in stated if one is not None][-1]
    assert newest == digest, f"add a migration of audit with GUARDS = {digest!r}"


@pytest.mark.django_db(transaction=True)
def test_flush_is_refused_like_any_other_deletion(record: Record):
    record()
    with pytest.raises(CommandError):
        call_command("flush", interactive=False, verbosity=0)
    assert AuditRecord.objects.count() == 1
