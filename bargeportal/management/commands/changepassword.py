"""`manage.py changepassword NAME`: another password for a person, on record. Django's own leaves none."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError
from django.db import transaction

from bargeportal.management.needs_database import DatabaseCommand
from bargeportal.management.passwords import ask_password_of
from bargeportal.own_acts import record_new_password
from injections.callers import system_caller
from injections.roles import Role


class Command(DatabaseCommand):
    """Give a person another password; whoever is logged in with the former one is logged out."""

    help = "Change the password of NAME; asks for it, or reads it as one line where no terminal is."
    requires_system_checks: list[str] = []  # noqa: RUF012  declared so by Django; needs no platform

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command line."""
        parser.add_argument("name", help="the name that the person logs in with")

    def handle(self, *_args: Any, name: str, **_options: Any) -> None:
        """Ask, then change and record."""
        user = User.objects.filter(username=name).first()
        if user is None:
            raise CommandError(f"There is no account {name}; names tell capitals from small letters.")
        if user.groups.filter(name=Role.API_CLIENT).exists():
            raise CommandError(
                f"{name} is an API client: it has tokens and no password. See manage.py create_api_client."
            )
        _store(user, ask_password_of(user))
        self.stdout.write(f"{name} logs in with the new password from now on.")


@transaction.atomic(durable=True)
def _store(user: User, password: str) -> None:
    user.set_password(password)
    user.save(update_fields=["password"])
    record_new_password(user, by=system_caller(where="manage.py changepassword"))
