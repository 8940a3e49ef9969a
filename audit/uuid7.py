"""Identifiers that sort by time: RFC 9562, version 7."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VERSION, _VARIANT = 0x7 << 76, 0b10 << 62


def uuid7(*, at: datetime, randomness: int) -> UUID:
    """Return the identifier for the aware time `at`; of `randomness` the lowest 62 bits are used.

    The 12 bits after the milliseconds hold their fraction (RFC 9562 section 6.2, method 3), so identifiers
    sort by microsecond to within a quarter of one.
    """
    milliseconds, microseconds = divmod((at - _EPOCH) // timedelta(microseconds=1), 1000)
    fraction = (microseconds << 12) // 1000
    return UUID(int=milliseconds << 80 | _VERSION | fraction << 64 | _VARIANT | randomness & (1 << 62) - 1)


def first_uuid7(*, at: datetime) -> UUID:
    """Return the smallest identifier of the time `at`: all earlier ones are less, all later ones greater."""
    return uuid7(at=max(at, _EPOCH), randomness=0)
