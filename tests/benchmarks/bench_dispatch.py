"""Dispatch on PostgreSQL and Redis: latency, throughput beside a minimal view, a rate limit, a long queue.

    python -m tests.benchmarks.bench_dispatch latency      50 ms upstream: one at a time, and 20 at once
    python -m tests.benchmarks.bench_dispatch throughput   0 ms upstream, beside the minimal view, side by side
    python -m tests.benchmarks.bench_dispatch limit        300 requests a minute and twice the load, two minutes
    python -m tests.benchmarks.bench_dispatch queue        time to find the next due among 100 to 100,000

One web server, one worker, real PostgreSQL (fsync off: what is measured is our work, not this machine's disk), real Redis,
a real simulator, all on the same cores.
"""

import argparse
import os
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from bargeportal.processes import free_port
from tests.resilience.fleet import Setting, running
from tests.support.simulator_process import SimulatorProcess

ROOT = Path(__file__).resolve().parents[2]


class Client:
    """Posts injections to one server over kept connections, one for each thread."""

    def __init__(self, url: str, setting: Setting) -> None:
        self._url = f"{url}/inject"
        self._setting = setting
        self._local = threading.local()

    def inject(self, call: dict[str, Any]) -> tuple[int, float]:
        """Return status and milliseconds."""
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False
        body = {
            "conversationId": call["conversationId"],
            "participantId": call["agentParticipantId"],
            "audioUrl": self._setting.fleet.clip_url,
            "streamMatrix": {"agentMute": True, "callerMute": False, "normalizeLevel": False},
            "maxDurationMs": 3000,
        }
        headers = {"Authorization": f"Token {self._setting.fleet.token}"}
        start = time.perf_counter()
        answer = session.post(self._url, json=body, headers=headers, timeout=60)
        return answer.status_code, (time.perf_counter() - start) * 1000


def latency() -> None:
    """Click to accepted beside bare answers of the same upstream; recordings play as long as they are."""
    with running(webs=1, workers=1, latency_ms=50) as setting:
        client = Client(setting.fleet.urls[0], setting)
        upstream = _upstream(setting.simulator)
        for _ in range(5):
            client.inject(setting.simulator.create_call())
        pairs = [(upstream(), client.inject(setting.simulator.create_call())[1]) for _ in range(60)]
        two = 2 * statistics.median(pair[0] for pair in pairs)
        alone = sorted(pair[1] for pair in pairs)
    with running(webs=2, workers=1, latency_ms=50) as setting:
        crowd = _at_once([Client(url, setting) for url in setting.fleet.urls], setting, rounds=6, size=20)
    p95 = alone[int(len(alone) * 0.95)]
    print("upstream answers after 50 ms, PostgreSQL and Redis; milliseconds")
    print(f"  two upstream answers, median       {two:7.1f}")
    print(
        f"  POST /inject, median               {alone[len(alone) // 2]:7.1f}   ratio {alone[len(alone) // 2] / two:.2f}  (at most 1.15)"
    )
    print(f"  POST /inject, 95th percentile      {p95:7.1f}   ratio {p95 / two:.2f}  (at most 1.5)")
    print(
        f"  20 at once, median                 {statistics.median(crowd):7.1f}   ratio {statistics.median(crowd) / two:.2f}  (at most 1.5)"
    )


def throughput() -> None:
    """Sustained injections a second beside the minimal view, turn by turn in one run."""
    with running(webs=1, workers=1, speed=1000) as setting, _minimal(setting) as (minimal_url, minimal_pid):
        ours = Client(setting.fleet.urls[0], setting)
        theirs = Client(minimal_url, setting)
        rates: dict[str, list[float]] = {"portal": [], "minimal": []}
        cpu: dict[str, list[float]] = {"portal": [], "minimal": []}
        for turn in range(6):
            for name, client, pid in (
                ("portal", ours, setting.fleet.webs[0].process.pid),
                ("minimal", theirs, minimal_pid),
            ):
                rate, cpu_ms = _sustained(client, setting, pid, seconds=8)
                if turn > 0:  # the first turn warms both
                    rates[name].append(rate)
                    cpu[name].append(cpu_ms)
    portal, minimal = (statistics.median(rates[name]) for name in ("portal", "minimal"))
    print("upstream answers at once, 8 clients, all on the same cores; medians of five turns of 8 s")
    print(
        f"  minimal view     {minimal:7.1f} injections/s   {statistics.median(cpu['minimal']):6.2f} CPU ms each in the web process"
    )
    print(
        f"  portal           {portal:7.1f} injections/s   {statistics.median(cpu['portal']):6.2f} CPU ms each in the web process"
    )
    print(f"  ratio            {portal / minimal:7.2f}   (at least 0.5)")


def limit() -> None:
    """Twice the load that a limit of 300 requests a minute allows, for two minutes."""
    with running(webs=1, workers=1, speed=1000) as setting:
        allowed, minutes = 300, 2
        setting.simulator.set_rate_limit(allowed)
        setting.simulator.clear_ledger()
        client = Client(setting.fleet.urls[0], setting)
        possible = allowed // 3
        load = 2 * possible
        answers: Counter[int] = Counter()
        with ThreadPoolExecutor(80) as pool:
            futures = []
            start = time.monotonic()
            for number in range(load * minutes):
                call = setting.simulator.create_call()
                futures.append(pool.submit(client.inject, call))
                time.sleep(max(0.0, start + number * 60 / load - time.monotonic()))
            for future in futures:
                answers[future.result()[0]] += 1
        time.sleep(25)  # what still waits is sent or expires
        ledger = setting.simulator.ledger()
    delivered = sum(1 for one in ledger["interactions"] if one["accepted"])
    refused = sum(1 for one in ledger["interactions"] if one.get("status") == 429)
    print(
        f"limit of {allowed} requests a minute = {possible} injections a minute; offered {load} a minute for {minutes} minutes"
    )
    print(
        f"  delivered              {delivered:6d}   {delivered / (possible * minutes):.1%} of what the limit allows  (at least 95 %)"
    )
    print(f"  answered 429           {_count_429(ledger):6d}   {refused}")
    print(f"  answers to the clients {dict(answers)}")
    print({key: value for key, value in ledger.items() if key != "interactions"})


def queue() -> None:
    """Time to find the next due one, at growing lengths of the queue."""
    with running(webs=1, workers=0) as setting:
        for rows in (100, 10_000, 100_000):
            out = setting.fleet.manage("shell", "-v0", "-c", _QUEUE.format(rows=rows))
            print(f"  {rows:7d} queued   {out.splitlines()[-1]} ms to find the next due")


_QUEUE = """
import statistics, time, uuid
from datetime import timedelta
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from injections.models import InjectionRequest
from injections.services.sweep import due_injections
now = timezone.now()
user = User.objects.first()
InjectionRequest.objects.filter(status="queued").delete()
InjectionRequest.objects.bulk_create([
    InjectionRequest(conversation_id=uuid.uuid4(), participant_id=uuid.uuid4(), audio_url="https://a.example/a.wav",
        agent_mute=False, caller_mute=False, normalize_level=False, max_duration_ms=1000, requested_by=user,
        channel="api", status="queued", occupies_call=True, requested_at=now, deadline_at=now + timedelta(hours=1),
        due_at=now - timedelta(milliseconds=n)) for n in range({rows})], batch_size=2000)
with connection.cursor() as cursor:
    cursor.execute("ANALYZE")
def once():
    start = time.perf_counter()
    assert len(due_injections(limit=1)) == 1
    return (time.perf_counter() - start) * 1000
once()
print(round(statistics.median(once() for _ in range(50)), 2))
"""


def _at_once(clients: list[Client], setting: Setting, *, rounds: int, size: int) -> list[float]:
    """Return the milliseconds of `size` injections pressed at once, shared out over the web servers."""
    found: list[float] = []
    with ThreadPoolExecutor(size) as pool:
        for turn in range(rounds + 1):
            calls = [setting.simulator.create_call() for _ in range(size)]
            times = [
                ms
                for _, ms in pool.map(
                    lambda at, call: clients[at % len(clients)].inject(call), range(size), calls
                )
            ]
            if turn > 0:  # the first turn opens the connections
                found += times
            time.sleep(6)  # until the recordings have ended and been reported
    return found


def _sustained(client: Client, setting: Setting, pid: int, *, seconds: float) -> tuple[float, float]:
    """Return accepted injections a second, and CPU milliseconds of process `pid` for each."""
    calls = [setting.simulator.create_call() for _ in range(int(seconds * 120))]
    accepted = 0
    lock = threading.Lock()
    deadline = time.monotonic() + seconds
    before = _cpu_s(pid)

    def work(mine: list[dict[str, Any]]) -> None:
        nonlocal accepted
        for call in mine:
            if time.monotonic() > deadline:
                return
            status, _ = client.inject(call)
            with lock:
                accepted += status == 201

    start = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [calls[number::8] for number in range(8)]))
    elapsed = time.monotonic() - start
    return accepted / elapsed, (_cpu_s(pid) - before) * 1000 / max(accepted, 1)


@contextmanager
def _minimal(setting: Setting) -> Iterator[tuple[str, int]]:
    port = free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "uvicorn", "--port", str(port), "--log-level", "warning"),
            *("--no-access-log", "tests.benchmarks.minimal_service:application"),
        ],
        cwd=ROOT,
        env=setting.fleet.environment,
    )
    try:
        _wait(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(timeout=10)


def _upstream(simulator: SimulatorProcess) -> Callable[[], float]:
    session = requests.Session()
    session.trust_env = False
    answer = session.post(
        f"{simulator.url}/oauth/token",
        auth=(simulator.client_id, simulator.client_secret),
        data={"grant_type": "client_credentials"},
        timeout=5,
    )
    session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    call = simulator.create_call()
    url = f"{simulator.url}/api/v2/conversations/voice/{call['conversationId']}"

    def once() -> float:
        start = time.perf_counter()
        session.get(url, timeout=5)
        return (time.perf_counter() - start) * 1000

    return once


def _count_429(ledger: dict[str, Any]) -> int:
    return int(ledger.get("answers", {}).get("429", 0))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wait(url: str) -> None:
    for _ in range(300):
        try:
            if requests.get(url, timeout=1).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise SystemExit(f"{url} does not answer")


def main() -> None:
    """Run the part that is asked for."""
    parts = {"latency": latency, "throughput": throughput, "limit": limit, "queue": queue}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=parts)
    parts[parser.parse_args().part]()


if __name__ == "__main__":
    main()
