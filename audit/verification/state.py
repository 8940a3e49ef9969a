"""How far the log was verified: kept in a file outside the database, written only after the work."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import UUID

from audit import files
from audit.merkle import CompactRange


class UnreadableState(Exception):
    """The file is not what `save` wrote."""


@dataclass(frozen=True, slots=True)
class State:
    """The tree that was verified, how far each anchor was read, and from which record on to look for strays.

    `anchors` maps a path to the bytes and lines that were read of it.
    """

    size: int
    peaks: list[str]
    at: str
    first_new: str
    anchors: dict[str, tuple[int, int]] = field(default_factory=dict)

    def tree(self) -> CompactRange:
        """Return the tree that was verified."""
        return CompactRange(self.size, [bytes.fromhex(peak) for peak in self.peaks])


def load(path: Path) -> State | None:
    """Return what was saved, None when nothing was.

    Raises:
        UnreadableState: the file holds something else.
    """
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        given["anchors"] = {name: (int(read), int(lines)) for name, (read, lines) in given["anchors"].items()}
        state = State(**given)
        state.tree()
        UUID(state.first_new)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnreadableState(f"{path} does not say how far the log was verified: {error}") from error
    return state


def save(path: Path, state: State) -> None:
    """Keep `state`, durably."""
    files.write_whole(path, json.dumps(asdict(state)))
