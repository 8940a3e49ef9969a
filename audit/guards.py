"""The database's own refusal to change the log: triggers, put in anew after every migration.

Django remakes a table on SQLite for most migrations, and its triggers vanish with the old one without a word.
So they are created anew each time, and a system check (audit.E001) names those that are missing or not as
written here. Each change of their text comes with a migration, see `migrations/0002_guards.py`.

They only prevent, and only those who may not drop them: what was done in spite of them is found
by verification.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

TABLE = "audit_auditrecord"
_REFUSAL = "the audit log is append-only"
_CLOCK = "recorded_at is given by the clock of the database"

# --- SQLite -------------------------------------------------------------------------------------------------
# INSERT OR REPLACE removes the rows that stand in its way, whether by key, by place in a chain or by rowid,
# and without the pragma recursive_triggers no DELETE trigger sees it: hence the guard on INSERT. In a BEFORE
# trigger `NEW.rowid` is -1 unless the statement names it.
SQLITE_TRIGGERS = {
    "audit_no_update": f"""CREATE TRIGGER audit_no_update BEFORE UPDATE ON {TABLE}
BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END""",
    "audit_no_delete": f"""CREATE TRIGGER audit_no_delete BEFORE DELETE ON {TABLE}
BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END""",
    "audit_no_replace": f"""CREATE TRIGGER audit_no_replace BEFORE INSERT ON {TABLE}
WHEN EXISTS (SELECT 1 FROM {TABLE} WHERE id = NEW.id)
  OR EXISTS (SELECT 1 FROM {TABLE} WHERE rowid = NEW.rowid)
  OR EXISTS (SELECT 1 FROM {TABLE} WHERE conversation_id = NEW.conversation_id
             AND number_in_conversation = NEW.number_in_conversation)
BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END""",  # noqa: S608  names of our own
    "audit_clock": f"""CREATE TRIGGER audit_clock BEFORE INSERT ON {TABLE}
WHEN (strftime('%Y-%m-%d %H:%M:%f', NEW.recorded_at)
      BETWEEN strftime('%Y-%m-%d %H:%M:%f', 'now', '-10 seconds')
          AND strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 seconds')) IS NOT 1
BEGIN SELECT RAISE(ABORT, '{_CLOCK}'); END""",
}


def _install_sqlite(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for name, sql in SQLITE_TRIGGERS.items():
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
            cursor.execute(sql)


def _missing_sqlite(connection: BaseDatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [TABLE]
        )
        found = dict(cursor.fetchall())
        cursor.execute("PRAGMA recursive_triggers")
        pragma = cursor.fetchone()
    missing = [name for name, sql in SQLITE_TRIGGERS.items() if found.get(name) != sql]
    return missing if pragma == (1,) else [*missing, "recursive_triggers"]


# --- PostgreSQL ---------------------------------------------------------------------------------------------
# ENABLE ALWAYS: `session_replication_role = replica` would otherwise switch triggers off for a session.
POSTGRESQL_FUNCTIONS = {
    "audit_refuse_change": f"""
BEGIN
  RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'restrict_violation';
END
""",
    "audit_check_clock": f"""
BEGIN
  IF (NEW.recorded_at BETWEEN clock_timestamp() - interval '10 seconds' AND clock_timestamp() + interval '1
  second') IS NOT TRUE THEN RAISE EXCEPTION '{_CLOCK}' USING ERRCODE = 'check_violation'; END IF; RETURN NEW;
END
""",
}
# name: (when, function, pg_trigger.tgtype: row 1, before 2, insert 4, delete 8, update 16, truncate 32)
POSTGRESQL_TRIGGERS = {
    "audit_no_change": ("BEFORE UPDATE OR DELETE", "FOR EACH ROW", "audit_refuse_change", 1 + 2 + 8 + 16),
    "audit_no_truncate": ("BEFORE TRUNCATE", "FOR EACH STATEMENT", "audit_refuse_change", 2 + 32),
    "audit_clock": ("BEFORE INSERT", "FOR EACH ROW", "audit_check_clock", 1 + 2 + 4),
}
_POSTGRESQL_FOUND = """
SELECT t.tgname, p.proname, p.prosrc, t.tgtype, t.tgenabled, t.tgqual IS NULL AND t.tgattr = ''::int2vector
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
WHERE t.tgrelid = to_regclass(%s) AND NOT t.tgisinternal"""


def _install_postgresql(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for name, source in POSTGRESQL_FUNCTIONS.items():
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger"
                f" LANGUAGE plpgsql AS $guard${source}$guard$"
            )
        for name, (event, scope, function, _) in POSTGRESQL_TRIGGERS.items():
            cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {TABLE}")
            cursor.execute(f"CREATE TRIGGER {name} {event} ON {TABLE} {scope} EXECUTE FUNCTION {function}()")
            cursor.execute(f"ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER {name}")


def _missing_postgresql(connection: BaseDatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_POSTGRESQL_FOUND, [TABLE])
        found = {name: tuple(rest) for name, *rest in cursor.fetchall()}
    return [
        name
        for name, (_, _, function, type_bits) in POSTGRESQL_TRIGGERS.items()
        if found.get(name) != (function, POSTGRESQL_FUNCTIONS[function], type_bits, "A", True)
    ]


# --- Either -------------------------------------------------------------------------------------------------
_INSTALLERS: dict[str, Callable[[BaseDatabaseWrapper], None]] = {
    "sqlite": _install_sqlite,
    "postgresql": _install_postgresql,
}
_INSPECTORS: dict[str, Callable[[BaseDatabaseWrapper], list[str]]] = {
    "sqlite": _missing_sqlite,
    "postgresql": _missing_postgresql,
}


def install(connection: BaseDatabaseWrapper) -> None:
    """Drop and create every guard. Does nothing where the table, or support for the database, is missing."""
    if connection.vendor in _INSTALLERS and _has_table(connection):
        _INSTALLERS[connection.vendor](connection)


def missing_guards(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the names of the guards that are absent, switched off, or not as this module writes them.

    Raises:
        KeyError: the database is neither SQLite nor PostgreSQL.
    """
    return _INSPECTORS[connection.vendor](connection)


def install_after_migrate(*, using: str, **_: Any) -> None:
    """Receive Django's `post_migrate`."""
    install(connections[using])


def prepare_connection(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Receive Django's `connection_created`: on SQLite let deletions inside a REPLACE meet the guards."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA recursive_triggers = ON")


def check_guards(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Report missing guards: `check --database default`, and each `migrate`."""
    return [message for alias in databases or () for message in _check_database(alias)]


def _check_database(alias: str) -> list[CheckMessage]:
    connection = connections[alias]
    if connection.vendor not in _INSPECTORS:
        return [
            Error(
                f"The audit log has no guards for {connection.display_name}.",
                hint="Use PostgreSQL or SQLite.",
                id="audit.E002",
            )
        ]
    missing = missing_guards(connection) if _has_table(connection) else []
    # `migrate` runs this check before it acts: a release with new guards has a migration, and may pass.
    if not missing or _has_pending_migration(connection):
        return []
    return [
        Error(
            f"The audit log in {alias!r} can be changed. Missing or altered: {', '.join(missing)}.",
            hint="Find out who did it; then `manage.py migrate --skip-checks` puts the guards back.",
            id="audit.E001",
        )
    ]


def _has_pending_migration(connection: BaseDatabaseWrapper) -> bool:
    loader = MigrationLoader(connection)
    return not loader.applied_migrations.keys() >= set(loader.graph.leaf_nodes("audit"))


def _has_table(connection: BaseDatabaseWrapper) -> bool:
    with connection.cursor() as cursor:
        return TABLE in connection.introspection.table_names(cursor)
