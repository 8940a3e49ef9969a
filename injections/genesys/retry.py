"""When a request may be sent again: pure decisions, apart from every loop and every sleep."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from .errors import GenesysError

MAX_TRIES = 3
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Retry:
    """Send it again after this many seconds."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Send it no more: `failed`, `unknown` (it may have been accepted), `expired` or `exhausted`."""

    kind: str


def parse_retry_after(value: str | None, *, now: datetime) -> float | None:
    """Return the seconds to wait that a `Retry-After` header asks for; None when it says nothing usable.

    Both forms of RFC 9110, section 10.2.3: whole seconds, or an HTTP date (one in the past gives 0).
    """
    text = "" if value is None else value.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        # The old asctime form names no zone; every HTTP date is in UTC.
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def backoff_s(tries: int, *, jitter: float) -> float:
    """Return the wait after that many tries: 1, 2, 4 s, moved by up to a quarter.

    `jitter` is a random number in 0..1, so that many waiting requests do not come back at once.
    """
    return float(2 ** (max(tries, 1) - 1)) * (0.75 + 0.5 * jitter)


def decide(
    error: GenesysError, *, tries: int, now: datetime, deadline: datetime, jitter: float
) -> Retry | GiveUp:
    """Say what follows a failed try; `tries` counts the tries made so far, this one among them.

    Only what was provably not accepted is sent again, at most three times in all, and only when the
    next try can start before the deadline. Whoever probes for all others, with the breaker open, does
    not count that as a try: what waits for a failing platform waits until its deadline.
    """
    if error.may_have_been_sent:
        return GiveUp("unknown")
    if not error.retryable:
        return GiveUp("failed")
    if tries >= MAX_TRIES:
        return GiveUp("exhausted")
    delay_s = backoff_s(tries, jitter=jitter) if error.retry_after is None else error.retry_after
    if delay_s >= (deadline - now).total_seconds():
        return GiveUp("expired")
    return Retry(delay_s)
