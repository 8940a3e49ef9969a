"""The request budget: never above the limit, dispatch before board, the platform's own count believed."""

from hypothesis import given
from hypothesis import strategies as st

from injections.genesys.budget import (
    ALLOWED,
    BOARD_SHARE,
    MARGIN,
    WINDOW_S,
    BudgetState,
    exhausted,
    from_data,
    heard,
    left,
    reserve,
    to_data,
)
from injections.genesys.types import RateReading


def _spend(
    state: BudgetState, requests: int, *, now: float, is_for_board: bool = False
) -> tuple[float, BudgetState]:
    return reserve(state, requests=requests, now=now, is_for_board=is_for_board)


def test_a_fresh_budget_lets_requests_go():
    wait, state = _spend(BudgetState(), 3, now=100)
    assert wait == 0
    assert left(state, now=100) == ALLOWED - MARGIN - 3


def test_when_the_window_is_used_up_the_wait_is_what_is_left_of_it():
    _, state = _spend(BudgetState(), ALLOWED - MARGIN, now=100)
    wait, same = _spend(state, 1, now=110)
    assert wait == WINDOW_S - 10
    assert same == state


def test_a_new_window_begins_full():
    _, state = _spend(BudgetState(), ALLOWED - MARGIN, now=100)
    assert _spend(state, 3, now=100 + WINDOW_S)[0] == 0


def test_the_board_stops_at_its_share_while_dispatch_goes_on():
    _, state = _spend(BudgetState(), int(ALLOWED * BOARD_SHARE), now=100, is_for_board=True)
    assert _spend(state, 1, now=101, is_for_board=True)[0] > 0
    assert _spend(state, 3, now=101)[0] == 0


def test_the_platform_s_own_count_is_believed_when_it_is_higher():
    state = heard(BudgetState(), RateReading(allowed=100, count=97, reset_s=30), now=100)
    assert left(state, now=100) == 100 - MARGIN - 97
    assert _spend(state, 3, now=100)[0] == 30


def test_what_is_still_under_way_is_not_forgotten_for_an_older_count():
    _, state = _spend(BudgetState(), 200, now=100)
    assert heard(state, RateReading(allowed=300, count=150, reset_s=60), now=100).used == 200


def test_after_a_429_nothing_goes_until_its_pause_has_passed():
    state = exhausted(BudgetState(), retry_after_s=42, now=100)
    assert _spend(state, 1, now=141)[0] > 0
    assert _spend(state, 1, now=142)[0] == 0


_steps = st.lists(st.tuples(st.integers(1, 5), st.floats(0, 5), st.booleans()), max_size=200)


@given(_steps)
def test_no_window_ever_holds_more_than_the_limit(steps):
    state, now = BudgetState(), 1000.0
    spent: dict[float, int] = {}
    for requests, pause, is_for_board in steps:
        now += pause
        wait, state = _spend(state, requests, now=now, is_for_board=is_for_board)
        if wait == 0:
            spent[state.ends_at] = spent.get(state.ends_at, 0) + requests
        assert from_data(to_data(state)) == state
    assert all(total <= ALLOWED - MARGIN for total in spent.values())


def test_a_clock_that_is_set_back_does_not_keep_a_used_up_window_going():
    used_up = exhausted(BudgetState(ends_at=5060), retry_after_s=60, now=5000)
    assert reserve(used_up, requests=3, now=5000, is_for_board=False)[0] > 0
    assert reserve(used_up, requests=3, now=5000 - 3600, is_for_board=False)[0] == 0
