"""What a verification found."""

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
        """Note a fault."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(what, index))
        else:
            self.more += 1

    def put_in_order(self) -> None:
        """Sort the faults by their place in the log; those without one come last."""
        self.faults.sort(key=lambda fault: (fault.index is None, fault.index or 0))
