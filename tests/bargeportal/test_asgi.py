import asyncio
from typing import Any

import pytest
from django.db import DatabaseError

from bargeportal.asgi import Portal
from bargeportal.gateway import Gateway
from injections import wiring
from injections.genesys.errors import NotSent


class Server:
    """The server's side of one ASGI connection: brings messages, keeps what is sent."""

    def __init__(self, *messages: str) -> None:
        self._messages = list(messages)
        self.sent: list[str] = []

    async def receive(self) -> dict[str, Any]:
        return {"type": self._messages.pop(0)}

    async def send(self, message: Any) -> None:
        self.sent.append(message["type"])

    def run(self, kind: str) -> list[str]:
        portal = Portal(Gateway(threads=1))
        asyncio.run(portal({"type": kind}, self.receive, self.send))
        return self.sent


@pytest.fixture
def warmed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    monkeypatch.setattr(wiring, "warm", lambda: calls.append("warm"))
    monkeypatch.setattr("bargeportal.asgi._warm_django", lambda: None)
    monkeypatch.setattr("gc.freeze", lambda: None)
    return calls


def test_the_platform_is_warmed_before_the_start_is_complete(warmed: list[str]) -> None:
    sent = Server("lifespan.startup", "lifespan.shutdown").run("lifespan")
    assert warmed == ["warm"]
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_platform_that_is_away_does_not_keep_the_portal_from_starting(
    warmed: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ConnectionError("nobody there")

    monkeypatch.setattr(wiring, "warm", fail)
    assert Server("lifespan.startup", "lifespan.shutdown").run("lifespan")[0] == "lifespan.startup.complete"
    assert "not warmed up" in caplog.text


def test_a_platform_that_is_away_is_told_in_one_line(
    warmed: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise NotSent("The platform could not be reached: the connection\nwas refused.")

    monkeypatch.setattr(wiring, "warm", fail)
    Server("lifespan.startup", "lifespan.shutdown").run("lifespan")
    [record] = caplog.records
    assert record.exc_info is None
    assert record.getMessage() == (
        "the platform not warmed up, so the first request will be slower: "
        "The platform could not be reached: the connection was refused."
    )


def test_pages_that_cannot_be_warmed_are_told_though_the_platform_is_away_too(
    warmed: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(error: Exception) -> None:
        raise error

    monkeypatch.setattr(wiring, "warm", lambda: fail(NotSent("Nobody there.")))
    monkeypatch.setattr("bargeportal.asgi._warm_django", lambda: fail(DatabaseError("no such table")))
    Server("lifespan.startup", "lifespan.shutdown").run("lifespan")
    said = sorted(record.getMessage().rpartition(": ")[2] for record in caplog.records)
    assert said == ["Nobody there.", "no such table"]


def test_a_websocket_is_refused() -> None:
    assert Server("websocket.connect").run("websocket") == ["websocket.close"]
