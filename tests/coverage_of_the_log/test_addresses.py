"""Every address, asked by every role: nothing is written without a record, and no refusal goes unrecorded."""

import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from knox.models import AuthToken

from audit.models import AuditRecord
from injections.roles import Role
from tests.coverage_of_the_log.watch import watched
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
_HOLE = re.compile(r"<(?:(\w+):)?(\w+)>|\(\?P<(\w+)>[^)]*\)")
_FILLINGS = {"uuid": str(uuid.UUID(int=7)), "anycase": str(uuid.UUID(int=7)), "int": "7"}


def _patterns(resolver: Any, before: str = "") -> Iterator[tuple[str, str]]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern, route)
        elif isinstance(pattern, URLPattern):
            yield route, f"{route} {pattern.name}"


def _path(route: str) -> str:
    filled = _HOLE.sub(lambda hole: _FILLINGS.get(hole[1] or "", "7"), route)
    return "/" + re.sub(r"[\^$]|\(\?:(\w+)[^)]*\)", r"\1", filled)


ADDRESSES = dict(_patterns(get_resolver()))
PATHS = sorted({_path(route) for route in ADDRESSES})


@pytest.fixture(autouse=True)
def _a_gate_of_its_own(settings: Any, tmp_path: Any) -> None:
    settings.PORTAL_DATA_DIR = tmp_path


@pytest.fixture
def visitor() -> Callable[[Role], Client]:
    """Return a maker of visitors: a person with a session, a machine with a token."""

    def make(role: Role) -> Client:
        user = UserFactory(role=role)
        if role is Role.API_CLIENT:
            _, token = AuthToken.objects.create(user)
            return Client(headers={"Authorization": f"Token {token}"})
        client = Client()
        client.force_login(user)
        return client

    return make


def test_the_walk_reaches_what_there_is() -> None:
    assert {"/inject", "/login/", "/status/breaker/open/", f"/clips/{uuid.UUID(int=7)}/approve/"} < set(PATHS)
    assert [path for path in PATHS if set("<>()?") & set(path)] == []


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_nobody_writes_past_the_log_at_any_address(
    visitor: Callable[[Role], Client], role: Role, method: str, settings: Any
) -> None:
    settings.INJECT_RATE_PER_MINUTE = 1_000
    for path in PATHS:
        client = visitor(role)
        client.raise_request_exception = False
        known = AuditRecord.objects.count()
        with watched() as writes:
            answer = getattr(client, method)(path)
        assert writes.unrecorded() == [], f"{role} {method} {path}"
        assert answer.status_code != 500, f"{role} {method} {path}"
        if answer.status_code in {401, 403}:
            new = AuditRecord.objects.order_by("id")[known:]
            assert [one.outcome for one in new if one.reason_code] == ["refused"], f"{role} {method} {path}"
