"""The breaker's moves, one by one and under any sequence of events."""

from hypothesis import given
from hypothesis import strategies as st

from injections.genesys.breaker import (
    FAILURES_TO_OPEN,
    PAUSE_S,
    PROBE_S,
    WINDOW_S,
    BreakerState,
    Verdict,
    ask,
    failed,
    forced_open,
    from_data,
    given_back,
    succeeded,
    to_data,
)


def _opened(at: float = 100.0) -> BreakerState:
    state = BreakerState()
    for _ in range(FAILURES_TO_OPEN):
        state = failed(state, now=at)
    return state


def test_four_failures_leave_it_closed():
    state = BreakerState()
    for _ in range(FAILURES_TO_OPEN - 1):
        state = failed(state, now=100)
    assert not state.is_open
    assert ask(state, now=100)[0] is Verdict.GO


def test_the_fifth_failure_within_30_s_opens_it():
    assert _opened().is_open
    assert ask(_opened(), now=100)[0] is Verdict.HOLD


def test_failures_longer_apart_than_30_s_do_not_open_it():
    state = BreakerState()
    for number in range(20):
        state = failed(state, now=number * WINDOW_S / 4 + number)
    assert not state.is_open


def test_five_failures_are_five_whatever_worked_between_them():
    state = BreakerState()
    for _ in range(FAILURES_TO_OPEN):
        state = failed(succeeded(state), now=100)
    assert state.is_open


def test_a_probe_that_never_went_leaves_its_place_to_another():
    _, probing = ask(_opened(100), now=110)
    assert ask(given_back(probing, now=111), now=111)[0] is Verdict.PROBE


def test_after_the_pause_one_probe_goes_and_only_one():
    verdict, after = ask(_opened(100), now=100 + PAUSE_S)
    assert verdict is Verdict.PROBE
    assert ask(after, now=100 + PAUSE_S)[0] is Verdict.HOLD


def test_a_probe_that_succeeds_closes_it():
    _, probing = ask(_opened(100), now=100 + PAUSE_S)
    assert succeeded(probing) == BreakerState()


def test_a_probe_that_fails_makes_all_wait_again():
    _, probing = ask(_opened(100), now=110)
    again = failed(probing, now=111)
    assert ask(again, now=111 + PAUSE_S - 0.1)[0] is Verdict.HOLD
    assert ask(again, now=111 + PAUSE_S)[0] is Verdict.PROBE


def test_a_probe_that_died_is_replaced_by_another():
    _, probing = ask(_opened(100), now=110)
    assert ask(probing, now=110 + PROBE_S)[0] is Verdict.PROBE


def test_opened_by_hand_it_stays_open_whatever_happens():
    state = forced_open(now=100, by="Ada")
    assert ask(state, now=10_000)[0] is Verdict.HOLD
    assert succeeded(state) == state
    assert failed(state, now=101) == state


def test_a_clock_that_is_set_back_does_not_keep_it_open():
    state = _opened(5000)
    assert ask(state, now=5000)[0] is Verdict.HOLD
    assert ask(state, now=5000 - 3600)[0] is Verdict.PROBE


def test_failures_of_a_time_to_come_are_not_counted():
    state = BreakerState()
    for _ in range(FAILURES_TO_OPEN - 1):
        state = failed(state, now=5000)
    assert not failed(state, now=5000 - 3600).is_open


_events = st.lists(st.tuples(st.sampled_from(["ask", "ok", "bad"]), st.floats(0, 20)), max_size=60)


@given(_events)
def test_in_any_history_an_open_one_lets_at_most_one_probe_out_at_a_time(events):
    state, now, probes, last_probe = BreakerState(), 0.0, 0, 0.0
    for event, pause in events:
        now += pause
        if event == "ask":
            verdict, state = ask(state, now=now)
            if verdict is Verdict.PROBE:
                assert probes == 0 or now - last_probe >= min(PROBE_S, PAUSE_S)
                probes, last_probe = probes + 1, now
            assert state.is_open == (verdict is not Verdict.GO)
        elif event == "ok":
            state, probes = succeeded(state), 0
        else:
            state = failed(state, now=now)
        assert from_data(to_data(state)) == state
