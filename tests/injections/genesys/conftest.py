"""Clients for the client's own tests: real sockets, short limits."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from injections.genesys.client import GenesysClient
from injections.genesys.config import GenesysConfig
from injections.genesys.drivers.voice_interactions import VoiceInteractionsDriver
from injections.genesys.types import PlayCommand
from tests.support.scripted_server import ScriptedServer, scripted_server

CALL = UUID("3f1c7a52-6d0e-4b8b-9a41-0c5d2e7f9b10")
AGENT = UUID("a1b0c9d8-4444-4a4a-8b8b-000000000004")
CALL_PATH = f"/api/v2/conversations/voice/{CALL}"
AGENT_PATH = f"{CALL_PATH}/participants/{AGENT}"
PLAY_PATH = f"{AGENT_PATH}/interactions"
COMMAND = PlayCommand(source_url="https://clips.example/notice.wav", mute=True, max_duration_ms=15_000)
SECRET = "s3cret-of-the-tests"
CORRELATION = "b0b0b0b0-9999-4f4f-8a8a-00000000c0de"


def make_config(api_url: str, login_url: str | None = None, **changes) -> GenesysConfig:
    settings = {"client_id": "portal", "client_secret": SECRET, "connect_timeout": 1.0, "read_timeout": 0.5}
    return GenesysConfig(api_url=api_url, login_url=login_url or api_url, **settings | changes)


@pytest.fixture
def make_client():
    clients = []

    def make(config: GenesysConfig, **options) -> GenesysClient:
        client = GenesysClient(config, monotonic=time.monotonic, now=lambda: datetime.now(UTC), **options)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


@pytest.fixture
def client(server: ScriptedServer, make_client) -> GenesysClient:
    return make_client(make_config(server.url))


@pytest.fixture
def driver(client: GenesysClient) -> VoiceInteractionsDriver:
    return VoiceInteractionsDriver(client)


@pytest.fixture
def play(driver: VoiceInteractionsDriver):
    return lambda: driver.play(conversation_id=CALL, participant_id=AGENT, command=COMMAND)


@pytest.fixture
def ask(driver: VoiceInteractionsDriver):
    return lambda: driver.fetch_call_state(conversation_id=CALL, participant_id=AGENT)


def error_body(message: str, *, code: str, status: int, **more) -> dict:
    """The platform's error body."""
    body = {"message": message, "code": code, "status": status, "contextId": CORRELATION}
    return body | {"details": [], "errors": []} | more


def participant_body(**changes) -> dict:
    body = {
        "id": str(AGENT), "purpose": "agent", "name": "Avery Agent", "state": "connected",
        "userId": "7d3e1f00-aaaa-4b1b-8c2c-0000000000a1", "queueId": "5e9d2c00-cccc-4d4d-8e8e-0000000000c3",
        "customAttributes": {"supervision_consent": "true"},
    }  # fmt: skip
    return body | changes


def call_body(**changes) -> dict:
    body = {"id": str(CALL), "state": "active", "startTime": "2026-11-22T08:00:00.000Z"}
    return body | {"participants": [participant_body()]} | changes
