"""Entries for tests: complete ones, of which a test names only what it is about."""

from datetime import UTC, datetime
from typing import Any

from audit.entry import Actor, Entry, Source

OCCURRED_AT = datetime(2026, 11, 22, 8, 0, 0, 123456, tzinfo=UTC)


def entry_of(**given: Any) -> Entry:
    """Return an entry with the values given and plain ones for all others."""
    values: dict[str, Any] = {
        "action": "injection.requested",
        "outcome": "done",
        "actor": Actor(kind="user", id="7", name="ada", role="supervisor"),
        "source": Source(ip="192.0.2.1", user_agent="curl/8", request_id="r-1", where="POST /inject"),
        "summary": "ada asked for a recording to be played.",
        "occurred_at": OCCURRED_AT,
    }
    return Entry(**{**values, **given})
