"""What the portal's commands share: they need the database, and say so when it is not there."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError


class DatabaseCommand(BaseCommand):
    """A command that tells in one sentence that the database is away or empty."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command."""
        try:
            return super().execute(*args, **options)
        except (OperationalError, ProgrammingError) as error:
            raise CommandError(database_trouble(error)) from error


def database_trouble(error: Exception) -> str:
    """Return one line that tells what is wrong with the database, and what to do."""
    return (
        f"The database cannot be used: {' '.join(str(error).split())}. DATABASE_URL, or PORTAL_DATA_DIR, "
        "says where it is; `manage.py up` and `manage.py migrate` set it up."
    )
