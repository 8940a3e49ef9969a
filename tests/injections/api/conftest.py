"""A client of POST /inject, a call for it, and a log."""

from typing import Any

import pytest
from knox.models import AuthToken

from injections.roles import Role
from tests.audit.conftest import log, log_places, record, seal  # noqa: F401  fixtures
from tests.factories import UserFactory
from tests.support.simulator_process import SimulatorProcess


@pytest.fixture
def token() -> str:
    """A valid token of an API client."""
    _, plain = AuthToken.objects.create(UserFactory(role=Role.API_CLIENT))
    return str(plain)


@pytest.fixture
def call(simulator: SimulatorProcess) -> dict[str, Any]:
    """A consenting call."""
    return simulator.create_call()
