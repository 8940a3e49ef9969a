"""A whole portal as processes, for whoever tests from outside::

with start_portal(data_dir) as portal:
    portal.url, portal.password, portal.simulator.create_call(consent="true")
    token = portal.manage("create_api_client", "dialler").splitlines()[-1]
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.support.simulator_process import SimulatorProcess

PASSWORD = "a-demo-password"
ROOT = Path(__file__).resolve().parents[2]
_OURS = (
    "GENESYS_",
    "QA_WEBHOOK_",
    "INJECT_",
    "PORTAL_",
    "REDIS_",
    "ALLOWED_",
    "DJANGO_",
    "DATABASE_",
    "SECRET_",
    "MEDIA_",
    "COMPLETION_",
)


class PortalProcess:
    """A running `manage.py up`; `log` holds what it said, on both streams."""

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        variables: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        self.port = free_port() if port is None else port
        self.url = f"http://127.0.0.1:{self.port}"
        self.password = PASSWORD
        self.log: list[str] = []
        self.environment = self.environment_for(data_dir, port=self.port) | dict(variables or {})
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @staticmethod
    def environment_for(data_dir: Path, *, port: int) -> dict[str, str]:
        """Return the environment of a portal that has its own data, port and database, and nothing of the tests'."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        return ours | {"PORTAL_DATA_DIR": str(data_dir), "PORT": str(port), "DEMO_PASSWORD": PASSWORD}

    def __enter__(self) -> Self:
        self.wait_for(lambda line: line == f"ready {self.url}", within_s=60)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def simulator(self) -> "RunningSimulator":
        """Return its simulator, to plant faults, make calls and read what arrived."""
        return RunningSimulator(self.wait_for(lambda line: "simulator ready http" in line).split()[-1])

    def manage(self, *arguments: str, typed: str = "") -> str:
        """Run another management command on the same data, with `typed` as its input; return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            input=typed,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout

    def wait_for(self, is_it: Callable[[str], bool], *, within_s: float = 20) -> str:
        """Return the first line of the log that fits, waiting for it."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            for line in list(self.log):
                if is_it(line):
                    return line
            if self.process.poll() is not None:
                self._reader.join(timeout=2)
                if not any(map(is_it, self.log)):
                    break
            time.sleep(0.05)
        raise AssertionError("the portal did not say it:\n" + "\n".join(self.log))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Stop it; return how many seconds that took."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        took = time.monotonic() - began
        self._reader.join(timeout=5)
        if self.process.stdout is not None and not self._reader.is_alive():
            self.process.stdout.close()
        return took

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.append(line.rstrip("\n"))


class RunningSimulator(SimulatorProcess):
    """A simulator that somebody else started and will stop."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.log = []


def start_portal(data_dir: Path, **options: object) -> PortalProcess:
    """Start a portal on `data_dir`; as a context manager it waits until it is ready, and stops it."""
    return PortalProcess(data_dir, **options)  # type: ignore[arg-type]


def free_port() -> int:
    """Return a port on which nobody listens now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def family_of(pid: int) -> list[int]:
    """Return the processes below `pid`, nearest first."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], check=True, capture_output=True, text=True)  # noqa: S607
    pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    children = [child for child, parent in pairs if parent == pid]
    return children + [below for child in children for below in family_of(child)]


def is_alive(pid: int) -> bool:
    """Tell whether a process of this id runs and is not merely waiting to be buried."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
