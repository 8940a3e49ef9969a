"""Checkpoints, their signatures and keys, and the proofs that lead to their roots (C2SP signed-note, RFC 9162)."""

from __future__ import annotations

import base64
import hashlib

from audit.evidence.verifier.ed25519 import is_signed


class Fault(Exception):
    """Something is not what it should be; the message is a sentence for people. `index` is the record's place."""

    def __init__(self, text: str, index: int | None = None) -> None:
        super().__init__(text)
        self.index = index


class Key:
    """A public key, `name+id+base64`: the name of the log, four bytes to find the key by, and the key."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self.name, _, rest = self.text.partition("+")
        self.id, _, encoded = rest.partition("+")
        raw = _bytes(encoded)
        if len(raw) != 33 or raw[:1] != b"\x01":
            raise Fault(f"“{self.text[:60]}” is no public key of the kind Ed25519.")
        self.raw = raw[1:]
        if hashlib.sha256(self.name.encode() + b"\n" + raw).hexdigest()[:8] != self.id:
            raise Fault(f"The public key {self.name} does not fit its own number, {self.id[:20]}.")


class Checkpoint:
    """How many records a log had, and the root of the tree over them, as the log signed it."""

    def __init__(self, note: str, keys: list[Key], what: str) -> None:
        lines = signed_text(note, keys, what).split("\n")
        if len(lines) != 4 or not lines[1].isdigit() or not lines[1].isascii() or len(lines[1]) > 19:
            raise Fault(f"{what} does not have the three lines of a checkpoint: log, size and root.")
        self.origin, self.size, self.root = lines[0], int(lines[1]), _bytes(lines[2])
        if len(self.root) != 32 or lines[1] != str(self.size):
            raise Fault(f"{what} does not hold a size and a root.")
        if all(key.name != self.origin for key in keys):
            raise Fault(f"{what} is that of another log, {self.origin}.")


def signed_text(note: str, keys: list[Key], what: str) -> str:
    """Return the text of a note that one of `keys` signed.

    Raises:
        Fault: none of them did, or a signature that claims to be of one of them is wrong.
    """
    head, blank, tail = note.rpartition("\n\n")
    if not blank or not tail.endswith("\n"):
        raise Fault(f"{what} is not a signed note: a text, an empty line, and signatures.")
    text, found = head + "\n", False
    for line in tail[:-1].split("\n"):
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        blob = _bytes(encoded)
        if dash != "—" or len(blob) < 5:
            raise Fault(f"{what} has a line that is no signature.")
        for key in keys:
            if (key.name, key.id) == (name, blob[:4].hex()):
                if not is_signed(text.encode(), public=key.raw, signature=blob[4:]):
                    raise Fault(f"{what} was not signed by the key {key.id}: its signature is wrong.")
                found = True
    if not found:
        raise Fault(f"{what} was not signed by any of the keys that are trusted here.")
    return text


def with_successors(keys: list[Key], statements: list[str]) -> list[Key]:
    """Return `keys` and those to which they handed the log over, one after the other, in signed statements."""
    trusted = list(keys)
    for note in statements:
        try:
            kind, old, new, _ = signed_text(note, trusted, "A handing over").split("\n")
            successor = Key(new)
        except (Fault, ValueError):
            continue
        is_known = any(key.text == old and key.name == successor.name for key in trusted)
        if kind == "audit-key-rotation" and is_known:
            trusted.append(successor)
    return trusted


def leaf_hash(text: str) -> bytes:
    """Return the fingerprint of a record: SHA-256 of a zero byte and its text."""
    return hashlib.sha256(b"\x00" + text.encode()).digest()


def check_inclusion(*, index: int, size: int, leaf: bytes, proof: list[bytes], root: bytes) -> None:
    """Add up a path (RFC 9162, section 2.1.3.2). Raises Fault when it does not lead from the leaf to the root."""
    if not 0 <= index < size:
        raise Fault(f"A log of {size} records has no such place.")
    rest, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise Fault("Its proof is too long.")
        if rest & 1 or rest == last:
            current = _node(sibling, current)
            while not rest & 1 and rest:
                rest, last = rest >> 1, last >> 1
        else:
            current = _node(current, sibling)
        rest, last = rest >> 1, last >> 1
    if last != 0 or current != root:
        raise Fault(
            "Its proof does not lead to the signed root: this text does not stand at this place in the log."
        )


def check_consistency(old: Checkpoint, new: Checkpoint, proof: list[bytes]) -> None:
    """Check that the log of `new` begins with that of `old` (RFC 9162, section 2.1.4.2). Raises Fault when not."""
    if old.origin != new.origin:
        raise Fault(f"The two checkpoints are of two logs, {old.origin} and {new.origin}.")
    if old.size in (0, new.size):
        is_continued = not proof and (old.size != new.size or old.root == new.root)
    else:
        # A full old tree is itself the first node of the path.
        path = [old.root, *proof] if old.size & (old.size - 1) == 0 else proof
        is_continued = old.size < new.size and _climbed(old.size - 1, new.size - 1, path) == (
            old.root,
            new.root,
        )
    if not is_continued:
        raise Fault(
            f"The log of {old.size} records is not continued by that of {new.size}: it was rewritten, or the proof was."
        )


def _climbed(rest: int, last: int, path: list[bytes]) -> tuple[bytes, bytes] | None:
    """Return the roots of both trees that follow from a path, None where it is too long or too short."""
    if not path:
        return None
    while rest & 1:
        rest, last = rest >> 1, last >> 1
    old = new = path[0]
    for node in path[1:]:
        if last == 0:
            return None
        if rest & 1 or rest == last:
            old, new = _node(node, old), _node(node, new)
            while not rest & 1 and rest:
                rest, last = rest >> 1, last >> 1
        else:
            new = _node(new, node)
        rest, last = rest >> 1, last >> 1
    return (old, new) if last == 0 else None


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _bytes(encoded: str) -> bytes:
    """Return the bytes of standard base64, nothing for any other spelling of them."""
    try:
        raw = base64.b64decode(encoded.encode("ascii"), validate=True)
    except ValueError:
        return b""
    return raw if base64.b64encode(raw).decode("ascii") == encoded else b""
