"""How many requests the platform still takes this minute: learned from its headers, shared, spent by importance.

Pure moves of a small state, like `breaker`. The platform counts per token in windows; what is reserved here is counted
before it is sent, so that many processes together stay below the limit instead of provoking a 429.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from .types import RateReading

WINDOW_S: Final = 60.0
CLOCK_SKEW_S: Final = 5.0  # between the clocks of our own machines
ALLOWED: Final = 300  # per token and minute, until the platform says otherwise
LEAST_ALLOWED: Final = 2 * 3  # with less not one injection could ever go, and nothing better be learned
BOARD_SHARE: Final = 0.5  # what the board may spend; the rest is for dispatch alone
MARGIN: Final = 2  # left over for requests that nobody reserved, such as a renewed token's repeat


@dataclass(frozen=True, slots=True)
class BudgetState:
    """`used` of `allowed` requests in the window that ends at `ends_at` (seconds, time of day)."""

    allowed: int = ALLOWED
    used: int = 0
    board_used: int = 0
    ends_at: float = 0.0


def reserve(
    state: BudgetState, *, requests: int, now: float, is_for_board: bool
) -> tuple[float, BudgetState]:
    """Take `requests` out of this window; return 0 and the new state, or the seconds to wait and the old one."""
    current = _current(state, now=now)
    would_use = current.used + requests
    if would_use > current.allowed - MARGIN:
        return max(0.05, current.ends_at - now), state
    if not is_for_board:
        return 0.0, replace(current, used=would_use)
    board = current.board_used + requests
    if board > current.allowed * BOARD_SHARE:
        return max(0.05, current.ends_at - now), state
    return 0.0, replace(current, used=would_use, board_used=board)


def heard(state: BudgetState, reading: RateReading, *, now: float) -> BudgetState:
    """Return the state after an answer told the platform's own count.

    Requests that are reserved and still under way are not in that count: the larger number holds.
    """
    current = _current(state, now=now)
    ends_at = now + reading.reset_s
    is_new_window = ends_at > current.ends_at + 5
    used = reading.count if is_new_window else max(current.used, reading.count)
    board = 0 if is_new_window else current.board_used
    allowed = max(reading.allowed, LEAST_ALLOWED)
    return BudgetState(allowed=allowed, used=used, board_used=board, ends_at=min(ends_at, now + WINDOW_S))


def exhausted(state: BudgetState, *, retry_after_s: float, now: float) -> BudgetState:
    """Return the state after a 429: nothing more until the platform's own pause has passed, at most one window.

    A longer pause concerns the request that was told so; to believe it for all would stop them for a day on one answer.
    """
    return replace(state, used=max(state.used, state.allowed), ends_at=now + min(retry_after_s, WINDOW_S))


def left(state: BudgetState, *, now: float) -> int:
    """Return how many requests dispatch may still make in this window."""
    current = _current(state, now=now)
    return max(0, current.allowed - MARGIN - current.used)


def to_data(state: BudgetState) -> dict[str, Any]:
    """Return `state` as JSON data."""
    return {
        "allowed": state.allowed,
        "used": state.used,
        "board_used": state.board_used,
        "ends_at": state.ends_at,
    }


def from_data(data: Mapping[str, Any] | None) -> BudgetState:
    """Return the state that `to_data` gave; a full budget for nothing."""
    return BudgetState() if data is None else BudgetState(**data)


def _current(state: BudgetState, *, now: float) -> BudgetState:
    # A window that would last longer was begun before the clock was set back.
    if now < state.ends_at <= now + WINDOW_S + CLOCK_SKEW_S:
        return state
    return BudgetState(allowed=state.allowed, ends_at=now + WINDOW_S)
