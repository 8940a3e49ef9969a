"""Actor and source of an HTTP request, for the log."""

from collections.abc import Iterable

from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest

from audit.canonical import clean_text
from audit.entry import Actor, ActorKind, Source


def actor_of(request: HttpRequest) -> Actor:
    """Return who makes `request`; the role is the names of the groups, and `superuser` where it applies."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return Actor(kind="anonymous")
    roles = list(user.groups.values_list("name", flat=True))
    return actor_for(user, roles=[*roles, *(["superuser"] if user.is_superuser else [])])


def actor_for(user: AbstractUser, *, roles: Iterable[str], kind: ActorKind = "user") -> Actor:
    """Return `user` as an actor: by the name that people know, with the roles of this moment."""
    name = user.get_full_name() or user.get_username()
    return Actor(kind=kind, id=str(user.pk), name=name, role=", ".join(sorted(roles)))


def source_of(request: HttpRequest) -> Source:
    """Return where `request` came from.

    The last address is the one that connected to us; what stands before it was only claimed by a header.
    """
    claimed = request.META.get("HTTP_X_FORWARDED_FOR", "")
    claims = clean_text(", ".join(part.strip() for part in claimed.split(",")[-3:]), limit=140)
    addresses = [address for address in (claims, request.META.get("REMOTE_ADDR", "")) if address]
    return Source(
        ip=", ".join(addresses),
        user_agent=request.META.get("HTTP_USER_AGENT", ""),
        request_id=str(getattr(request, "request_id", "")),
        where=f"{request.method} {request.path}",
    )
