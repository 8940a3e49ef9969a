"""Messages are nudges: lost, repeated, early, late or in another order, they change nothing. Two clocks do no harm."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from celery import Celery
from psycopg.rows import dict_row

from tests.resilience.fleet import Setting, running

pytestmark = pytest.mark.service
OPEN = {"requested", "queued", "dispatching"}
WAIT_S = 3


@pytest.fixture(scope="module")
def setting() -> Iterator[Setting]:
    """A web server, and two workers with a clock each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INJECT_DEADLINE_S", "60")
        with running(webs=1, workers=2, speed=20) as made:
            yield made


@pytest.fixture(autouse=True)
def _as_new(setting: Setting) -> None:
    setting.simulator.reset()
    setting.redis.flush()
    setting.simulator.set_completions(withhold=True)


def _queue(setting: Setting, count: int = 1) -> list[UUID]:
    """Have injections wait for their second try; return their ids."""
    calls = [setting.simulator.create_call() for _ in range(count)]
    refusal = {"status": 503, "headers": {"Retry-After": str(WAIT_S)}}
    setting.simulator.plant("status", method="POST", path="/interactions$", times=count, **refusal)
    answers = [setting.fleet.inject(call, key=str(uuid4())) for call in calls]
    assert [answer.json()["status"] for answer in answers] == ["queued"] * count
    return [UUID(answer.json()["id"]) for answer in answers]


def _nudge(setting: Setting, ids: list[UUID], *, in_s: float = 0, name: str = "injections.dispatch") -> None:
    with Celery(broker=setting.redis.url) as app:
        for injection_id in ids:
            app.send_task(name, args=[str(injection_id)] if name.endswith("dispatch") else [], countdown=in_s)


def _rows(setting: Setting, ids: list[UUID]) -> list[dict[str, Any]]:
    with psycopg.connect(setting.database_url, row_factory=dict_row) as connection:
        query = "SELECT * FROM injections_injectionrequest WHERE id = ANY(%s)"
        return connection.execute(query, [ids]).fetchall()


def _settled(setting: Setting, ids: list[UUID], *, within_s: float = 30) -> list[dict[str, Any]]:
    deadline = time.monotonic() + within_s
    while any(row["status"] in OPEN for row in _rows(setting, ids)):
        assert time.monotonic() < deadline, "they still wait"
        time.sleep(0.1)
    return _rows(setting, ids)


def _check(setting: Setting, rows: list[dict[str, Any]]) -> None:
    """Check that each was refused once, accepted once, and not tried before it was due."""
    assert [(row["status"], row["tries"]) for row in rows] == [("dispatched", 2)] * len(rows)
    commands = setting.simulator.interactions()
    accepted = Counter(one["conversationId"] for one in commands if one["accepted"])
    assert accepted == {str(row["conversation_id"]): 1 for row in rows}
    assert len(commands) == 2 * len(rows)
    for row in rows:
        first, second = (
            datetime.fromisoformat(one["receivedAt"])
            for one in commands
            if one["conversationId"] == str(row["conversation_id"])
        )
        assert second - first >= timedelta(seconds=WAIT_S)
    _check_records(setting, rows)


def _check_records(setting: Setting, rows: list[dict[str, Any]]) -> None:
    life = ["requested", "dispatching", "queued", "dispatching", "dispatched"]
    with psycopg.connect(setting.database_url) as connection:
        for row in rows:
            found = connection.execute(
                "SELECT action FROM audit_auditrecord WHERE injection_id = %s ORDER BY number_in_conversation",
                [row["id"]],
            ).fetchall()
            assert [action for (action,) in found] == [f"injection.{status}" for status in life]


def test_a_lost_nudge_costs_a_moment(setting: Setting) -> None:
    setting.redis.stop()
    ids = _queue(setting)
    setting.redis.start()
    _check(setting, _settled(setting, ids))


@pytest.mark.parametrize("times", [2, 10])
def test_a_repeated_nudge_plays_nothing_twice(setting: Setting, times: int) -> None:
    ids = _queue(setting)
    _nudge(setting, ids * times, in_s=WAIT_S)
    _check(setting, _settled(setting, ids))


def test_nudges_that_come_early_late_and_in_another_order_change_nothing(setting: Setting) -> None:
    ids = _queue(setting, 4)  # one more, and the breaker would open
    _nudge(setting, list(reversed(ids)))
    _nudge(setting, random.Random(20261122).sample(ids, len(ids)), in_s=WAIT_S)
    rows = _settled(setting, ids)
    _nudge(setting, ids)
    time.sleep(1)
    assert _rows(setting, ids) == rows
    _check(setting, rows)


def test_sweeps_in_a_heap_do_what_one_does(setting: Setting) -> None:
    # Two clocks are in this fleet already; these are sixteen more ticks at the very moment when all are due.
    ids = _queue(setting, 4)  # one more, and the breaker would open
    _nudge(setting, ids * 4, in_s=WAIT_S, name="injections.sweep")
    _check(setting, _settled(setting, ids))


def test_a_nudge_about_nothing_does_nothing(setting: Setting) -> None:
    _nudge(setting, [uuid4()])
    ids = _queue(setting)
    _check(setting, _settled(setting, ids))
