"""The life of one injection: its states, the moves between them, and the codes that explain an end.

Pure: no Django, no clock. `services` moves requests along this table and nowhere else.
"""

from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """Where an injection stands."""

    REQUESTED = "requested"  # written down, its call being checked
    QUEUED = "queued"  # must wait: nothing was accepted upstream, it will be tried again
    DISPATCHING = "dispatching"  # the intent is on record, the command may be on its way
    DISPATCHED = "dispatched"  # accepted by the platform, its end not yet known
    UNKNOWN = "unknown"  # may have been accepted: never sent again, settled by evidence or by a person
    REFUSED = "refused"  # not allowed by rule
    EXPIRED = "expired"  # could not start before its deadline
    CANCELLED = "cancelled"
    FAILED = "failed"
    COMPLETED = "completed"
    UNCONFIRMED = "unconfirmed"  # accepted, but no completion event came in time


S = Status
TRANSITIONS: Final[dict[Status, frozenset[Status]]] = {
    S.REQUESTED: frozenset({S.REFUSED, S.QUEUED, S.DISPATCHING, S.FAILED, S.EXPIRED, S.CANCELLED}),
    S.QUEUED: frozenset({S.DISPATCHING, S.QUEUED, S.REFUSED, S.FAILED, S.EXPIRED, S.CANCELLED}),
    S.DISPATCHING: frozenset(
        {S.DISPATCHED, S.QUEUED, S.FAILED, S.EXPIRED, S.UNKNOWN, S.COMPLETED, S.CANCELLED}
    ),
    S.DISPATCHED: frozenset({S.COMPLETED, S.FAILED, S.CANCELLED, S.UNCONFIRMED}),
    S.UNKNOWN: frozenset({S.COMPLETED, S.FAILED, S.CANCELLED, S.UNCONFIRMED}),
    S.UNCONFIRMED: frozenset({S.COMPLETED, S.FAILED, S.CANCELLED}),
    S.REFUSED: frozenset(),
    S.EXPIRED: frozenset(),
    S.CANCELLED: frozenset(),
    S.FAILED: frozenset(),
    S.COMPLETED: frozenset(),
}

# A worker may take these up: nothing of them has been sent.
WAITING: Final = frozenset({S.REQUESTED, S.QUEUED})
# The person who asked may still take these back.
CANCELLABLE: Final = WAITING
# Sound is due, or may be in the call: no second recording may start there.
OCCUPYING: Final = frozenset({S.REQUESTED, S.QUEUED, S.DISPATCHING, S.DISPATCHED, S.UNKNOWN})
# A completion event can still settle these.
SETTLEABLE: Final = frozenset({S.DISPATCHING, S.DISPATCHED, S.UNKNOWN, S.UNCONFIRMED})
# These never stand without a reason code and a sentence.
EXPLAINED: Final = frozenset({S.REFUSED, S.FAILED, S.EXPIRED, S.CANCELLED, S.UNKNOWN, S.UNCONFIRMED})
ENDED: Final = frozenset(status for status, after in TRANSITIONS.items() if not after)


def can_move(before: Status, after: Status) -> bool:
    """Tell whether `after` may follow `before`."""
    return after in TRANSITIONS[before]


def sources_of(after: Status) -> frozenset[Status]:
    """Return the states from which `after` may be reached."""
    return frozenset(before for before, nexts in TRANSITIONS.items() if after in nexts)
