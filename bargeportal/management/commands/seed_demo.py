"""`manage.py seed_demo`: people, queues and recordings to try the portal with."""

from typing import Any

from bargeportal import demo
from bargeportal.management.needs_database import DatabaseCommand


class Command(DatabaseCommand):
    """Seed the demo; it may run again at any time."""

    help = "Make the demo's roles, people, queues and recordings, where they are not there yet."
    requires_system_checks: list[str] = []  # noqa: RUF012  declared so by Django; needs no platform

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Seed, and say how to log in."""
        self.stdout.write(demo.seed(where="manage.py seed_demo"))
