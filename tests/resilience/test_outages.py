"""PostgreSQL and Redis fail under load: clear errors meanwhile, the same truth afterwards."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.resilience.fleet import Setting, running
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
def test_while_postgresql_is_away_a_client_is_told_what_to_do() -> None:
    with running(webs=1, workers=0) as setting:
        call = setting.simulator.create_call()
        setting.postgres.stop()
        answer = setting.fleet.inject(call, key="k")
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "Idempotency-Key" in answer.json()["message"]
        assert setting.simulator.interactions() == []
