"""`manage.py create_api_client NAME`: a token for a machine that posts to /inject."""

from argparse import ArgumentParser
from typing import Any, Final

from django.contrib.auth.models import Group, User
from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone
from knox.models import AuthToken

from audit import services as audit
from audit.entry import Entry, Subject
from bargeportal.management.account_names import check_account_name
from bargeportal.management.needs_database import DatabaseCommand
from injections.callers import system_caller
from injections.roles import Role

_WHICH: Final = {True: "A first", False: "A further"}


class Command(DatabaseCommand):
    """Make an API client, or a further token for one."""

    help = "Print a token for the API client NAME, alone on the last line. It is shown this once."
    requires_system_checks: list[str] = []  # noqa: RUF012  declared so by Django; needs no platform

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command line."""
        parser.add_argument("name", help="what to call the client in the log, like dialler")
        parser.add_argument("--replace", action="store_true", help="revoke the client's earlier tokens")

    def handle(self, *_args: Any, name: str, replace: bool, **_options: Any) -> None:
        """Make client and token, record it, and print the token."""
        check_account_name(name)
        with transaction.atomic(durable=True):
            user, is_new = User.objects.get_or_create(username=name)
            if not is_new:
                _check_client(user)
            user.set_unusable_password()
            user.save(update_fields=["password"])
            user.groups.set([Group.objects.get_or_create(name=Role.API_CLIENT.value)[0]])
            revoked = AuthToken.objects.filter(user=user).delete()[0] if replace else 0
            _, token = AuthToken.objects.create(user=user)
            count = AuthToken.objects.filter(user=user).count()
            _record(user, is_new=is_new, revoked=revoked, count=count)
        if revoked:
            self.stdout.write(f"The earlier tokens of {name} hold no longer; there were {revoked}.")
        elif not is_new:
            self.stdout.write(
                f"{name} was there already. This is a further token: {count} hold now. "
                "With --replace the earlier ones would hold no longer."
            )
        self.stdout.write(f"Token of {name}; it is not shown again:")
        self.stdout.write(token)


def _check_client(user: User) -> None:
    """Refuse whoever is there already and is not a machine that may have a token."""
    name = user.get_username()
    if set(user.groups.values_list("name", flat=True)) != {Role.API_CLIENT}:
        raise CommandError(
            f"{name} is a person's account, or has other roles. Choose another name for the client."
        )
    if not user.is_active:
        raise CommandError(f"{name} is an API client that was deactivated. Activate it in the admin first.")


def _record(user: User, *, is_new: bool, revoked: int, count: int) -> None:
    by = system_caller(where="manage.py create_api_client")
    audit.append(
        Entry(
            action="api_client.token_issued",
            outcome="done",
            actor=by.actor,
            source=by.source,
            subject=Subject(other=f"user {user.pk}"),
            reason_code="",
            summary=f"{_WHICH[is_new]} token was issued to the API client {user.get_username()}.",
            details={
                "client": user.get_username(),
                "is_new": is_new,
                "revoked_tokens": revoked,
                "valid_tokens": count,
            },
            occurred_at=timezone.now(),
        )
    )
