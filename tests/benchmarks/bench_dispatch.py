"""Dispatch on PostgreSQL and Redis: latency, throughput beside a minimal view, a rate limit, a long queue.

    python -m tests.benchmarks.bench_dispatch latency      50 ms upstream: one at a time, and 20 at once
    python -m tests.benchmarks.bench_dispatch throughput   0 ms upstream, beside the minimal view, side by side
    python -m tests.benchmarks.bench_dispatch limit        300 requests a minute and twice the load, two minutes
    python -m tests.benchmarks.bench_dispatch queue        time to find the next due among 100 to 100,000

Real PostgreSQL (fsync off: what is measured is our work, not this machine's disk), real Redis, a real simulator, all on
the same cores. One web server, two where many press at once; one worker. The calls stand on the board, as calls do.
"""

import argparse
import os
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
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
        upstream = Upstream(setting.simulator)
        calls = _calls(setting, 65)
        pairs = [(upstream.two_answers(), client.inject(call)[1]) for call in calls][5:]
    with running(webs=2, workers=1, latency_ms=50) as setting:
        crowd = _at_once(setting, rounds=8, size=20)
    print(
        "upstream answers after 50 ms, PostgreSQL and Redis; milliseconds, and how many times two upstream answers"
    )
    _compare("one at a time", pairs)
    _compare("20 at once, over 2 web servers", crowd)
    alone = statistics.median(two for two, _ in pairs)
    print(
        f"  20 at once beside two answers to one alone: {statistics.median(ms for _, ms in crowd) / alone:.2f}"
    )


def _compare(title: str, pairs: list[tuple[float, float]]) -> None:
    two = statistics.median(pair[0] for pair in pairs)
    ours = sorted(pair[1] for pair in pairs)
    median, p95 = statistics.median(ours), ours[int(len(ours) * 0.95)]
    print(f"  {title}: two upstream answers {two:.1f}")
    print(f"    POST /inject, median           {median:7.1f}   {median / two:.2f}")
    print(f"    POST /inject, 95th percentile  {p95:7.1f}   {p95 / two:.2f}")


def throughput() -> None:
    """Sustained injections a second beside the minimal view, two processes of each, turn by turn in one run."""
    with ExitStack() as stack:
        setting = stack.enter_context(running(webs=2, workers=1, speed=1000))
        servers = {
            "portal": [
                (url, web.process.pid)
                for url, web in zip(setting.fleet.urls, setting.fleet.webs, strict=True)
            ],
            "minimal": [stack.enter_context(_minimal(setting)) for _ in range(2)],
        }
        rates: dict[str, list[float]] = {name: [] for name in servers}
        cpu: dict[str, list[float]] = {name: [] for name in servers}
        for turn in range(5):
            for name, processes in servers.items():
                rate, cpu_ms = _sustained(processes, setting, seconds=5)
                if turn > 0:  # the first turn warms both
                    rates[name].append(rate)
                    cpu[name].append(cpu_ms)
    portal, minimal = (statistics.median(rates[name]) for name in ("portal", "minimal"))
    print(
        "upstream answers at once, 8 clients, 2 web processes, all on the same cores; medians of four turns of 5 s"
    )
    print(
        f"  minimal view     {minimal:7.1f} injections/s   {statistics.median(cpu['minimal']):6.2f} CPU ms each in the web processes"
    )
    print(
        f"  portal           {portal:7.1f} injections/s   {statistics.median(cpu['portal']):6.2f} CPU ms each in the web processes"
    )
    print(f"  ratio            {portal / minimal:7.2f}")


def limit() -> None:
    """Twice the load that a limit of 300 requests a minute allows, for three minutes of the platform's clock."""
    with running(webs=1, workers=1, speed=1000) as setting:
        allowed, minutes = 300, 3
        client = Client(setting.fleet.urls[0], setting)
        possible = allowed // 3
        load = 2 * possible
        calls = _calls(setting, load * minutes)
        setting.simulator.clear_ledger()
        setting.simulator.set_rate_limit(allowed)
        answers: Counter[int] = Counter()
        with ThreadPoolExecutor(80) as pool:
            futures = []
            start = time.monotonic()
            for number, call in enumerate(calls):
                futures.append(pool.submit(client.inject, call))
                time.sleep(max(0.0, start + number * 60 / load - time.monotonic()))
            for future in futures:
                answers[future.result()[0]] += 1
        time.sleep(25)  # what still waits is sent or expires
        ledger = setting.simulator.ledger()
    sent = [_moment(one) for one in ledger["interactions"] if one["accepted"]]
    # The platform's minute begins with the first request of its window; what is sent after the load is not counted.
    windows = Counter(int((at - sent[0]).total_seconds() // 60) for at in sent)
    delivered = sum(windows[window] for window in range(minutes))
    refused, asked = ledger["answers"].get("429", 0), sum(ledger["answers"].values())
    print(
        f"limit of {allowed} requests a minute = {possible} injections; offered {load} a minute for {minutes} minutes"
    )
    print(
        f"  delivered              {delivered:6d}   {delivered / (possible * minutes):.1%} of what the limit allows"
    )
    print(f"  minute by minute       {[windows[window] for window in range(minutes)]}")
    print(f"  answered 429           {refused:6d}   {refused / asked:.2%} of {asked} requests")
    print(f"  answers to the clients {dict(answers)}")


def _moment(interaction: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(interaction["receivedAt"])


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


def _calls(setting: Setting, count: int) -> list[dict[str, Any]]:
    """Return new calls that stand on the board, vouched for as long as the measurement lasts."""
    calls = [setting.simulator.create_call() for _ in range(count)]
    soon = datetime.now(UTC) + timedelta(hours=1)
    with psycopg.connect(setting.database_url) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO injections_livecall (conversation_id, queue_id, agent_participant_id, agent_name, caller,"
            " direction, state, is_held, is_secure_paused, barged_by, consent_reason, version, seen_at)"
            " VALUES (%s, (SELECT id FROM injections_queue LIMIT 1), %s, %s, '', 'inbound', 'connected',"
            " false, false, '', '', 'v', %s)",
            [(call["conversationId"], call["agentParticipantId"], call["agentName"], soon) for call in calls],
        )
    return calls


def _at_once(setting: Setting, *, rounds: int, size: int) -> list[tuple[float, float]]:
    """Return the milliseconds of two upstream answers and of one injection, each `size` at once, round by round."""
    clients = [Client(url, setting) for url in setting.fleet.urls]
    upstream = Upstream(setting.simulator)
    found: list[tuple[float, float]] = []
    with ThreadPoolExecutor(size) as pool:
        for turn in range(rounds + 1):
            calls = _calls(setting, size)
            bare = list(pool.map(lambda _: upstream.two_answers(), range(size)))
            ours = pool.map(lambda at, call: clients[at % len(clients)].inject(call)[1], range(size), calls)
            if turn > 0:  # the first turn opens the connections
                found += zip(bare, ours, strict=True)
            time.sleep(6)  # until the recordings have ended and been reported
    return found


def _sustained(servers: list[tuple[str, int]], setting: Setting, *, seconds: float) -> tuple[float, float]:
    """Return accepted injections a second, and CPU milliseconds of the servers (address, pid) for each."""
    # New connections each time: those of the last turn have rested until the server closed them.
    clients = [Client(url, setting) for url, _ in servers]
    calls = _calls(setting, int(seconds * 200))
    accepted = 0
    lock = threading.Lock()
    deadline = time.monotonic() + seconds
    before = sum(_cpu_s(pid) for _, pid in servers)

    def work(number: int) -> None:
        nonlocal accepted
        for call in calls[number::8]:
            if time.monotonic() > deadline:
                return
            status, _ = clients[number % len(clients)].inject(call)
            with lock:
                accepted += status == 201

    start = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    elapsed = time.monotonic() - start
    return accepted / elapsed, (sum(_cpu_s(pid) for _, pid in servers) - before) * 1000 / max(accepted, 1)


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


class Upstream:
    """The platform's bare answers, over a kept connection for each thread."""

    def __init__(self, simulator: SimulatorProcess) -> None:
        self._local = threading.local()
        answer = requests.post(
            f"{simulator.url}/oauth/token",
            auth=(simulator.client_id, simulator.client_secret),
            data={"grant_type": "client_credentials"},
            timeout=5,
        )
        self._headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        call = simulator.create_call()
        self._url = f"{simulator.url}/api/v2/conversations/voice/{call['conversationId']}"

    def two_answers(self) -> float:
        """Return the milliseconds of two answers, one after the other."""
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False
            session.headers.update(self._headers)
        start = time.perf_counter()
        for _ in range(2):
            session.get(self._url, timeout=5)
        return (time.perf_counter() - start) * 1000


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
