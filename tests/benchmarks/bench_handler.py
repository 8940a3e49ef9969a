"""Django behind ASGI: our gateway beside Django's own handler, in one run (decision 0002).

    python -m tests.benchmarks.bench_handler [--rounds 5] [--requests 400]

Two servers on the same data, one with each; rounds alternate between them, so that noise hits both alike. Asked are
an answer without database (`/health`) and one that reads token, user and rights from it (`/api/v1/injections/…`).
"""

import argparse
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from bargeportal.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = 16
SERVERS = {
    "Django's own handler": "django.core.asgi:get_asgi_application",
    "the gateway": "bargeportal.asgi:application",
}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=400)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = _environment(folder)
        _manage(environment, "migrate", "--verbosity", "0")
        token = _manage(environment, "create_api_client", "bench").split()[-1]
        ports = {name: free_port() for name in SERVERS}
        servers = [_serve(app, ports[name], environment) for name, app in SERVERS.items()]
        try:
            for port in ports.values():
                _wait_for(port)
            for path in ("/health", f"/api/v1/injections/{uuid.uuid4()}"):
                _compare(path, ports, token, options)
        finally:
            for server in servers:
                server.terminate()
            for server in servers:
                server.wait(timeout=10)


def _compare(path: str, ports: dict[str, int], token: str, options: argparse.Namespace) -> None:
    alone: dict[str, list[float]] = {name: [] for name in ports}
    together: dict[str, list[float]] = {name: [] for name in ports}
    for round_number in range(options.rounds + 1):
        for name, port in ports.items():
            latency = statistics.median(_ask(port, path, token, count=50))
            began = time.perf_counter()
            with ThreadPoolExecutor(CLIENTS) as pool:
                work = partial(_ask, port, path, token, count=options.requests // CLIENTS)
                for future in [pool.submit(work) for _ in range(CLIENTS)]:
                    future.result()
            if round_number > 0:  # the first warms up
                alone[name].append(latency * 1000)
                together[name].append(options.requests / (time.perf_counter() - began))
    print(f"GET {path.partition('-')[0]}")
    for name in ports:
        print(
            f"  {name:<21} one client: {statistics.median(alone[name]):5.2f} ms"
            f"   {CLIENTS} clients: {statistics.median(together[name]):5.0f} answers/s"
        )


def _ask(port: int, path: str, token: str, *, count: int) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        connection.request("GET", path, headers={"Authorization": f"Token {token}"})
        connection.getresponse().read()
        taken.append(time.perf_counter() - began)
    connection.close()
    return taken


def _environment(folder: str) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "bargeportal.settings",
        "PORTAL_DATA_DIR": folder,
        "DATABASE_URL": "",
        "LOG_LEVEL": "ERROR",
        "GENESYS_CLIENT_ID": "nobody",
        "GENESYS_CLIENT_SECRET": "nothing",
        "GENESYS_API_URL": "http://127.0.0.1:9",
        "GENESYS_LOGIN_URL": "http://127.0.0.1:9",
    }


def _manage(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout


def _serve(app: str, port: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        app,
        "--port",
        str(port),
        "--no-access-log",
        "--log-level",
        "error",
    ]
    factory = ["--factory"] if app.endswith("get_asgi_application") else []
    return subprocess.Popen([*command, *factory], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)


def _wait_for(port: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            _ask(port, "/health", "", count=1)
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nobody answers on port {port}")


if __name__ == "__main__":
    main()
