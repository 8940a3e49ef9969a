"""Fixtures for every package: the network guard, people by their role, a whole portal, a browser."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from injections.roles import Role

_LOCAL = {"127.0.0.1", "::1", "localhost", "", "0.0.0.0"}  # noqa: S104  a server may bind to all


class NetworkIsOff(AssertionError):
    """A test tried to reach another machine."""


@pytest.fixture(autouse=True, scope="session")
def _this_machine_only() -> Any:
    """Refuse every connection and look-up that would leave this machine."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in _LOCAL:
            raise NetworkIsOff(f"a test tried to connect to {address[0]}")
        connect(self, address)

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and name not in _LOCAL and not name.endswith(".invalid"):
            raise NetworkIsOff(f"a test tried to look up {name}")
        return look_up(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        yield


@pytest.fixture
def person(db: None, django_user_model: Any) -> Callable[..., Any]:
    """Return a maker of users: `person("ada", Role.SUPERVISOR, queues=[…])`; the password is their name."""
    from django.contrib.auth.models import Group

    def make(username: str, *roles: Role, queues: Any = ()) -> Any:
        user = django_user_model.objects.create_user(
            username, password=username, first_name=username.capitalize(), last_name="Example"
        )
        user.groups.set([Group.objects.get_or_create(name=role.value)[0] for role in roles])
        if queues:
            user.supervised_queues.set(queues)
        return user

    return make


@pytest.fixture
def supervisor(person: Callable[..., Any]) -> Any:
    """Return a supervisor without queues."""
    return person("supervisor", Role.SUPERVISOR)


@pytest.fixture
def compliance(person: Callable[..., Any]) -> Any:
    """Return a compliance officer."""
    return person("compliance", Role.COMPLIANCE)


@pytest.fixture
def audio_admin(person: Callable[..., Any]) -> Any:
    """Return someone who uploads recordings."""
    return person("audioadmin", Role.AUDIO_ADMIN)


@pytest.fixture
def approver(person: Callable[..., Any]) -> Any:
    """Return someone who approves recordings."""
    return person("approver", Role.CLIP_APPROVER)


@pytest.fixture
def administrator(person: Callable[..., Any]) -> Any:
    """Return an administrator."""
    return person("admin", Role.ADMINISTRATOR)


@pytest.fixture
def api_client(person: Callable[..., Any]) -> Any:
    """Return a user that stands for a machine."""
    return person("dialler", Role.API_CLIENT)
