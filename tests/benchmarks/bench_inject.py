"""Click to accepted: POST /inject beside the platform's bare answers and beside the naive sequence, in one run.

    python -m tests.benchmarks.bench_inject [--rounds 60] [--upstream-ms 50]

Starts a simulator that answers after the given time and a web server on SQLite (synchronous=FULL, as delivered).
Each round measures, one after the other so that noise hits all alike: one upstream answer; the naive service's three
requests in sequence; one POST /inject from connect to the last byte of its 201.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from bargeportal.processes import free_port
from tests.support.simulator_process import SimulatorProcess, start_simulator

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 30


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--upstream-ms", type=float, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, start_simulator() as simulator:
        port = free_port()
        environment = _environment(folder, port, simulator)
        token, clip_url = _prepare(environment)
        web = subprocess.Popen([sys.executable, "-m", "bargeportal.serve"], cwd=ROOT, env=environment)
        try:
            _wait_for(port)
            simulator.set_latency(options.upstream_ms)
            run = Run(simulator, port=port, token=token, clip_url=clip_url)
            first_ms = run.inject()
            samples = [run.round() for _ in range(options.rounds)]
        finally:
            web.terminate()
            web.wait(timeout=10)
    report(first_ms, samples, options.upstream_ms)


class Run:
    """The three things that are measured, against one simulator and one portal."""

    def __init__(self, simulator: SimulatorProcess, *, port: int, token: str, clip_url: str) -> None:
        self._simulator = simulator
        self._portal = f"http://127.0.0.1:{port}/inject"
        self._clip_url = clip_url
        self._client = requests.Session()
        self._client.headers["Authorization"] = f"Token {token}"
        self._upstream = requests.Session()
        answer = self._upstream.post(
            f"{simulator.url}/oauth/token",
            auth=(simulator.client_id, simulator.client_secret),
            data={"grant_type": "client_credentials"},
            timeout=5,
        )
        self._upstream.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def round(self) -> tuple[float, float, float]:
        """Return milliseconds of one upstream answer, of the naive sequence, of one injection."""
        return self._one_answer(), self._naive(), self.inject()

    def inject(self) -> float:
        """Return the milliseconds of one accepted injection into a new call."""
        call = self._simulator.create_call()
        body = {
            "conversationId": call["conversationId"],
            "participantId": call["agentParticipantId"],
            "audioUrl": self._clip_url,
            "streamMatrix": {"agentMute": True, "callerMute": False, "normalizeLevel": False},
            "maxDurationMs": 15000,
        }
        answer, ms = _timed(lambda: self._client.post(self._portal, json=body, timeout=WAIT_S))
        if answer.status_code != 201:
            raise SystemExit(f"not accepted: {answer.status_code} {answer.text}")
        return ms

    def _one_answer(self) -> float:
        call = self._simulator.create_call()
        url = f"{self._simulator.url}/api/v2/conversations/voice/{call['conversationId']}"
        return _timed(lambda: self._upstream.get(url, timeout=WAIT_S))[1]

    def _naive(self) -> float:
        """The service that this product replaces: ask, ask, send, one after the other; nothing is written down."""
        call = self._simulator.create_call()
        base = f"{self._simulator.url}/api/v2/conversations/voice/{call['conversationId']}"
        participant = f"{base}/participants/{call['agentParticipantId']}"
        command = {
            "type": "play",
            "sourceType": "url",
            "sourceUrl": "https://clips.invalid/notice.wav",
            "mute": True,
            "maxDuration": "PT15S",
        }

        def sequence() -> Any:
            self._upstream.get(base, timeout=WAIT_S)
            self._upstream.get(participant, timeout=WAIT_S)
            return self._upstream.post(f"{participant}/interactions", json=command, timeout=WAIT_S)

        return _timed(sequence)[1]


def report(first_ms: float, samples: list[tuple[float, float, float]], upstream_ms: float) -> None:
    """Print medians and the ratios that count."""
    answer, naive, inject = (statistics.median(column) for column in zip(*samples, strict=True))
    p95 = statistics.quantiles([sample[2] for sample in samples], n=20)[-1]
    print(f"upstream answers after {upstream_ms:.0f} ms; {len(samples)} rounds, SQLite, medians in ms")
    print(f"  one upstream answer              {answer:7.1f}")
    print(f"  two upstream answers             {2 * answer:7.1f}")
    print(f"  naive sequence of three          {naive:7.1f}")
    print(f"  POST /inject                     {inject:7.1f}   p95 {p95:.1f}")
    print(f"  ratio to two answers             {inject / (2 * answer):7.2f}   (target: at most 1.15)")
    if upstream_ms > 0:
        print(f"  ratio to two times {upstream_ms:.0f} ms         {inject / (2 * upstream_ms):7.2f}")
    print(
        f"  first request after start        {first_ms:7.1f}   {first_ms - inject:+.1f}   (target: at most +30)"
    )


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = work()
    return result, (time.perf_counter() - start) * 1000


def _environment(folder: str, port: int, simulator: SimulatorProcess) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "bargeportal.settings",
        "PORTAL_DATA_DIR": folder,
        "PORT": str(port),
        "PORTAL_BASE_URL": f"http://127.0.0.1:{port}",
        "GENESYS_API_URL": simulator.url,
        "GENESYS_LOGIN_URL": simulator.url,
        "GENESYS_CLIENT_ID": simulator.client_id,
        "GENESYS_CLIENT_SECRET": simulator.client_secret,
        "DEMO_PASSWORD": uuid.uuid4().hex,
        "LOG_LEVEL": "ERROR",
    }


def _prepare(environment: dict[str, str]) -> tuple[str, str]:
    """Make database, people and recordings; return a token and the address of a recording."""
    for command in (["migrate", "-v0"], ["collectstatic", "--noinput", "-v0"], ["seed_demo"]):
        _manage(environment, *command)
    token = _manage(environment, "create_api_client", "bench").splitlines()[-1]
    address = _manage(
        environment,
        "shell",
        "-v0",
        "-c",
        "from injections.models import AudioClip; from injections.media import public_url; "
        "print(public_url(AudioClip.objects.filter(status='approved').first()))",
    )
    return token, address.splitlines()[-1]


def _manage(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        try:
            if requests.get(f"http://127.0.0.1:{port}/health", timeout=1).text == "ok":
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise SystemExit("the web server did not start")


if __name__ == "__main__":
    main()
