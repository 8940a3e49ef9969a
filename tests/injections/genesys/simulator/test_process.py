import ast
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import injections.genesys.simulator as package
from tests.injections.genesys.simulator.conftest import Api
from tests.support.simulator_process import SimulatorProcess, start_simulator

ROOT = Path(package.__file__).parents[3]
SOURCES = sorted(Path(package.__file__).parent.glob("*.py"))


def test_a_simulator_starts_and_stops_at_once():
    running = start_simulator(calls=40)
    assert running.request("GET", "health") == {"status": "ok", "calls": 40}
    stopping = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - stopping < 5


def test_an_open_connection_does_not_delay_the_end():
    running = start_simulator()
    host, port = running.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as idle:
        idle.sendall(b"GET /_simulator/health HTTP/1.1\r\n")
        began = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - began < 5


def test_the_end_of_its_standard_input_ends_it():
    with start_simulator() as running:
        assert running.process.stdin is not None
        running.process.stdin.close()
        assert running.process.wait(timeout=2) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_django_command_needs_no_database_and_stops_on_a_signal(tmp_path: Path, number: signal.Signals):
    with subprocess.Popen(
        [sys.executable, "manage.py", "simulator", "--calls", "12"],
        cwd=ROOT,
        env={
            **os.environ,
            "PORTAL_DATA_DIR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "bargeportal.settings",
        },
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline().startswith("simulator ready http://127.0.0.1:")
        began = time.monotonic()
        running.send_signal(number)
        assert running.wait(timeout=5) == 0
        assert time.monotonic() - began < 5
    assert not list(tmp_path.glob("*.sqlite3"))


def test_a_port_in_use_is_said_in_one_sentence():
    with start_simulator() as running:
        port = running.url.rsplit(":", 1)[1]
        second = subprocess.run(
            [sys.executable, "-m", "injections.genesys.simulator", "--port", port],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    assert second.returncode == 1
    assert second.stdout.startswith(
        f"simulator: cannot listen on 127.0.0.1 port {port}: Address already in use"
    )


def test_a_body_that_is_too_large_is_refused(api: Api):
    answer = api.post("/api/v2/webhooks", data=b"x" * 6_000_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "request.entity.too.large")
    sizes = "Content-Length: 6000000, Maximum bytes: 3145728"
    assert answer.json()["message"] == f"The request is over the size limit. {sizes}"
    assert answer.json()["contextId"] == answer.headers["ININ-Correlation-Id"]


def test_a_body_that_grows_too_large_without_saying_so_is_refused(api: Api):
    answer = api.post("/api/v2/webhooks", data=iter([b"x" * 1_000_000] * 6))
    assert (answer.status_code, answer.json()["code"]) == (413, "request.entity.too.large")


@pytest.mark.parametrize(
    "setting",
    [
        ("--speed", "0"),
        ("--speed", "nan"),
        ("--churn", "-1"),
        ("--calls", "-5"),
        ("--calls", "many"),
        ("--latency-ms", "inf"),
    ],
)
def test_a_setting_that_makes_no_sense_is_said_in_one_sentence(setting: tuple[str, str]):
    command = [sys.executable, "-m", "injections.genesys.simulator", "=".join(setting)]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1].startswith(f"simulator: error: argument {setting[0]}: ")


def said_to(simulator: SimulatorProcess, data: bytes) -> bytes:
    """Say something that no client says; give the beginning of the answer."""
    host, port = simulator.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=3) as raw:
        raw.sendall(data)
        return raw.recv(100)


def test_what_is_not_http_is_refused(simulator: SimulatorProcess):
    assert said_to(simulator, b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_a_path_that_is_no_path_is_answered(simulator: SimulatorProcess):
    request = b"GET //[ HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
    assert said_to(simulator, request).startswith(b"HTTP/1.1 401 ")


def test_a_handshake_that_cannot_be_read_ends_without_a_traceback(simulator: SimulatorProcess):
    headers = b"".join(b"X-%d: 1\r\n" % number for number in range(300))
    request = b"GET /channels/x HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\n" + headers + b"\r\n"
    assert said_to(simulator, request) == b""
    assert not [line for line in simulator.log if "Traceback" in line]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_simulator_imports_nothing_of_the_client_nor_of_django(source: Path):
    tree = ast.parse(source.read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    ours = {name for name in imported if name is not None and name.split(".")[0] in {"injections", "audit"}}
    assert all(name.startswith("injections.genesys.simulator") for name in ours)
    assert not {name for name in imported if name is not None and name.startswith(("django", "requests"))}
