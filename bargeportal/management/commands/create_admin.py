"""`manage.py create_admin NAME`: somebody who can log in and make all other accounts."""

import sys
from argparse import ArgumentParser
from getpass import getpass
from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from audit import services as audit
from audit.entry import Entry, Subject
from bargeportal.management.account_names import check_account_name
from bargeportal.management.needs_database import DatabaseCommand
from bargeportal.rights import seed_roles
from injections.callers import Caller, system_caller
from injections.roles import Role


class Command(DatabaseCommand):
    """Make an administrator."""

    help = "Make the administrator NAME; asks for a password, or reads it as one line where no terminal is."
    requires_system_checks: list[str] = []  # noqa: RUF012  declared so by Django; needs no platform

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command line."""
        parser.add_argument("name", help="the name to log in with")

    def handle(self, *_args: Any, name: str, **_options: Any) -> None:
        """Make the account, record it, and say what comes next."""
        check_account_name(name)
        if User.objects.filter(username=name).exists():
            raise CommandError(
                f"There is an account {name} already. Choose another name; `manage.py changepassword {name}` "
                "gives it a new password, and an administrator gives it roles at /admin/."
            )
        user = User(username=name)
        password = _asked_password() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        user.set_password(password)
        _store(user, by=system_caller(where="manage.py create_admin"))
        self.stdout.write(f"{name} can log in now, and make people and queues at /admin/.")


def _asked_password() -> str:
    password = getpass("Password: ")
    if getpass("The same again: ") != password:
        raise CommandError("The two passwords differ.")
    return password


@transaction.atomic(durable=True)
def _store(user: User, *, by: Caller) -> None:
    seed_roles()
    user.save()
    user.groups.set([Group.objects.get(name=Role.ADMINISTRATOR.value)])
    audit.append(
        Entry(
            action="user.added",
            outcome="done",
            actor=by.actor,
            source=by.source,
            subject=Subject(other=f"user {user.pk}"),
            summary=f"{by.label} added the user {user.username}, an administrator.",
            after={
                "username": user.username,
                "name": "",
                "roles": [Role.ADMINISTRATOR.value],
                "is_active": True,
            },
            occurred_at=timezone.now(),
        )
    )
