"""What a verification found."""

import math
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_FAULTS = 20  # told; the others are counted

Progress = Callable[[int, int], None]  # records read so far, and in all


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, in a sentence; `index` is the place in the log, None for what has none."""

    what: str
    index: int | None = None

    def __str__(self) -> str:
        return self.what if self.index is None else f"Record {self.index}: {self.what}"


@dataclass(slots=True)
class Report:
    """What was looked at, what is wrong with it, and what could not be looked at."""

    begin: int = 0  # records before this one were verified earlier, and not read again
    size: int = 0
    checkpoints: int = 0
    anchors: int = 0
    receipts: int = 0
    faults: list[Fault] = field(default_factory=list)
    more: int = 0  # faults beyond those in the list
    notices: list[str] = field(default_factory=list)

    def add(self, what: str, *, index: int | None = None) -> None:
        """Note a fault. Kept are the first by their place in the log; those without one come last."""
        insort(
            self.faults,
            Fault(what, index),
            key=lambda fault: math.inf if fault.index is None else fault.index,
        )
        if len(self.faults) > MOST_FAULTS:
            self.faults.pop()
            self.more += 1
