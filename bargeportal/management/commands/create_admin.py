"""`manage.py create_admin NAME`: somebody who can log in and make all other accounts."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.management.base import CommandError
from django.db import transaction

from bargeportal.management.account_names import check_account_name
from bargeportal.management.needs_database import DatabaseCommand
from bargeportal.management.passwords import ask_password_of
from bargeportal.own_acts import record_act, state_of_account
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
        user.set_password(ask_password_of(user))
        _store(user, by=system_caller(where="manage.py create_admin"))
        self.stdout.write(f"{name} can log in now, and make people and queues at /admin/.")


@transaction.atomic(durable=True)
def _store(user: User, *, by: Caller) -> None:
    seed_roles()
    user.save()
    user.groups.set([Group.objects.get(name=Role.ADMINISTRATOR.value)])
    record_act(
        "user.added",
        user,
        summary=f"{by.label} added the user {user.username}, an administrator.",
        after=state_of_account(user),
        by=by,
    )
