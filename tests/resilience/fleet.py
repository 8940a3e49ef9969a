"""A portal as production runs it: PostgreSQL, Redis, several web servers and workers, each a process to be killed."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
import requests

from bargeportal.processes import free_port
from tests.support import with_postgres
from tests.support.needs import binary, lacking
from tests.support.simulator_process import SimulatorProcess, start_simulator

ROOT = Path(__file__).resolve().parents[2]
_START_S = 60
_SHARED_KEYS = ("SECRET_KEY", "MEDIA_SIGNING_KEY", "COMPLETION_SECRET", "QA_WEBHOOK_SECRET")


class RedisProcess:
    """A Redis on a port of its own, which can be stopped, emptied and started again."""

    def __init__(self, folder: str) -> None:
        program = binary("redis-server", install="redis-server")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [program, "--port", str(self.port), "--save", "", "--dir", folder]
        self.start()

    def start(self) -> None:
        """Start it, empty."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        with redis.Redis.from_url(self.url) as client:
            wait_until(lambda: _pings(client), "Redis")

    def stop(self) -> None:
        """Kill it: what it held is gone."""
        self._process.kill()
        self._process.wait(timeout=10)

    def flush(self) -> None:
        """Empty it."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


@dataclass
class Member:
    """One process of the fleet; `restart` starts it anew after a kill."""

    name: str
    command: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start it in a process group of its own."""
        log = Path(self.environment["PORTAL_DATA_DIR"], f"{self.name}.log")
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL it and its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    def stop(self) -> None:
        """Ask it to end, then make it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=10)
        self.kill()


class Fleet:
    """Web servers and workers on one database; `urls` are the web servers."""

    def __init__(self, environment: dict[str, str], folder: str, *, webs: int, workers: int) -> None:
        self.environment = environment
        ports = [free_port() for _ in range(webs)]
        self.urls = [f"http://127.0.0.1:{port}" for port in ports]
        environment["PORTAL_BASE_URL"] = self.urls[0]
        environment["ALLOWED_HOSTS"] = "127.0.0.1"
        self.manage("migrate", "-v0")
        self.manage("seed_demo")
        self.token = self.manage("create_api_client", "fleet").splitlines()[-1]
        self.clip_url = self._clip_url()
        self.webs = [self._web(number, port) for number, port in enumerate(ports)]
        self.workers = [self._worker(number, folder) for number in range(workers)]
        self.wait_until_it_answers()

    def wait_until_it_answers(self) -> None:
        """Wait for every web server."""
        for url in self.urls:
            wait_until(lambda url=url: _answers(url), url)  # type: ignore[misc]

    @property
    def members(self) -> list[Member]:
        """All processes that may be killed."""
        return [*self.webs, *self.workers]

    def manage(self, *arguments: str) -> str:
        """Run a management command on the fleet's database."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def inject(
        self, call: dict[str, Any], *, key: str, at: int = 0, timeout: float = 30
    ) -> requests.Response:
        """POST one injection to the web server `at`."""
        body = {
            "conversationId": call["conversationId"],
            "participantId": call["agentParticipantId"],
            "audioUrl": self.clip_url,
            "streamMatrix": {"agentMute": True, "callerMute": False, "normalizeLevel": False},
            "maxDurationMs": 3000,
        }
        headers = {"Authorization": f"Token {self.token}", "Idempotency-Key": key}
        return requests.post(f"{self.urls[at]}/inject", json=body, headers=headers, timeout=timeout)

    def stop(self) -> None:
        """End every process."""
        for member in self.members:
            member.stop()

    def _web(self, number: int, port: int) -> Member:
        return Member(
            f"web{number}",
            [sys.executable, "-m", "bargeportal.serve"],
            self.environment | {"PORT": str(port)},
        )

    def _worker(self, number: int, folder: str) -> Member:
        """A Celery worker with a clock of its own: two clocks must do no harm."""
        command = [sys.executable, "-m", "celery", "--quiet", "-A", "bargeportal", "worker", "--beat"]
        command += ["--schedule", f"{folder}/beat{number}", "--pool", "threads", "--concurrency", "4"]
        command += ["--hostname", f"worker{number}", "--loglevel", "WARNING"]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        return Member(f"worker{number}", command, self.environment)

    def _clip_url(self) -> str:
        return self.manage(
            "shell",
            "-v0",
            "-c",
            "from injections.models import AudioClip; from injections.media import public_url; "
            "print(public_url(AudioClip.objects.filter(status='approved').first()))",
        ).splitlines()[-1]


@dataclass
class Setting:
    """All that a resilience test needs."""

    fleet: Fleet
    simulator: SimulatorProcess
    redis: RedisProcess
    postgres: with_postgres.Cluster
    database_url: str


@contextmanager
def running(*, webs: int = 2, workers: int = 2, **simulator_options: Any) -> Iterator[Setting]:
    """Run everything, and end it."""
    bin_dir = with_postgres.binaries()
    if bin_dir is None:
        lacking("PostgreSQL", install="postgresql")
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fleet-", ignore_cleanup_errors=True))
        Path(folder, "static").mkdir()
        cluster = stack.enter_context(with_postgres.cluster(bin_dir))  # type: ignore[arg-type]
        broker = RedisProcess(folder)
        stack.callback(broker.stop)
        simulator = stack.enter_context(start_simulator(**simulator_options))
        environment = _environment(folder, cluster.url, broker.url, simulator)
        fleet = Fleet(environment, folder, webs=webs, workers=workers)
        stack.callback(fleet.stop)
        yield Setting(fleet, simulator, broker, cluster, cluster.url)


class Killer(threading.Thread):
    """Kills one member, chosen at random, every `every_s` seconds until told to stop."""

    def __init__(self, fleet: Fleet, *, every_s: float, seed: int) -> None:
        super().__init__(daemon=True)
        self._fleet, self._every_s = fleet, every_s
        self._random = random.Random(seed)
        self._stop_asked = threading.Event()
        self.killed: list[str] = []

    def run(self) -> None:
        """Kill and restart."""
        while not self._stop_asked.wait(self._every_s):
            member = self._random.choice(self._fleet.members)
            self.killed.append(member.name)
            member.restart()

    def finish(self) -> None:
        """Kill no more."""
        self._stop_asked.set()
        self.join(timeout=20)


def _environment(folder: str, database: str, broker: str, simulator: SimulatorProcess) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PORTAL_", "GENESYS_"))},
        "DJANGO_SETTINGS_MODULE": "bargeportal.settings",
        "PORTAL_DATA_DIR": folder,
        "DATABASE_URL": database,
        "REDIS_URL": broker,
        "GENESYS_API_URL": simulator.url,
        "GENESYS_LOGIN_URL": simulator.url,
        "GENESYS_CLIENT_ID": simulator.client_id,
        "GENESYS_CLIENT_SECRET": simulator.client_secret,
        "DEMO_PASSWORD": "a-demo-password",
        **{name: f"{name}-of-the-whole-fleet-{'0123456789' * 5}" for name in _SHARED_KEYS},
        "INJECT_RATE_PER_MINUTE": "100000",
        "LOG_LEVEL": "ERROR",
    }


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=2).text == "ok"
    except requests.RequestException:
        return False


def _pings(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def wait_until(condition: Any, what: str) -> None:
    """Wait for something to start."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    raise RuntimeError(f"{what} did not start")
