"""Checkpoints (https://c2sp.org/tlog-checkpoint): the size and the root of a log, signed as a note."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from audit import notes
from audit.merkle import HASH_SIZE
from audit.notes import InvalidNote, PublicKey, SigningKey

LARGEST_SIZE = 2**63 - 1
ORIGIN = "audit-log/"  # begins the name of each log, and of the keys that sign for it
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log signs of itself: whose it is, how many leaves, and their root."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or "\n" in self.origin:
            raise ValueError("an origin is one line")
        if not 0 <= self.size <= LARGEST_SIZE or len(self.root) != HASH_SIZE:
            raise ValueError("a size is a number of 63 bits, a root has 32 bytes")

    def text(self) -> str:
        """Return what is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode('ascii')}\n"

    def signed(self, *keys: SigningKey) -> str:
        """Return the checkpoint as a note with one signature of each key."""
        return notes.write(self.text(), [key.sign(self.text()) for key in keys])


def parse_text(text: str) -> Checkpoint:
    """Read the text of a checkpoint. Lines after the third are refused: we write none, and nobody could audit them.

    Raises:
        InvalidNote: not exactly the text that `Checkpoint.text` gives.
    """
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise InvalidNote("a checkpoint has three lines: origin, size and root")
    origin, size, encoded, _ = lines
    if _SIZE.fullmatch(size) is None:
        raise InvalidNote("the size is not a decimal number without leading zeroes")
    try:
        found = Checkpoint(origin, int(size), base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError) as error:
        raise InvalidNote(f"not a checkpoint: {error}") from error
    if found.text() != text:
        raise InvalidNote("the root is not written as base64 writes it")
    return found


def open_checkpoint(note: str, *, keys: Sequence[PublicKey]) -> Checkpoint:
    """Read a checkpoint that one of `keys` signed in the name of its own log.

    Raises:
        InvalidNote: malformed, not signed by any of them, or the origin is not the name of the key.
    """
    text, signers = notes.open_note(note, keys=keys)
    found = parse_text(text)
    if all(key.name != found.origin for key in signers):
        raise InvalidNote(f"signed by {signers[0].name} for another log, {found.origin}")
    return found
