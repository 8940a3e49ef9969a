"""Two roles on a real PostgreSQL: the owner migrates, the portal adds to the log and cannot change it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from audit import roles
from audit.models import AuditRecord

OWNER, PORTAL = "log_owner", "log_portal"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def _do(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def _as(role: str) -> Iterator[None]:
    _do(f"SET SESSION AUTHORIZATION {role}")
    try:
        yield
    finally:
        _do("RESET SESSION AUTHORIZATION")


@pytest.fixture
def portal(transactional_db: None) -> Iterator[None]:
    """Provide the role of the portal, with the rights that the command grants."""
    _do(f"CREATE ROLE {PORTAL} LOGIN")
    try:
        call_command("audit_roles", "--grant", PORTAL, verbosity=0)
        yield
    finally:
        _do(f"DROP OWNED BY {PORTAL}", f"DROP ROLE {PORTAL}")


@pytest.mark.postgres
def test_the_role_of_the_portal_has_no_fault_and_its_rights_are_on_record(portal: None):
    with _as(PORTAL):
        assert roles.faults() == []
    assert AuditRecord.objects.filter(action="audit.roles_granted").count() == 1


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("lift", "fault"),
    [
        (f"GRANT UPDATE (summary) ON audit_auditrecord TO {PORTAL}", "It has UPDATE on the table audit_auditrecord."),
        (f"GRANT DELETE, TRUNCATE ON audit_auditleaf TO {PORTAL}", "It has DELETE, TRUNCATE on"),
        ("GRANT TRIGGER ON audit_auditnode TO PUBLIC", "It has TRIGGER on the table audit_auditnode."),
        (f"REVOKE INSERT ON audit_auditpending FROM {PORTAL}", "It may not read the table audit_auditpending and add"),

        (f"REVOKE DELETE ON audit_auditpending FROM {PORTAL}", "It may not read the table audit_auditpending and add"),
        (f"ALTER TABLE audit_auditcheckpoint OWNER TO {PORTAL}", "It owns the table audit_auditcheckpoint"),
        (f"ALTER FUNCTION audit_keep_pending() OWNER TO {PORTAL}", "It owns the functions of the guards"),
        (f"GRANT CREATE ON SCHEMA public TO {PORTAL}", "It may create things in the schema public."),
        (f"ALTER SCHEMA public OWNER TO {PORTAL}", "It owns the schema public"),
        (f"ALTER ROLE {PORTAL} CREATEROLE", "It may make roles"),
        (f"ALTER ROLE {PORTAL} SUPERUSER", "It is a superuser"),
        (f"GRANT pg_write_server_files TO {PORTAL}", "as good as one"),
    ],
)  # fmt: skip
def test_each_right_too_many_or_too_few_is_named(portal: None, lift: str, fault: str):
    _do("SAVEPOINT here") if connection.in_atomic_block else _do("BEGIN")
    try:
        _do(lift)
        with _as(PORTAL):
            assert fault in "\n".join(roles.faults())
    finally:
        _do("ROLLBACK")


@pytest.mark.postgres
def test_a_role_that_does_not_exist_is_told_in_one_sentence(transactional_db: None):
    with pytest.raises(CommandError, match='role "nobody_at_all" does not exist'):
        call_command("audit_roles", "--grant", "nobody_at_all")
    assert not AuditRecord.objects.exists()


@pytest.mark.sqlite
def test_sqlite_has_no_roles_to_part(db: None):
    with pytest.raises(CommandError, match="SQLite knows no roles"):
        call_command("audit_roles", "--check")


@pytest.fixture
def run(portal: None, tmp_path: Path) -> Iterator[Run]:
    """Return what runs a command of the portal as a role, on a database that the owner migrated."""
    here = connection.settings_dict
    _do(f"CREATE ROLE {OWNER} LOGIN", f"CREATE DATABASE log_of_two OWNER {OWNER}")

    def run_as(role: str, *command: str) -> "subprocess.CompletedProcess[str]":
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "bargeportal.settings",
            "DATABASE_URL": f"postgresql://{role}@{quote(here['HOST'], safe='')}/log_of_two",
            "PORTAL_DATA_DIR": str(tmp_path),
            "GENESYS_CLIENT_ID": "nobody",
            "GENESYS_CLIENT_SECRET": "nothing",
        }
        full = [sys.executable, "manage.py", *command]
        return subprocess.run(full, env=environment, capture_output=True, text=True, timeout=120, check=False)

    try:
        yield run_as
    finally:
        _do("DROP DATABASE log_of_two WITH (FORCE)", f"DROP ROLE {OWNER}")


@pytest.mark.postgres
def test_the_portal_works_as_a_role_that_can_change_nothing_of_the_log(run: Run):
    assert run(OWNER, "migrate", "-v0").returncode == 0
    assert "cannot change it" not in run(PORTAL, "audit_roles", "--check").stdout
    granted = run(OWNER, "audit_roles", "--grant", PORTAL)
    assert granted.returncode == 0, granted.stderr
    refused = run(OWNER, "audit_roles", "--check")
    assert (refused.returncode, "It owns the table audit_auditrecord" in refused.stdout) == (1, True)
    for command in (
        ["audit_roles", "--check"],
        ["migrate", "-v0"],
        ["seal_audit", "--once"],
        ["verify_audit"],
    ):
        done = run(PORTAL, *command)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    with psycopg.connect(
        host=connection.settings_dict["HOST"], user=PORTAL, dbname="log_of_two", autocommit=True
    ) as portal:
        for forbidden in (
            "UPDATE audit_auditrecord SET summary = 'x'",
            "DELETE FROM audit_auditleaf",
            "TRUNCATE audit_auditcheckpoint",
            "ALTER TABLE audit_auditrecord DISABLE TRIGGER USER",
            "DROP TRIGGER audit_no_change ON audit_auditrecord",
            "DROP TABLE audit_auditrecord",
            "CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
            "SET session_replication_role = replica",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                portal.execute(forbidden)
