"""One simulator process for each test module, a client that has logged in, and a server it talks to."""

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests
import soundfile

from tests.support.simulator_process import SimulatorProcess, start_simulator


class Api(requests.Session):
    """A session with the simulator's address and a token; it follows nothing and repeats nothing."""

    def __init__(self, simulator: SimulatorProcess) -> None:
        super().__init__()
        self.trust_env = False
        self.url = simulator.url
        self.log_in(simulator)

    def log_in(self, simulator: SimulatorProcess) -> requests.Response:
        answer = self.post(
            "/oauth/token",
            auth=(simulator.client_id, simulator.client_secret),
            data={"grant_type": "client_credentials"},
        )
        self.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return answer

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("timeout", 5)
        return super().request(method, self.url + url, *args, **kwargs)

    def play(self, call: dict[str, Any], **fields: Any) -> requests.Response:
        body = {
            "type": "play",
            "sourceType": "url",
            "sourceUrl": "http://127.0.0.1:9/clip.wav",
            "mute": True,
            "maxDuration": "PT15S",
            **fields,
        }
        return self.post(interactions_path(call), json=body)


def interactions_path(call: dict[str, Any]) -> str:
    return (
        f"/api/v2/conversations/voice/{call['conversationId']}"
        f"/participants/{call['agentParticipantId']}/interactions"
    )


@pytest.fixture(scope="module")
def shared_simulator() -> Iterator[SimulatorProcess]:
    with start_simulator(heartbeat=0.3) as running:
        yield running


@pytest.fixture
def simulator(shared_simulator: SimulatorProcess) -> SimulatorProcess:
    shared_simulator.hang_up()
    shared_simulator.reset()
    return shared_simulator


@pytest.fixture
def api(simulator: SimulatorProcess) -> Iterator[Api]:
    with Api(simulator) as session:
        yield session


class LocalServer:
    """Serve `files` and remember what is posted, answering with the statuses in `answers` (then 200)."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.posted: list[dict[str, Any]] = []
        self.answers: list[int] = []
        self.arrived = threading.Condition()
        outer = self

        class Exchange(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = outer.files.get(urlsplit(self.path).path)
                self.send_response(404 if content is None else 200)
                self.end_headers()
                self.wfile.write(content or b"")

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer.arrived:
                    outer.posted.append(body)
                    self.send_response(outer.answers.pop(0) if outer.answers else 200)
                    outer.arrived.notify_all()
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Exchange)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def serve(self, path: str, content: bytes) -> str:
        self.files[path] = content
        return self.url + path

    def wait_for_posts(self, count: int, *, timeout: float = 5.0) -> list[dict[str, Any]]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.posted) >= count, timeout), self.posted
            return list(self.posted)

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def local_server() -> Iterator[LocalServer]:
    server = LocalServer()
    yield server
    server.stop()


def recording(
    *, seconds: float, container: str = "WAV", subtype: str | None = "PCM_16", rate: int = 8000
) -> bytes:
    """Make a tone."""
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    content = io.BytesIO()
    soundfile.write(content, tone, rate, format=container, subtype=subtype)
    return content.getvalue()


@pytest.fixture
def completions(api: Api, local_server: LocalServer) -> Iterator[LocalServer]:
    """Register the local server for completion events of all calls."""
    hook = api.post(
        "/api/v2/webhooks",
        json={
            "name": "qa-sync-injection",
            "address": local_server.url + "/events",
            "event": "conversation:voice:interaction:completed",
            "enabled": True,
            "filter": {"field": "conversationId", "operator": "eq", "values": ["*"]},
        },
    ).json()
    yield local_server
    api.delete(f"/api/v2/webhooks/{hook['id']}")
