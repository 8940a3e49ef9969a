"""Milliseconds of one injection's stages, on a monotonic clock that no clock step can bend."""

import time


class Stopwatch:
    """Measures from the moment when a request was received.

    Args:
        received: reading of `time.perf_counter()` in seconds at that moment; now, when not given.
        elapsed_ms: what had passed already, for a later try by another process.
    """

    def __init__(self, *, received: float | None = None, elapsed_ms: float = 0.0) -> None:
        start_s = time.perf_counter() if received is None else received
        self._zero_ms = start_s * 1000 - elapsed_ms

    def ms(self) -> float:
        """Return the milliseconds since the request was received."""
        return self.at(time.perf_counter() * 1000)

    def at(self, reading_ms: float) -> float:
        """Return the milliseconds from reception to another reading of the same clock, given in milliseconds."""
        return round(reading_ms - self._zero_ms, 2)
