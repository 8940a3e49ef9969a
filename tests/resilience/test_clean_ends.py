"""Every process may be told to end, or be killed, in the middle of its work: what it held is finished or passed on."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.resilience.fleet import Member, Setting, running

pytestmark = pytest.mark.service
ENDS_WITHIN_S = 10
SLOW_MS = 4000  # what the platform takes for an answer; the portal waits five seconds
COMMAND = {"method": "POST", "path": "/interactions$"}
CHECK = {"method": "GET", "path": "/conversations/voice/[^/]+$"}


@pytest.fixture(scope="module")
def setting() -> Iterator[Setting]:
    """One web server on PostgreSQL and Redis; each test brings the worker that it needs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INJECT_DEADLINE_S", "120")  # longer than a lease
        with running(webs=1, workers=0, speed=20) as made:
            yield made


@pytest.fixture(autouse=True)
def _as_new(setting: Setting) -> None:
    setting.simulator.reset()
    setting.redis.flush()  # breaker closed, budget full, no nudge of an earlier test
    setting.simulator.set_completions(withhold=True)
    # What an earlier test left waiting is no work for this one's worker.
    _execute(setting, "SET deadline_at = now() - interval '1 second' WHERE status IN ('requested', 'queued')")
    if setting.fleet.webs[0].process.poll() is not None:
        setting.fleet.webs[0].start()
        setting.fleet.wait_until_it_answers()


@pytest.fixture(params=["embedded", "celery"])
def kind(request: pytest.FixtureRequest) -> str:
    """The worker of one machine, or of many."""
    kind: str = request.param
    return kind


@contextmanager
def worker(setting: Setting, kind: str) -> Iterator[Member]:
    """Run a worker for as long as the test needs one."""
    if kind == "celery":
        member = setting.fleet._worker(0, setting.fleet.environment["PORTAL_DATA_DIR"])
    else:
        environment = {
            name: value for name, value in setting.fleet.environment.items() if name != "REDIS_URL"
        }
        member = Member("embedded", [sys.executable, "manage.py", "work", "--skip-checks"], environment)
    try:
        yield member
    finally:
        member.kill()


def _row(setting: Setting, call: dict[str, Any]) -> dict[str, Any]:
    with psycopg.connect(setting.database_url, row_factory=dict_row) as connection:
        found = connection.execute(
            "SELECT * FROM injections_injectionrequest WHERE conversation_id = %s", [call["conversationId"]]
        ).fetchall()
    assert len(found) <= 1
    return found[0] if found else {"status": "nowhere", "lease_token": None}


def _until(setting: Setting, call: dict[str, Any], *statuses: str, within_s: float = 15) -> dict[str, Any]:
    """Return the row once it has one of these statuses."""
    _wait(lambda: _row(setting, call)["status"] in statuses, within_s=within_s, what=f"{statuses}")
    return _row(setting, call)


def _wait(is_so: Callable[[], Any], *, within_s: float = 15, what: str) -> None:
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, f"not {what} in time"
        time.sleep(0.02)


def _lapse(setting: Setting) -> None:
    """Let half a minute pass for every lease."""
    _execute(setting, "SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL")


def _execute(setting: Setting, change: LiteralString) -> None:
    with psycopg.connect(setting.database_url) as connection:
        connection.execute("UPDATE injections_injectionrequest " + change)


def _arrived(setting: Setting, request: dict[str, Any]) -> None:
    """Wait until the platform has received a command or a check, which it has not answered yet."""
    method, end = request["method"], "/interactions" if request is COMMAND else "/voice/{conversationId}"

    def has_arrived() -> bool:
        routes = setting.simulator.ledger()["requests"]
        return any(route.startswith(method) and route.endswith(end) for route in routes)

    _wait(has_arrived, what="with the platform")


def _commands(setting: Setting, call: dict[str, Any]) -> int:
    """Return how many commands for this call have come so far; one that is delayed comes when it is carried out."""
    commands = setting.simulator.interactions()
    return sum(one["conversationId"] == call["conversationId"] for one in commands)


def _queue(setting: Setting) -> dict[str, Any]:
    """Have one injection wait for a worker, as after a 429; return its call."""
    call = setting.simulator.create_call()
    setting.simulator.plant("status", **COMMAND, status=429, headers={"Retry-After": "3"})
    assert setting.fleet.inject(call, key=str(uuid4())).json()["status"] == "queued"
    setting.simulator.clear_ledger()
    return call


def _end(member: Member) -> float:
    """Send SIGTERM to the process alone, as a supervisor does; return the seconds that it took to end."""
    began = time.monotonic()
    member.process.send_signal(signal.SIGTERM)
    try:
        member.process.wait(timeout=ENDS_WITHIN_S + 10)
    except subprocess.TimeoutExpired:
        pytest.fail("it did not end")
    return time.monotonic() - began


@pytest.mark.parametrize("slow", [COMMAND, CHECK], ids=["command", "check"])
def test_a_web_server_that_is_told_to_end_answers_first(setting: Setting, slow: dict[str, str]) -> None:
    call = setting.simulator.create_call()
    setting.simulator.plant("delay", **slow, delay_ms=SLOW_MS)
    with ThreadPoolExecutor(1) as clients:
        answer = clients.submit(setting.fleet.inject, call, key="k-" + call["conversationId"])
        _arrived(setting, slow)
        took_s = _end(setting.fleet.webs[0])
        assert answer.result(timeout=5).status_code == 201
    assert took_s < ENDS_WITHIN_S
    assert _row(setting, call)["status"] == "dispatched"
    assert _commands(setting, call) == 1


@pytest.mark.parametrize("slow", [COMMAND, CHECK], ids=["command", "check"])
def test_a_worker_that_is_told_to_end_finishes_or_hands_back(
    setting: Setting, kind: str, slow: dict[str, str]
) -> None:
    call = _queue(setting)
    setting.simulator.plant("delay", **slow, delay_ms=SLOW_MS)
    with worker(setting, kind) as member:
        _arrived(setting, slow)
        took_s = _end(member)
    assert took_s < ENDS_WITHIN_S
    row = _row(setting, call)
    assert row["status"] == "dispatched" or (row["status"], row["lease_token"]) == ("queued", None)
    if row["status"] == "queued":
        with worker(setting, kind):
            _until(setting, call, "dispatched")
    assert _commands(setting, call) == 1


def test_what_a_worker_killed_before_the_intent_held_is_taken_up_by_another(
    setting: Setting, kind: str
) -> None:
    call = _queue(setting)
    setting.simulator.plant("delay", **CHECK, delay_ms=SLOW_MS)
    with worker(setting, kind) as member:
        _arrived(setting, CHECK)
        member.kill()
    row = _row(setting, call)
    assert (row["status"], row["lease_token"] is None) == ("queued", False)
    with worker(setting, kind):
        time.sleep(1)
        assert _row(setting, call)["status"] == "queued", "the lease still runs"
        _lapse(setting)
        assert _until(setting, call, "dispatched")["tries"] == 2
    assert _commands(setting, call) == 1


def test_what_a_worker_killed_after_the_intent_held_becomes_unknown_and_is_never_sent_again(
    setting: Setting, kind: str
) -> None:
    call = _queue(setting)
    setting.simulator.plant("delay", **COMMAND, delay_ms=SLOW_MS, process=False)
    with worker(setting, kind) as member:
        _arrived(setting, COMMAND)
        member.kill()
    assert _row(setting, call)["status"] == "dispatching"
    _lapse(setting)
    with worker(setting, kind):  # what a crash left is settled at its start
        assert _until(setting, call, "unknown")["reason_code"] == "outcome_unknown"
        _wait(lambda: _commands(setting, call) > 0, what="on the platform's books")
        time.sleep(1)
    assert _row(setting, call)["status"] == "unknown"
    assert _commands(setting, call) == 1


def test_what_a_killed_web_server_had_sent_is_settled_by_the_platform_s_report(setting: Setting) -> None:
    setting.simulator.set_completions()
    call = setting.simulator.create_call()
    setting.simulator.plant("delay", **COMMAND, delay_ms=SLOW_MS)
    with ThreadPoolExecutor(1) as clients, worker(setting, "embedded"):
        _wait(lambda: _is_registered(setting), what="registered for reports")
        answer = clients.submit(setting.fleet.inject, call, key="k-" + call["conversationId"])
        _arrived(setting, COMMAND)
        setting.fleet.webs[0].restart()
        assert answer.exception(timeout=5) is not None
        _lapse(setting)
        _until(setting, call, "unknown")
        _until(setting, call, "completed")
    assert _commands(setting, call) == 1


def _is_registered(setting: Setting) -> bool:
    with psycopg.connect(setting.database_url) as connection:
        query = "SELECT 1 FROM injections_completionregistration WHERE confirmed_at IS NOT NULL"
        return connection.execute(query).fetchone() is not None


# What has been sent is answered, one way or the other, within five seconds; a check may drip for ten.
DRIP = {**CHECK, "delay_ms": 200}


def test_what_a_worker_cannot_finish_in_time_it_hands_back(setting: Setting, kind: str) -> None:
    call = _queue(setting)
    setting.simulator.plant("slow_body", **DRIP)
    with worker(setting, kind) as member:
        _arrived(setting, CHECK)
        took_s = _end(member)
    assert took_s < ENDS_WITHIN_S
    row = _row(setting, call)
    assert (row["status"], row["lease_token"]) == ("queued", None)
    assert _commands(setting, call) == 0


def test_what_a_web_server_cannot_finish_in_time_it_hands_back(setting: Setting) -> None:
    call = setting.simulator.create_call()
    setting.simulator.plant("slow_body", **DRIP)
    with ThreadPoolExecutor(1) as clients:
        clients.submit(setting.fleet.inject, call, key="k-" + call["conversationId"])
        _arrived(setting, CHECK)
        took_s = _end(setting.fleet.webs[0])
    assert took_s < ENDS_WITHIN_S
    row = _row(setting, call)
    assert (row["status"], row["lease_token"]) == ("requested", None)
    with worker(setting, "embedded"):
        _until(setting, call, "dispatched")
    assert _commands(setting, call) == 1
