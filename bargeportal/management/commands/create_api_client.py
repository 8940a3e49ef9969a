"""`manage.py create_api_client NAME`: a token for a machine that posts to /inject."""

import re
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone
from knox.models import AuthToken

from audit import services as audit
from audit.entry import Entry, Subject
from bargeportal.management.needs_database import DatabaseCommand
from injections.callers import roles_of, system_caller
from injections.roles import Role


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
        _check_name(name)
        with transaction.atomic(durable=True):
            user, is_new = User.objects.get_or_create(username=name)
            if not is_new and roles_of(user) != {Role.API_CLIENT}:
                raise CommandError(f"{name} is a person's account. Choose another name for the client.")
            user.set_unusable_password()
            user.save(update_fields=["password"])
            user.groups.set([Group.objects.get_or_create(name=Role.API_CLIENT.value)[0]])
            revoked = AuthToken.objects.filter(user=user).delete()[0] if replace else 0
            _, token = AuthToken.objects.create(user=user)
            _record(user, is_new=is_new, revoked=revoked)
        self.stdout.write(f"Token of {name}; it is not shown again:")
        self.stdout.write(token)


def _check_name(name: str) -> None:
    if len(name) > 150 or re.fullmatch(r"[\w.@+-]+", name) is None:
        raise CommandError("A name has at most 150 letters, digits and @ . + - _ characters.")


def _record(user: User, *, is_new: bool, revoked: int) -> None:
    by = system_caller(where="manage.py create_api_client")
    audit.append(
        Entry(
            action="api_client.token_issued",
            outcome="done",
            actor=by.actor,
            source=by.source,
            subject=Subject(other=f"user {user.pk}"),
            reason_code="",
            summary=f"A token was issued to the API client {user.get_username()}",
            details={"client": user.get_username(), "is_new": is_new, "revoked_tokens": revoked},
            occurred_at=timezone.now(),
        )
    )
