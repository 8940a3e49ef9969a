"""A simulator for the session, callers, and what an injection needs."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from audit.entry import Actor, Source
from injections import wiring
from injections.callers import Caller, roles_of
from injections.roles import Role
from injections.services.submission import Command
from tests.audit.flush import flush_past_the_guards  # noqa: F401  a fixture
from tests.factories import AudioClipFactory, UserFactory
from tests.support.simulator_process import SimulatorProcess, start_simulator


@pytest.fixture(scope="session")
def simulator_process() -> Iterator[SimulatorProcess]:
    """One simulator process for all tests; use `simulator`, which cleans it."""
    with start_simulator(speed=20) as simulator:
        yield simulator


@pytest.fixture
def simulator(simulator_process: SimulatorProcess, settings: Any) -> Iterator[SimulatorProcess]:
    """An empty simulator that this process's client is pointed at."""
    simulator_process.reset()
    simulator_process.set_completions()
    settings.GENESYS_CLIENT_ID = simulator_process.client_id
    settings.GENESYS_CLIENT_SECRET = simulator_process.client_secret
    settings.GENESYS_API_URL = settings.GENESYS_LOGIN_URL = simulator_process.url
    yield simulator_process
    wiring.client().close()


def caller_for(user: Any) -> Caller:
    """Return the caller that a request of `user` would have."""
    return Caller(
        user=user,
        roles=roles_of(user),
        actor=Actor(kind="user", id=str(user.pk), name=user.get_full_name(), role="tester"),
        source=Source(ip="127.0.0.1", where="test"),
    )


@pytest.fixture
def machine(db: None) -> Caller:
    """An API client."""
    return caller_for(UserFactory(role=Role.API_CLIENT))


@pytest.fixture
def command(db: None) -> Callable[..., Command]:
    """Return a maker of commands for a call as the simulator created it."""

    def make(call: dict[str, Any], **changes: Any) -> Command:
        values: dict[str, Any] = {
            "conversation_id": UUID(call["conversationId"]),
            "participant_id": UUID(call["agentParticipantId"]),
            "clip": AudioClipFactory() if "audio_url" not in changes else None,
            "audio_url": "",
            "agent_mute": True,
            "caller_mute": False,
            "normalize_level": False,
            "max_duration_ms": 4200,
            "reason": "",
            "seen_version": "",
            "is_from_page": False,
        }
        return Command(**(values | changes))

    return make


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Return a function that waits, for at most five seconds, until a condition gives something true."""

    def wait(condition: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            result = condition()
            if result:
                return result
            time.sleep(0.02)
        raise AssertionError("it did not come about in time")

    return wait
