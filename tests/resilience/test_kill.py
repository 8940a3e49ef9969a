"""Three hundred injections while a process dies every second: nothing lost, nothing twice, nothing left hanging."""

from collections import Counter

import pytest

from tests.resilience.fleet import Killer, running
from tests.resilience.story import check, press_all, settled

INJECTIONS = 300


@pytest.mark.service
def test_under_kills_nothing_is_lost_played_twice_or_left_hanging() -> None:
    with running(latency_ms=150, speed=10) as setting:
        calls = [setting.simulator.create_call() for _ in range(INJECTIONS)]
        killer = Killer(setting.fleet, every_s=1.0, seed=20261122)
        killer.start()
        answered = press_all(setting.fleet, calls)
        killer.finish()
        rows = settled(setting)
        check(setting, rows, calls, answered)
        assert len(killer.killed) >= 5
        print(  # noqa: T201  the figures are what this test is run for
            f"{len(killer.killed)} kills ({dict(Counter(killer.killed))}), "
            f"{dict(Counter(row['status'] for row in rows))}"
        )
