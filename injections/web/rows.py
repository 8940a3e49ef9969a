"""The board: live calls as rows that a template can print without thinking."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from injections import selectors
from injections.callers import Caller
from injections.models import LiveCall
from injections.web.plain_text import shown_name
from injections.web.verdicts import STATE_WORDS, Badge, Seen, is_stale, state_badge, state_code, verdict
from injections.web.words import clock, masked_number, seconds_since

SORTS: Final = {
    "": "Longest first",
    "newest": "Newest first",
    "agent": "Agent A–Z",
    "queue": "Queue A–Z",
    "ready": "May be barged first",
}
STATES: Final = {"ready": "May be barged", **STATE_WORDS}


@dataclass(frozen=True, slots=True)
class Row:
    """One call on the board, as the template prints it.

    `since` and `seen` are seconds since 1970, for the page's own clock; they are text already, since a template
    would look up how this language writes numbers, five hundred times.
    """

    id: str
    agent: str
    where: str
    caller: str
    state_code: str
    state: Badge
    verdict: Badge
    since: str
    running: str
    seen: str
    age: str
    is_stale: bool

    @property
    def digest(self) -> str:
        """A short word that changes when anything but the passing of time changes."""
        shown = (self.agent, self.where, self.caller, self.state, self.verdict, self.since, self.is_stale)
        return f"{zlib.crc32(repr(shown).encode()):x}"


@dataclass(frozen=True, slots=True)
class BoardFilter:
    """What the board is narrowed to; an empty value narrows nothing."""

    q: str = ""
    queue: UUID | None = None
    state: str = ""
    sort: str = ""

    @property
    def query(self) -> str:
        """The filter as it stands in an address, with its question mark."""
        chosen = {"q": self.q, "queue": self.queue or "", "state": self.state, "sort": self.sort}
        text = urlencode({name: value for name, value in chosen.items() if value})
        return f"?{text}" if text else ""

    @property
    def is_narrow(self) -> bool:
        return bool(self.q or self.queue or self.state)


@dataclass(frozen=True, slots=True)
class Board:
    """The rows that are shown, and how many calls there are without the filter."""

    rows: list[Row]
    total: int


def board(*, narrowed: BoardFilter, is_held_back: bool = False, now: datetime, by: Caller) -> Board:
    """Return this supervisor's calls, filtered and sorted; `is_held_back`: requests are, so that no call is read.

    Filtering works on what is shown: nobody can find out a masked digit by searching for it.
    """
    busy = selectors.busy_conversations()
    doubts = selectors.open_doubts(now=now)
    rows = [
        _row(call, Seen(now, call.pk in busy, doubts.get(call.pk), is_held_back))
        for call in selectors.live_calls(by=by)
        if narrowed.queue is None or call.queue_id == narrowed.queue
    ]
    total = len(rows) if narrowed.queue is None else selectors.live_calls(by=by).count()
    shown = [row for row in rows if _is_wanted(row, narrowed)]
    key, is_reverse = _ORDERS[narrowed.sort]
    shown.sort(key=key, reverse=is_reverse)
    return Board(rows=shown, total=total)


def _row(call: LiveCall, known: Seen) -> Row:
    now = known.now
    code = state_code(call, known)
    running_s = seconds_since(call.connected_at, now=now)
    return Row(
        id=str(call.pk),
        agent=shown_name(call.agent_name) or "No agent yet",
        where=f"{call.queue.name}, {call.direction}" if call.direction else call.queue.name,
        caller=masked_number(call.caller),
        state_code=code,
        state=state_badge(code),
        verdict=verdict(call, known),
        since="" if call.connected_at is None else str(int(call.connected_at.timestamp())),
        running="–" if call.connected_at is None else clock(running_s),
        seen=str(int(call.seen_at.timestamp())),
        age=str(int(seconds_since(call.seen_at, now=now))),
        is_stale=is_stale(call, now=now),
    )


def _is_wanted(row: Row, narrowed: BoardFilter) -> bool:
    words = narrowed.q.casefold().split()
    text = f"{row.agent} {row.where} {row.caller}".casefold()
    return _is_in(row, narrowed.state) and all(word in text for word in words)


def _is_in(row: Row, state: str) -> bool:
    return not state or state == row.state_code or (state == "ready" and _is_ready(row))


def _is_ready(row: Row) -> bool:
    return row.verdict.hue == "go"


_ORDERS: Final[dict[str, tuple[Callable[[Row], Any], bool]]] = {
    "": (lambda row: (not row.since, row.since, row.agent), False),
    "newest": (lambda row: (not row.since, row.since, row.agent), True),
    "agent": (lambda row: (row.agent.casefold(), row.since), False),
    "queue": (lambda row: (row.where.casefold(), row.since), False),
    "ready": (lambda row: (not _is_ready(row), row.since), False),
}
