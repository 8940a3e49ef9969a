"""Who is asking: the person or machine behind a request, with roles and origin, as services and the log need it."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest

from audit.entry import Actor, ActorKind, Source
from audit.provenance import actor_for, source_of
from injections.roles import Action, Role, may

if TYPE_CHECKING:
    from uuid import UUID

_ROLES: Final = frozenset(role.value for role in Role)


@dataclass(frozen=True)
class Caller:
    """One who acts. `user` is None for the portal itself, the platform, and for whoever did not log in."""

    user: User | None
    roles: frozenset[Role]
    actor: Actor
    source: Source

    @property
    def label(self) -> str:
        """Return a name for sentences about this caller."""
        return self.actor.name or "Somebody who is not logged in"

    def may(self, action: Action) -> bool:
        """Tell whether the roles of this caller allow `action`."""
        return may(self.roles, action)

    @cached_property
    def queue_ids(self) -> "frozenset[UUID]":
        """Return the ids of the queues that this supervisor may see and barge."""
        if self.user is None:
            return frozenset()
        return frozenset(self.user.supervised_queues.values_list("pk", flat=True))


def roles_of(user: User | AnonymousUser) -> frozenset[Role]:
    """Return the roles of `user`: his groups that bear the name of a role. An inactive user has none."""
    if not user.is_active:
        return frozenset()
    remembered: Collection[str] | None = getattr(user, "_groups_read", None)
    names = user.groups.values_list("name", flat=True) if remembered is None else remembered
    return frozenset(Role(name) for name in names if name in _ROLES)


def remember_roles(user: User, groups: Collection[str]) -> None:
    """Keep the names of the groups that were read together with `user`, for as long as this object lives."""
    user._groups_read = groups  # type: ignore[attr-defined]  # a request's own object, gone with it


def caller_of(request: HttpRequest) -> Caller:
    """Return the caller behind `request`; asked of the database once a request."""
    cached: Caller | None = getattr(request, "_caller", None)
    if cached is not None and cached.user == (request.user if request.user.is_authenticated else None):
        return cached
    caller = _caller(request)
    request._caller = caller  # type: ignore[attr-defined]
    return caller


def system_caller(*, where: str) -> Caller:
    """Return the portal itself as the one who acts, from the worker or command `where`."""
    return Caller(
        user=None,
        roles=frozenset(),
        actor=Actor(kind="system", id="", name="Barge Portal", role=""),
        source=Source(ip="", user_agent="", request_id="", where=where),
    )


def anonymous_caller(request: HttpRequest) -> Caller:
    """Return whoever sent `request` without a login or token that holds."""
    return Caller(user=None, roles=frozenset(), actor=Actor(kind="anonymous"), source=source_of(request))


def _caller(request: HttpRequest) -> Caller:
    user = request.user
    if not isinstance(user, User):
        return anonymous_caller(request)
    roles = roles_of(user)
    kind: ActorKind = "api_client" if Role.API_CLIENT in roles else "user"
    return Caller(
        user=user,
        roles=roles,
        actor=actor_for(user, roles=roles, kind=kind),
        source=source_of(request),
    )
