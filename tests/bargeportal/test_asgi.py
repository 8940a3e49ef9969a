import asyncio
from typing import Any

import pytest

from bargeportal.asgi import Portal
from bargeportal.gateway import Gateway
from injections import wiring


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


def test_a_websocket_is_refused() -> None:
    assert Server("websocket.connect").run("websocket") == ["websocket.close"]
