"""What the commands that run on and on share: they start on no database that they could not use."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bargeportal import starting


class LongRunningCommand(BaseCommand):
    """A process of the portal, which whoever keeps processes may start alone."""

    def check(self, *args: Any, **options: Any) -> None:
        """Check the configuration, then whether the database is there and of this version."""
        super().check(*args, **options)
        for finding in starting.database_findings():
            raise CommandError(finding)
