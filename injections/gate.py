"""Whether a request may go to the platform now: breaker and request budget, shared by all processes.

What keeps them is not what a promise rests on: when it cannot be reached, requests go out as if there were no gate.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from injections import wiring
from injections.genesys import breaker, budget
from injections.genesys.breaker import BreakerState, Verdict
from injections.genesys.budget import BudgetState
from injections.genesys.errors import Ambiguous, GenesysError, NotSent, RateLimited, Unavailable
from injections.shared_state import Data, StateUnavailable

log = logging.getLogger(__name__)
_KEY: Final = "upstream"
REQUESTS_A_TRY: Final = 3  # call, participant, command
BREAKER_INTERVAL_S: Final = 2.0  # while the breaker is open, what waits is tried this often


@dataclass(frozen=True, slots=True)
class Hold:
    """Not now: a code of `reasons.py`, and when to ask again."""

    code: str
    wait_s: float


@dataclass(frozen=True, slots=True)
class GateView:
    """How things stand, for people. `opened_at` and `resets_at` are seconds, time of day."""

    is_open: bool
    opened_at: float | None
    forced_by: str
    allowed: int
    left: int
    resets_at: float
    is_known: bool = True


@dataclass(slots=True)
class _Seen:
    """What this process saw last, so that a platform that works costs one update a try and not two."""

    is_closed: bool = False


_seen = _Seen()


def ask(*, requests: int = REQUESTS_A_TRY, is_for_board: bool = False, may_probe: bool = True) -> Hold | None:
    """Reserve `requests`; return None when they may go now, else why they must wait.

    Whoever may probe reports what came of it, with `report` or `report_reading`.
    """
    found: list[Hold | None] = [None]

    def change(state: BreakerState, spent: BudgetState, now: float) -> tuple[BreakerState, BudgetState]:
        found[0] = None
        spent = _learned(spent, now=now)
        verdict, asked = breaker.ask(state, now=now)
        if verdict is Verdict.HOLD or (verdict is Verdict.PROBE and not may_probe):
            found[0] = Hold("breaker_open", BREAKER_INTERVAL_S)
            return state, spent
        wait_s, reserved = budget.reserve(spent, requests=requests, now=now, is_for_board=is_for_board)
        if wait_s > 0:
            found[0] = Hold("rate_limited", wait_s)
            return state, spent
        return asked, reserved

    state = _update(change)
    _seen.is_closed = state is not None and not state.is_open
    return found[0]


def report(error: GenesysError | None) -> bool:
    """Tell what came of it: None, or how it failed. A refusal is the answer of a platform that works.

    Return whether the breaker is open now, so that the failure was that of a probe, or of one more that opened it.
    """
    if error is None and _seen.is_closed:
        return False  # nothing to close; what the platform counts is told with the next question

    def change(state: BreakerState, spent: BudgetState, now: float) -> tuple[BreakerState, BudgetState]:
        spent = _learned(spent, now=now)
        if isinstance(error, RateLimited):
            pause_s = 1.0 if error.retry_after is None else error.retry_after
            return state, budget.exhausted(spent, retry_after_s=pause_s, now=now)
        if isinstance(error, NotSent | Unavailable | Ambiguous):
            return breaker.failed(state, now=now), spent
        return breaker.succeeded(state), spent

    state = _update(change)
    _seen.is_closed = state is not None and not state.is_open
    return state is not None and state.is_open


def report_reading(error: GenesysError | None) -> None:
    """Tell what came of reading for the board, which counts only where it was the probe of an open breaker.

    One that failed gives its place back: what is to be played waits for no pause after it. Nor does it open a breaker,
    for dispatch may work where lists do not.
    """
    if not _seen.is_closed and report(error):
        give_back()


def give_back() -> None:
    """Tell that a request which was let go never went: it may have been the probe that all others wait for."""
    if not _seen.is_closed:
        _update(lambda state, spent, now: (breaker.given_back(state, now=now), spent))


def _learned(spent: BudgetState, *, now: float) -> BudgetState:
    """Return the budget after the platform's latest count, unless that was of a window that is over."""
    client = wiring.client()
    reading, age_s = client.last_rate, client.rate_age_s()
    if reading is None or age_s >= reading.reset_s:
        return spent
    return budget.heard(spent, reading, now=now - age_s)


def view() -> GateView:
    """Return how things stand now."""
    now = time.time()
    try:
        data = wiring.shared_state().read(_KEY)
    except StateUnavailable:
        data = None
        is_known = False
    else:
        is_known = True
    state, spent = _parsed(data)
    spent = _learned(spent, now=now)
    return GateView(
        is_open=state.is_open,
        opened_at=state.opened_at,
        forced_by=state.forced_by,
        allowed=spent.allowed,
        left=budget.left(spent, now=now),
        resets_at=max(spent.ends_at, now),
        is_known=is_known,
    )


def force_open(*, by: str) -> None:
    """Hold everything back until `close` is called. Raises StateUnavailable."""
    _update_or_raise(lambda _, spent, now: (breaker.forced_open(now=now, by=by), spent))


def close() -> None:
    """Let everything through again, whoever or whatever had stopped it. Raises StateUnavailable."""
    _update_or_raise(lambda *_: (BreakerState(), BudgetState()))


_Change = Callable[[BreakerState, BudgetState, float], tuple[BreakerState, BudgetState]]


def _update(change: _Change) -> BreakerState | None:
    try:
        return _update_or_raise(change)
    except StateUnavailable as error:
        log.warning("breaker and request budget cannot be reached: %s", error)
        return None


def _update_or_raise(change: _Change) -> BreakerState:
    now = time.time()

    def changed(data: Data | None) -> Data:
        state, spent = change(*_parsed(data), now)
        return {"breaker": breaker.to_data(state), "budget": budget.to_data(spent)}

    return _parsed(wiring.shared_state().update(_KEY, changed))[0]


def _parsed(data: Data | None) -> tuple[BreakerState, BudgetState]:
    data = data or {}
    try:
        return breaker.from_data(data.get("breaker")), budget.from_data(data.get("budget"))
    except (KeyError, TypeError, ValueError):  # written by another version: it is learned anew
        return BreakerState(), BudgetState()
