import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from injections.genesys.simulator.calls import Call
from injections.genesys.simulator.centre import STABLE_CALLS, Centre


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Life:
    """A centre, its clock, and what it announced."""

    def __init__(self, *, seed: int = 1, size: int = 60, churn: float = 1.0, quiet: bool = False) -> None:
        self.clock = Clock()
        self.centre = Centre(rng=random.Random(seed), clock=self.clock, size=size, churn=churn, quiet=quiet)
        self.centre.populate()
        self.announced: list[tuple[str, str, bool, bool, str]] = []
        self.centre.subscribe(self._hear)

    def _hear(self, call: Call) -> None:
        self.announced.append((call.id, call.state, call.agent.held, call.secure_pause, call.agent.consent))

    def passes(self, seconds: float, *, tick_s: float = 0.1) -> None:
        for _ in range(round(seconds / tick_s)):
            self.clock.now += timedelta(seconds=tick_s)
            self.centre.tick()


@pytest.fixture(scope="module")
def an_hour() -> Life:
    life = Life()
    life.passes(1800)
    return life


def labels(centre: Centre) -> Counter[str]:
    return Counter(call.label for call in centre.live_calls() if call.label is not None)


def test_the_same_seed_makes_the_same_centre():
    one, other = Life(seed=7), Life(seed=7)
    one.passes(30)
    other.passes(30)
    assert one.announced == other.announced
    assert one.announced


def test_a_centre_begins_full():
    assert len(list(Life(size=40).centre.live_calls())) == 40


def test_an_empty_centre_stays_empty():
    life = Life(size=0)
    life.passes(10)
    assert life.centre.calls() == []


def test_the_centre_keeps_its_size_while_calls_come_and_go(an_hour: Life):
    live = list(an_hour.centre.live_calls())
    assert 50 <= len(live) <= 60
    ended = {key for key, state, *_ in an_hour.announced if state == "disconnected"}
    assert len(ended) > 50


def test_a_large_centre_keeps_its_size_too():
    life = Life(size=500)
    life.passes(1200, tick_s=0.5)
    assert 480 <= len(list(life.centre.live_calls())) <= 500


def test_the_calls_kept_for_demos_are_never_touched(an_hour: Life):
    kept = [call for call in an_hour.centre.live_calls() if call.label is not None]
    assert labels(an_hour.centre) == Counter(wanted.label for wanted in STABLE_CALLS)
    assert not {call.id for call in kept} & {key for key, *_ in an_hour.announced}


def test_there_is_always_a_call_of_each_kind(an_hour: Life):
    kept = {call.label: call for call in an_hour.centre.live_calls() if call.label is not None}
    assert (kept["consenting"].state, kept["consenting"].agent.consent) == ("active", "true")
    assert kept["consent attribute missing"].agent.consent == "missing"
    assert kept["consent denied"].agent.consent == "false"
    assert kept["no attributes"].agent.consent == "none"
    assert kept["on hold"].agent.held
    assert kept["secure pause"].secure_pause
    assert kept["ringing"].state == "queued"


def test_calls_go_through_all_that_calls_go_through(an_hour: Life):
    heard = an_hour.announced
    assert any(held for _, _, held, _, _ in heard)
    assert any(paused for _, _, _, paused, _ in heard)
    assert {"queued", "active", "disconnected"} <= {state for _, state, *_ in heard}
    consents: dict[str, list[str]] = {}
    for key, _, _, _, consent in heard:
        consents.setdefault(key, []).append(consent)
    assert any("true" in said and "false" in said for said in consents.values())


def test_some_calls_are_transferred_to_a_second_agent(an_hour: Life):
    agents = [[leg for leg in call.legs if leg.purpose == "agent"] for call in an_hour.centre.calls()]
    twice = [legs for legs in agents if len(legs) > 1]
    assert twice
    assert all(leg.state == "terminated" for legs in twice for leg in legs[:-1])


def test_calls_last_from_two_to_fifteen_minutes(an_hour: Life):
    lengths = [
        (call.ended_at - call.started_at).total_seconds()
        for call in an_hour.centre.calls()
        if call.ended_at is not None
    ]
    assert lengths
    assert all(120 <= length <= 900 + 1 for length in lengths)


def test_an_ended_call_is_forgotten_after_a_minute():
    life = Life(size=0)
    call = life.centre.add()
    call.end(life.clock.now)
    life.passes(59)
    assert life.centre.find(call.id) is call
    life.passes(2)
    assert life.centre.find(call.id) is None


def test_a_quiet_centre_does_not_move():
    life = Life(quiet=True)
    life.passes(1200)
    assert life.announced == []


def test_most_agents_consent_but_not_all():
    said = Counter(call.agent.consent for call in Life(size=400).centre.live_calls())
    assert 0.55 < said["true"] / 400 < 0.85
    assert {"false", "missing", "none", "null"} <= set(said)


def test_both_directions_and_every_queue_occur():
    calls = list(Life(size=200).centre.live_calls())
    assert {call.direction for call in calls} == {"inbound", "outbound"}
    assert {call.queue.name for call in calls} == {"Cards", "Mortgages", "Collections", "Fraud desk"}
    assert all(call.customer.address.startswith("tel:+1317555") for call in calls)
