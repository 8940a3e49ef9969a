"""The database's own refusal to change the log: triggers, put in anew after every migration.

Django remakes a table on SQLite for most migrations, and its triggers vanish with the old one without a word.
So they are created anew each time, and a system check (audit.E001) names those that are missing or not as
written here. Each change of their text comes with a migration, see `migrations/0004_guards.py`.

One of them does not refuse: it puts each new record into the outbox of the sealer, whoever inserted it. The
others only prevent, and only those who may not drop them: what was done in spite of them is found
by verification.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

TABLE = "audit_auditrecord"
PENDING, LEAF, NODE, CHECKPOINT = (
    "audit_auditpending",
    "audit_auditleaf",
    "audit_auditnode",
    "audit_auditcheckpoint",
)
TABLES = (TABLE, PENDING, LEAF, NODE, CHECKPOINT)
_PREFIXES = {TABLE: "audit", LEAF: "audit_leaf", NODE: "audit_node", CHECKPOINT: "audit_checkpoint"}
_REFUSAL = "the audit log is append-only"
_CLOCK = "recorded_at is given by the clock of the database"
_PENDING = "a record waits until it has a place in the log"
_GAP = "the places in the log are contiguous"

# --- SQLite -------------------------------------------------------------------------------------------------
# INSERT OR REPLACE removes the rows that stand in its way, whether by key, by place in a chain or by rowid,
# and without the pragma recursive_triggers no DELETE trigger sees it: hence the guard on INSERT. In a BEFORE
# trigger `NEW.rowid` is -1 unless the statement names it.
_KEYS = {
    TABLE: (
        "id = NEW.id",
        "rowid = NEW.rowid",
        "conversation_id = NEW.conversation_id AND number_in_conversation = NEW.number_in_conversation",
    ),
    LEAF: ('"index" = NEW."index"', "record_id = NEW.record_id", "rowid = NEW.rowid"),
    NODE: ('level = NEW.level AND "index" = NEW."index"', "rowid = NEW.rowid"),
    CHECKPOINT: ("size = NEW.size", "rowid = NEW.rowid"),
}


def _sqlite(name: str, when: str, table: str, condition: str, message: str) -> tuple[str, str]:
    condition = f"\nWHEN {condition}" if condition else ""
    return (
        name,
        f"CREATE TRIGGER {name} {when} ON {table}{condition}\nBEGIN SELECT RAISE(ABORT, '{message}'); END",
    )


def _sqlite_triggers() -> dict[str, str]:
    triggers = []
    for table, prefix in _PREFIXES.items():
        taken = "\n  OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {key})" for key in _KEYS[table])  # noqa: S608  names of our own
        triggers += [
            _sqlite(f"{prefix}_no_update", "BEFORE UPDATE", table, "", _REFUSAL),
            _sqlite(f"{prefix}_no_delete", "BEFORE DELETE", table, "", _REFUSAL),
            _sqlite(f"{prefix}_no_replace", "BEFORE INSERT", table, taken, _REFUSAL),
        ]
    now = "strftime('%Y-%m-%d %H:%M:%f', 'now', '{}')"
    is_now = f"strftime('%Y-%m-%d %H:%M:%f', NEW.recorded_at) BETWEEN {now.format('-10 seconds')}"
    is_now = f"({is_now}\n  AND {now.format('+1 seconds')}) IS NOT 1"
    has_place = f"EXISTS (SELECT 1 FROM {LEAF} WHERE record_id = OLD.record_id)"  # noqa: S608  as above
    follows = f'NEW."index" = 0 OR EXISTS (SELECT 1 FROM {LEAF} WHERE "index" = NEW."index" - 1)'  # noqa: S608  as above
    outbox = f"AFTER INSERT ON {TABLE}\nBEGIN INSERT INTO {PENDING} (record_id) VALUES (NEW.id); END"  # noqa: S608  as above
    return dict(
        [
            *triggers,
            _sqlite("audit_clock", "BEFORE INSERT", TABLE, is_now, _CLOCK),
            ("audit_outbox", f"CREATE TRIGGER audit_outbox {outbox}"),
            _sqlite("audit_leaf_place", "BEFORE INSERT", LEAF, f"NOT ({follows})", _GAP),
            _sqlite("audit_pending_no_update", "BEFORE UPDATE", PENDING, "", _PENDING),
            _sqlite("audit_pending_no_delete", "BEFORE DELETE", PENDING, f"NOT {has_place}", _PENDING),
        ]
    )


SQLITE_TRIGGERS = _sqlite_triggers()


def _install_sqlite(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for name, sql in SQLITE_TRIGGERS.items():
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
            cursor.execute(sql)


def _missing_sqlite(connection: BaseDatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
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
    "audit_put_in_outbox": f"""
BEGIN
  INSERT INTO {PENDING} (record_id) VALUES (NEW.id); RETURN NULL;
END
""",  # noqa: S608  names of our own
    "audit_keep_pending": f"""
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF EXISTS (SELECT 1 FROM {LEAF} WHERE record_id = OLD.record_id) THEN RETURN OLD; END IF;
  END IF;
  RAISE EXCEPTION '{_PENDING}' USING ERRCODE = 'restrict_violation';
END
""",  # noqa: S608  as above
    "audit_check_place": f"""
BEGIN
  IF NEW.index = 0 OR EXISTS (SELECT 1 FROM {LEAF} WHERE index = NEW.index - 1) THEN RETURN NEW; END IF;
  RAISE EXCEPTION '{_GAP}' USING ERRCODE = 'check_violation';
END
""",  # noqa: S608  as above
}
# Where the functions look for tables and operators. Without it they look first among the temporary tables, where
# anybody may have made an outbox of the same name.
POSTGRESQL_PATH = "pg_catalog, {schema}, pg_temp"
# name: (table, when, scope, function, pg_trigger.tgtype: row 1, before 2, insert 4, delete 8, update 16, truncate 32)
_ROW, _STATEMENT = "FOR EACH ROW", "FOR EACH STATEMENT"
POSTGRESQL_TRIGGERS = {
    **{
        f"{prefix}_no_change": (table, "BEFORE UPDATE OR DELETE", _ROW, "audit_refuse_change", 1 + 2 + 8 + 16)
        for table, prefix in _PREFIXES.items()
    },
    **{
        f"{prefix}_no_truncate": (table, "BEFORE TRUNCATE", _STATEMENT, "audit_refuse_change", 2 + 32)
        for table, prefix in _PREFIXES.items()
    },
    "audit_clock": (TABLE, "BEFORE INSERT", _ROW, "audit_check_clock", 1 + 2 + 4),
    "audit_outbox": (TABLE, "AFTER INSERT", _ROW, "audit_put_in_outbox", 1 + 4),
    "audit_leaf_place": (LEAF, "BEFORE INSERT", _ROW, "audit_check_place", 1 + 2 + 4),
    "audit_pending_no_change": (
        PENDING,
        "BEFORE UPDATE OR DELETE",
        _ROW,
        "audit_keep_pending",
        1 + 2 + 8 + 16,
    ),
    "audit_pending_no_truncate": (PENDING, "BEFORE TRUNCATE", _STATEMENT, "audit_keep_pending", 2 + 32),
}
_POSTGRESQL_FOUND = """
SELECT t.tgname, c.relname, p.proname, p.prosrc, t.tgtype, t.tgenabled,
  t.tgqual IS NULL AND t.tgattr = ''::int2vector, p.proconfig, c.relnamespace::regnamespace::text
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_class c ON c.oid = t.tgrelid
WHERE t.tgrelid IN (SELECT to_regclass(name) FROM unnest(%s::text[]) AS name) AND NOT t.tgisinternal"""


def _install_postgresql(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = to_regclass(%s)", [TABLE]
        )
        path = POSTGRESQL_PATH.format(schema=cursor.fetchone()[0])
        for name, source in POSTGRESQL_FUNCTIONS.items():
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger"
                f" LANGUAGE plpgsql SET search_path = {path} AS $guard${source}$guard$"
            )
        for name, (table, event, scope, function, _) in POSTGRESQL_TRIGGERS.items():
            cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
            cursor.execute(f"CREATE TRIGGER {name} {event} ON {table} {scope} EXECUTE FUNCTION {function}()")
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def _missing_postgresql(connection: BaseDatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_POSTGRESQL_FOUND, [list(TABLES)])
        found = {
            name: (*rest, config == [f"search_path={POSTGRESQL_PATH.format(schema=schema)}"])
            for name, *rest, config, schema in cursor.fetchall()
        }
    return [
        name
        for name, (table, _, _, function, type_bits) in POSTGRESQL_TRIGGERS.items()
        if found.get(name) != (table, function, POSTGRESQL_FUNCTIONS[function], type_bits, "A", True, True)
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
    """Drop and create every guard, when one of them is missing or altered: only the owner of the tables can.

    Does nothing where a table, or support for the database, is missing.
    """
    if connection.vendor not in _INSTALLERS or not _has_tables(connection, *TABLES):
        return
    if missing_guards(connection):
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
    missing = missing_guards(connection) if _has_tables(connection, TABLE) else []
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


def _has_tables(connection: BaseDatabaseWrapper, *tables: str) -> bool:
    with connection.cursor() as cursor:
        return set(tables) <= set(connection.introspection.table_names(cursor))
