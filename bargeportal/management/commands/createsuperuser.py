"""Django's `createsuperuser`, which would make an account that no role allows anything and no record tells of."""

from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.core.management.base import CommandError


class Command(createsuperuser.Command):
    """Point to the command that makes an administrator, whatever options were given."""

    help = "The portal has no superusers: see create_admin."
    requires_migrations_checks = False
    requires_system_checks: list[str] = []  # noqa: RUF012  declared so by Django; needs no platform

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Say what to do instead."""
        raise CommandError(
            "The portal has no superusers: `manage.py create_admin NAME` makes an administrator."
        )
