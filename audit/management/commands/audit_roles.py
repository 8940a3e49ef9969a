"""`manage.py audit_roles`: part the role that owns the log from the one that the portal works as; see that they are."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.utils import timezone

from audit import roles


class Command(BaseCommand):
    """Grants as the owner of the tables, or checks as the application."""

    requires_system_checks: list[str] = []  # noqa: RUF012  declared so by Django; the owner needs no platform
    help = "PostgreSQL: let the portal's role add to the audit log and not change it, or check that it is so."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command line."""
        way = parser.add_mutually_exclusive_group(required=True)
        way.add_argument("--grant", metavar="ROLE", help="as the owner: give ROLE the rights of the portal")
        way.add_argument(
            "--check", action="store_true", help="as the portal: tell how the log could be changed"
        )

    def handle(self, *args: Any, grant: str | None, check: bool, **options: Any) -> None:
        """Grant or check."""
        if connection.vendor != "postgresql":
            raise CommandError("SQLite knows no roles: who can write its file owns it. Use PostgreSQL.")
        try:
            if grant is None:
                self._check()
            else:
                self._grant(grant)
        except DatabaseError as error:
            raise CommandError(f"{' '.join(str(error).split())}.") from error

    def _grant(self, role: str) -> None:
        roles.grant(role, at=timezone.now())
        self.stdout.write(
            f"{role} may read the log and add to it. Run `manage.py audit_roles --check` as {role}."
        )

    def _check(self) -> None:
        found = roles.faults()
        for fault in found:
            self.stdout.write(f"FAULT  {fault}")
        if found:
            raise CommandError("This role could change the audit log, or cannot write to it.")
        self.stdout.write("This role can read the audit log and add to it, and cannot change it.")
