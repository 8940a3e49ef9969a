"""The statement by which a signing key hands over to the next one: a note that the old key signs.

It stands in a record of the log. Who pinned the old key finds it there, and so trusts the new one.
"""

from collections.abc import Iterable, Sequence

from audit import notes
from audit.notes import InvalidKey, InvalidNote, PublicKey, SigningKey, parse_public_key

ACTION = "audit.key_rotated"
_KIND = "audit-key-rotation"


def statement(old: SigningKey, new: PublicKey) -> str:
    """Return the note in which `old` names its successor."""
    text = f"{_KIND}\n{old.public}\n{new}\n"
    return notes.write(text, [old.sign(text)])


def with_successors(keys: Sequence[PublicKey], statements: Iterable[str]) -> list[PublicKey]:
    """Return `keys` and all that were named, one after the other, by a key that was trusted by then.

    A successor signs for the same log: its name is that of the key before it. Anything else is passed over.
    """
    trusted = list(keys)
    for note in statements:
        successor = _successor(note, trusted)
        if successor is not None and successor not in trusted:
            trusted.append(successor)
    return trusted


def _successor(note: str, trusted: Sequence[PublicKey]) -> PublicKey | None:
    try:
        text, signers = notes.open_note(note, keys=trusted)
        kind, old, new, _ = text.split("\n")
        successor = parse_public_key(new)
    except (InvalidNote, InvalidKey, ValueError):
        return None
    is_by_old = any(str(key) == old and key.name == successor.name for key in signers)
    return successor if kind == _KIND and is_by_old else None
