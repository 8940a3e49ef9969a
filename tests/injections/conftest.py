"""A simulator for the session, callers, and what an injection needs."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from audit.entry import Actor, Source
from injections import wiring
from injections.callers import Caller, roles_of
from injections.models import AudioClip
from injections.roles import Role
from injections.services.clips import upload_clip
from injections.services.submission import Command
from tests.audit.flush import flush_past_the_guards  # noqa: F401  a fixture
from tests.factories import AudioClipFactory, UserFactory
from tests.support.simulator_process import SimulatorProcess, start_simulator

DEMO = Path(__file__).resolve().parents[2] / "injections" / "demo"


@pytest.fixture(scope="session")
def simulator_process() -> Iterator[SimulatorProcess]:
    """One simulator process for all tests; use `simulator`, which cleans it."""
    with start_simulator(speed=20) as simulator:
        yield simulator


@pytest.fixture
def simulator(
    simulator_process: SimulatorProcess, settings: Any, tmp_path: Path
) -> Iterator[SimulatorProcess]:
    """An empty simulator that this process's client is pointed at."""
    simulator_process.reset()
    simulator_process.set_completions()
    settings.GENESYS_CLIENT_ID = simulator_process.client_id
    settings.GENESYS_CLIENT_SECRET = simulator_process.client_secret
    settings.GENESYS_API_URL = settings.GENESYS_LOGIN_URL = simulator_process.url
    # What an earlier test did to the platform is forgotten: breaker closed, budget full.
    settings.PORTAL_DATA_DIR = tmp_path
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
def demo_clip(db: None, settings: Any, tmp_path: Path) -> Callable[..., AudioClip]:
    """Return a maker of uploaded recordings from the demo's files, in a storage of the test's own."""
    own_storage(settings, tmp_path)

    def make(
        file_name: str = "recording-notice.wav", *, by: Caller | None = None, title: str = ""
    ) -> AudioClip:
        caller = caller_for(UserFactory(role=Role.AUDIO_ADMIN)) if by is None else by
        return upload_clip(
            file=uploaded(file_name),
            title=title or file_name,
            transcript="This call is recorded.",
            language="en",
            by=caller,
        )

    return make


def webhooks() -> list[dict[str, Any]]:
    """Return what is registered with the simulator."""
    client = wiring.client()
    found: list[dict[str, Any]] = client.object_of(client.read("/api/v2/webhooks"))["entities"]
    return found


def remove_webhooks() -> None:
    """Let the simulator forget who wants its events: another test's would come to this one's portal."""
    for hook in webhooks():
        wiring.client().command("DELETE", f"/api/v2/webhooks/{hook['id']}")


def uploaded(file_name: str, *, named: str | None = None) -> SimpleUploadedFile:
    """Return a demo recording as a browser sends it."""
    return SimpleUploadedFile(named or file_name, (DEMO / file_name).read_bytes())


def own_storage(settings: Any, folder: Path) -> Path:
    """Keep recordings in a folder that is the test's own; return it."""
    place = folder / "clips"
    default = settings.STORAGES["default"]
    options = {**default["OPTIONS"], "location": place}
    settings.STORAGES = {**settings.STORAGES, "default": {**default, "OPTIONS": options}}
    return place


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
