"""Fixtures for every package: the network guard, people by their role, a whole portal, a browser."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from injections.roles import Role
from tests.audit.flush import flush_past_the_guards  # noqa: F401  a fixture, for every test that commits
from tests.support.needs import binary
from tests.support.portal import PortalProcess, start_portal

_LOCAL = {"127.0.0.1", "::1", "localhost", "", "0.0.0.0"}  # noqa: S104  a server may bind to all


class NetworkIsOff(AssertionError):
    """A test tried to reach another machine."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs the other database: the suite runs once for each."""
    other = "sqlite" if connection.vendor == "postgresql" else "postgres"
    left_out = [item for item in items if item.get_closest_marker(other) is not None]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item.get_closest_marker(other) is None]


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


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProcess]:
    """Return a whole running portal, shared by every test that asks for it."""
    with start_portal(tmp_path_factory.mktemp("portal")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Return headless Chromium, the machine's own."""
    executable = binary("chromium", "chromium-browser", "google-chrome", install="chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """Return a page in a context of its own; a script error in it fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.set_default_timeout(10_000)
    yield opened
    context.close()
    assert errors == []
