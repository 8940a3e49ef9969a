"""Two roles on PostgreSQL: the owner migrates; the application reads and adds, and can neither change the log nor
lift its guards.

The owner of a table may drop its triggers, whatever they refuse: so what serves people must not be the owner.
"""

from datetime import datetime

from django.db import connection, transaction

from audit import own_records
from audit.canonical import clean_text
from audit.guards import CHECKPOINT, LEAF, NODE, PENDING, POSTGRESQL_FUNCTIONS, TABLE, TABLES

_RIGHTS = {
    **dict.fromkeys((TABLE, LEAF, NODE, CHECKPOINT), "SELECT, INSERT"),
    PENDING: "SELECT, INSERT, DELETE",  # a guard lets go of nothing that has no place yet
    "django_migrations": "SELECT",
}
_RIGHTS_ELSEWHERE = "SELECT, INSERT, UPDATE, DELETE"
_AS_GOOD_AS_SUPERUSER = ("pg_execute_server_program", "pg_write_server_files")

_ROLE = """SELECT rolsuper, rolcreaterole, current_setting('is_superuser') = 'on',
  EXISTS (SELECT 1 FROM unnest(%s::text[]) AS name WHERE pg_has_role(current_user, name, 'MEMBER'))
FROM pg_roles WHERE rolname = current_user"""
_TABLES = """SELECT c.relname, pg_has_role(current_user, c.relowner, 'MEMBER'),
  has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
    AND (c.oid <> to_regclass(%s) OR has_table_privilege(c.oid, 'DELETE')),
  array(SELECT word FROM unnest('{UPDATE,DELETE,TRUNCATE,TRIGGER}'::text[]) AS word
    WHERE has_table_privilege(c.oid, word) OR word = 'UPDATE' AND has_any_column_privilege(c.oid, word))
FROM pg_class c WHERE c.oid IN (SELECT to_regclass(name) FROM unnest(%s::text[]) AS name) ORDER BY c.relname"""
_SCHEMA = """SELECT n.nspname, has_schema_privilege(n.oid, 'CREATE'), pg_has_role(current_user, n.nspowner, 'MEMBER'),
  EXISTS (SELECT 1 FROM pg_proc p WHERE p.pronamespace = n.oid AND p.proname = ANY(%s)
    AND pg_has_role(current_user, p.proowner, 'MEMBER'))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(%s)"""


def grant(application: str, *, at: datetime) -> None:
    """Give the role `application` what the portal needs of the tables of this database, and no more.

    Run by their owner, again after each migration that brings new ones. It is on record, in the same transaction.

    Raises:
        django.db.DatabaseError: there is no such role, or who asks is not the owner.
    """
    quote = connection.ops.quote_name
    role = quote(application)
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(
            "SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = to_regclass(%s)", [TABLE]
        )
        (schema,) = cursor.fetchone()
        cursor.execute(f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {role}")
        cursor.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
        cursor.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}")
        tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        for table in {*tables, *_RIGHTS}:
            cursor.execute(f"REVOKE ALL ON {quote(table)} FROM PUBLIC, {role}")
            cursor.execute(f"GRANT {_RIGHTS.get(table, _RIGHTS_ELSEWHERE)} ON {quote(table)} TO {role}")
        own_records.append(
            "audit.roles_granted",
            "The role that the portal works as was given its rights: to read the log and to add to it.",
            at=at,
            command="audit_roles --grant",
            details={"role": clean_text(application, limit=63)},
        )


def faults() -> list[str]:
    """Return a sentence for each way in which the role that asks could change the log, or could not write to it."""
    with connection.cursor() as cursor:
        cursor.execute(_ROLE, [list(_AS_GOOD_AS_SUPERUSER)])
        is_super, makes_roles, was_super, is_as_good = cursor.fetchone()
        if is_super or was_super or is_as_good:
            return ["It is a superuser, or as good as one: no guard holds it."]
        found = ["It may make roles, and so itself a member of any."] if makes_roles else []
        cursor.execute(_SCHEMA, [list(POSTGRESQL_FUNCTIONS), TABLE])
        schema, may_create, owns_schema, owns_functions = cursor.fetchone()
        if owns_schema:
            found.append(f"It owns the schema {schema}: it can drop the tables in it.")
        elif may_create:
            found.append(f"It may create things in the schema {schema}.")
        if owns_functions:
            found.append("It owns the functions of the guards: it can replace them.")
        cursor.execute(_TABLES, [PENDING, list(TABLES)])
        for table, owns, writes, rights in cursor.fetchall():
            found += _faults_of(table, owns=owns, writes=writes, rights=rights)
    return found


def _faults_of(table: str, *, owns: bool, writes: bool, rights: list[str]) -> list[str]:
    if owns:
        return [f"It owns the table {table}: it can lift its guards."]
    found = [] if writes else [f"It may not read the table {table} and add to it."]
    too_many = [right for right in rights if right not in _RIGHTS[table]]
    return [*found, *([f"It has {', '.join(too_many)} on the table {table}."] if too_many else [])]
