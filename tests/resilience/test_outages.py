"""PostgreSQL and Redis fail under load: clear errors meanwhile, the same truth afterwards."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.resilience.fleet import Setting, running, wait_until
from tests.resilience.story import check, press_all, settled


def _during_load(setting: Setting, disaster: Callable[[], None], *, injections: int = 120) -> dict[str, Any]:
    """Run a disaster two seconds into the load; return what the clients were answered."""
    calls = [setting.simulator.create_call() for _ in range(injections)]
    timer = threading.Timer(2.0, disaster)
    timer.start()
    answered = press_all(setting.fleet, calls)
    timer.join(timeout=60)
    check(setting, settled(setting), calls, answered)
    return answered


@pytest.mark.service
def test_a_restarted_postgresql_costs_nothing_but_time() -> None:
    with running(latency_ms=150, speed=10) as setting:
        _during_load(setting, setting.postgres.restart)


@pytest.mark.service
def test_a_flushed_and_restarted_redis_costs_nothing() -> None:
    with running(latency_ms=150, speed=10) as setting:

        def disaster() -> None:
            setting.redis.flush()
            time.sleep(1)
            setting.redis.stop()
            time.sleep(2)
            setting.redis.start()

        answered = _during_load(setting, disaster)
        # Redis only protects and nudges: no client may have noticed anything.
        assert {answer["status"] for answer in answered.values()} <= {"dispatched", "queued"}


@pytest.mark.service
def test_while_redis_stays_away_what_waits_is_tried_and_given_up_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INJECT_DEADLINE_S", "8")
    with running(webs=1, workers=1, speed=20) as setting:
        setting.fleet.environment["LOG_LEVEL"] = "INFO"
        log = Path(setting.fleet.environment["PORTAL_DATA_DIR"], "worker0.log")
        setting.fleet.workers[0].restart()
        wait_until(lambda: "worker ready" in log.read_text(), "the worker")
        setting.redis.stop()
        tried, given_up = (setting.simulator.create_call() for _ in range(2))
        refusal = {"method": "POST", "status": 429, "headers": {"Retry-After": "4"}}
        once, always = (f"{call['conversationId']}.*/interactions$" for call in (tried, given_up))
        setting.simulator.plant("status", path=once, times=1, **refusal)
        setting.simulator.plant("status", path=always, times=None, **refusal)
        answers = [setting.fleet.inject(call, key=call["conversationId"]) for call in (tried, given_up)]
        assert [answer.json()["status"] for answer in answers] == ["queued", "queued"]
        rows = settled(setting)
        status = {str(row["conversation_id"]): row["status"] for row in rows}
        assert status[tried["conversationId"]] == "completed"
        assert status[given_up["conversationId"]] == "expired"
        expired = next(row for row in rows if row["status"] == "expired")
        assert expired["ended_at"] < expired["deadline_at"] + timedelta(
            seconds=5
        )  # Redis is away to this moment
        assert "Traceback" not in log.read_text()


@pytest.mark.service
def test_while_postgresql_is_away_a_client_is_told_what_to_do() -> None:
    with running(webs=1, workers=0) as setting:
        call = setting.simulator.create_call()
        setting.postgres.stop()
        answer = setting.fleet.inject(call, key="k")
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "Idempotency-Key" in answer.json()["message"]
        assert setting.simulator.interactions() == []
