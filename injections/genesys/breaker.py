"""When to leave a failing platform alone: a circuit breaker as pure moves of a small state.

Closed, it lets everything through and counts failures. Five within 30 s open it: nothing goes out but, after a pause,
one probe at a time. A probe that succeeds closes it, one that fails keeps it open. Who keeps the state, and shares
it between processes, is the caller's business; nothing here waits or locks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

FAILURES_TO_OPEN: Final = 5
WINDOW_S: Final = 30.0
PAUSE_S: Final = 5.0  # from opening, or from a failed probe, to the next probe
PROBE_S: Final = 15.0  # a probe that has not reported by then died with its process
CLOCK_SKEW_S: Final = 5.0  # between the clocks of our own machines


class Verdict(StrEnum):
    """What a request may do."""

    GO = "go"
    PROBE = "probe"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class BreakerState:
    """Times are seconds of one clock that all processes share (time of day).

    `forced_by` names the administrator who opened it by hand: it stays open until he, or another, closes it.
    """

    failures: tuple[float, ...] = ()
    opened_at: float | None = None
    probe_at: float | None = None  # when the next probe may go
    forced_by: str = ""

    @property
    def is_open(self) -> bool:
        """Tell whether requests are held back."""
        return self.opened_at is not None


def ask(state: BreakerState, *, now: float) -> tuple[Verdict, BreakerState]:
    """Return whether a request may go, and the state after it was let go."""
    if state.opened_at is None:
        return Verdict.GO, state
    # No probe is ever further away than this, unless the clock was set back, which must not keep the breaker open.
    latest = now + PROBE_S + CLOCK_SKEW_S
    if state.forced_by or state.probe_at is None or now < state.probe_at <= latest:
        return Verdict.HOLD, state
    # The next one may probe only if this one is never heard of again.
    return Verdict.PROBE, replace(state, probe_at=now + PROBE_S)


def succeeded(state: BreakerState) -> BreakerState:
    """Return the state after the platform has answered like one that works.

    An open breaker closes; a closed one forgets nothing: five failures in 30 s are five, whatever worked between them.
    """
    return BreakerState() if state.is_open and not state.forced_by else state


def given_back(state: BreakerState, *, now: float) -> BreakerState:
    """Return the state after a request that was let go never went: if it was the probe, another may probe now."""
    is_probing = state.is_open and not state.forced_by and state.probe_at is not None
    return replace(state, probe_at=now) if is_probing else state


def failed(state: BreakerState, *, now: float) -> BreakerState:
    """Return the state after the platform has failed: unreachable, overloaded, or answering nonsense."""
    if state.forced_by:
        return state
    if state.opened_at is not None:
        return replace(state, probe_at=now + PAUSE_S)
    recent = (*(at for at in state.failures if abs(now - at) < WINDOW_S), now)
    if len(recent) < FAILURES_TO_OPEN:
        return BreakerState(failures=recent)
    return BreakerState(opened_at=now, probe_at=now + PAUSE_S)


def forced_open(*, now: float, by: str) -> BreakerState:
    """Return the state after an administrator has opened it."""
    return BreakerState(opened_at=now, forced_by=by)


def to_data(state: BreakerState) -> dict[str, Any]:
    """Return `state` as JSON data."""
    return {
        "failures": list(state.failures),
        "opened_at": state.opened_at,
        "probe_at": state.probe_at,
        "forced_by": state.forced_by,
    }


def from_data(data: Mapping[str, Any] | None) -> BreakerState:
    """Return the state that `to_data` gave; a closed one for nothing."""
    if data is None:
        return BreakerState()
    return BreakerState(tuple(data["failures"]), data["opened_at"], data["probe_at"], data["forced_by"])
