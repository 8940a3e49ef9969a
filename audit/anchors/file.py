"""The anchor file, to which lines are added: best on another disk or machine, or made append-only (`chattr +a`).

Each line is JSON: `{"checkpoint": …, "stored_at": …}`.
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from audit import files
from audit.canonical import format_time
from audit.checkpoint import Checkpoint, open_checkpoint
from audit.notes import InvalidNote, PublicKey

_LONGEST_LINE = 1 << 16  # bytes


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file: its number from 1, and its checkpoint or what is wrong with it."""

    number: int
    checkpoint: Checkpoint | None
    fault: str = ""


def line_of(note: str, stored_at: datetime) -> str:
    """Return the line for a checkpoint, the same each time."""
    return json.dumps({"checkpoint": note, "stored_at": format_time(stored_at)}, ensure_ascii=False) + "\n"


def append(path: Path, lines: Iterable[str]) -> int:
    """Add lines to the file and make them durable; return how many. A line torn by a crash is left as it is.

    Raises:
        OSError: the file cannot be written.
    """
    is_new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    count = 0
    with path.open("ab") as file:
        if file.tell() > 0 and not _ends_with_newline(path):
            file.write(b"\n")
        for line in lines:
            file.write(line.encode())
            count += 1
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        files.sync_folder(path.parent)
    return count


def has_lines(path: Path) -> bool:
    """Tell whether a file is one of lines, rather than a checkpoint alone or a mail.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return file.read(1) in {b"", b"{"}


def last_size(path: Path) -> int:
    """Return the size in the last whole line, 0 when there is none. Its signature is not looked at."""
    for line in reversed(_tail(path)):
        try:
            return int(json.loads(line)["checkpoint"].split("\n")[1])
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            continue
    return 0


def whole_length(path: Path) -> int:
    """Return the bytes up to the last newline: what comes after it is being written, or was torn by a crash.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        begin = max(end - _LONGEST_LINE, 0)
        file.seek(begin)
        return begin + file.read().rfind(b"\n") + 1


def read(path: Path, *, keys: Sequence[PublicKey], after: tuple[int, int], end: int) -> Iterator[Line]:
    """Give the lines up to the byte `end`, their signatures verified, after so many bytes and lines.

    A line that is the beginning of the next one was torn by a crash, and is passed over.

    Raises:
        OSError: the file cannot be read.
    """
    at, number = after
    torn: bytes | None = None
    with path.open("rb") as file:
        file.seek(at)
        while file.tell() < end:
            raw = file.readline()
            if not raw:
                break  # it was cut short meanwhile
            if torn is not None and not raw.startswith(torn.rstrip(b"\n")):
                yield Line(number, None, "is not a checkpoint")
            number += 1
            line = _read_line(number, raw, keys)
            torn = raw if line is None else None
            if line is not None:
                yield line
    if torn is not None:
        yield Line(number, None, "is not a checkpoint")


def _read_line(number: int, raw: bytes, keys: Sequence[PublicKey]) -> Line | None:
    """Return the line, or None when it is not even JSON."""
    try:
        note = json.loads(raw[:_LONGEST_LINE])["checkpoint"]
    except (ValueError, KeyError, TypeError):
        return None
    try:
        return Line(number, open_checkpoint(str(note), keys=keys))
    except InvalidNote as error:
        return Line(number, None, f"is not a checkpoint of this log: {error}")


def _ends_with_newline(path: Path) -> bool:
    return _tail(path, length=1)[-1:] == [b"\n"]


def _tail(path: Path, *, length: int = 2 * _LONGEST_LINE) -> list[bytes]:
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(end - length, 0))
            return file.read().splitlines(keepends=True)
    except FileNotFoundError:
        return []
