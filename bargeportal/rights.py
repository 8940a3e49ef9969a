"""Roles in the database: a group of each, with its rights in the admin. Every portal needs them, not the demo alone."""

from collections.abc import Iterable
from typing import Any, Final

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q

from injections.roles import Role

TABLES_OF_ROLE: Final[dict[Role, tuple[str, ...]]] = {
    Role.COMPLIANCE: ("audit.view_*", "injections.view_*"),
    Role.ADMINISTRATOR: (
        "auth.add_user",
        "auth.change_user",
        "auth.view_user",
        "auth.view_group",
        "injections.add_queue",
        "injections.change_queue",
        "injections.view_queue",
    ),
}


@transaction.atomic
def seed_roles() -> None:
    """Make a group of each role that has none yet, and give each the rights that the program means it to have."""
    for role in Role:
        group, _ = Group.objects.get_or_create(name=role.value)
        group.permissions.set(_permissions(TABLES_OF_ROLE.get(role, ())))


def _permissions(patterns: Iterable[str]) -> list[Permission]:
    """Return the permissions named like `auth.view_user` or `audit.view_*`."""
    wanted: Any = Q(pk__in=[])
    for pattern in patterns:
        app, _, name = pattern.partition(".")
        named = Q(codename__startswith=name[:-1]) if name.endswith("*") else Q(codename=name)
        wanted |= Q(content_type__app_label=app) & named
    return list(Permission.objects.filter(wanted))
