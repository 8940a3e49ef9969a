"""Signed notes (https://c2sp.org/signed-note): a text, and under it one line for each signature.

Keys are Ed25519, written as `name+id+key` (public) and `PRIVATE+KEY+name+id+seed`, the form of Go's
golang.org/x/mod/sumdb/note, which the specification took over.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LONGEST = 1 << 20  # characters of a note; far more than sixteen signatures of any kind need
MOST_SIGNATURES = 64
ED25519 = b"\x01"  # how the specification numbers kinds of signatures
_NAME = re.compile(r"[^\s+]+")
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")
_SIGNATURE = re.compile(r"— (?P<name>[^\s+]+) (?P<blob>[A-Za-z0-9+/=]+)")
_PRIVATE = "PRIVATE+KEY+"


class InvalidNote(ValueError):
    """Not a signed note, or not signed by a key that is trusted."""


class InvalidKey(ValueError):
    """Not a key in the form of signed notes."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key by which a note is verified. Its name stands in the signature line."""

    name: str
    raw: bytes

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None or len(self.raw) != 32:
            raise InvalidKey("a key has a name without blanks or plus signs, and 32 bytes")

    @property
    def id(self) -> bytes:
        """Return the four bytes by which signature lines name this key."""
        return key_id(self.name, ED25519, self.raw)

    def verify(self, text: str, signature: bytes) -> bool:
        """Tell whether `signature` is this key's under `text`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True

    def __str__(self) -> str:
        return key_text(self.name, ED25519, self.raw)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs notes. It is never printed."""

    name: str
    _key: Ed25519PrivateKey

    @classmethod
    def from_seed(cls, name: str, seed: bytes) -> "SigningKey":
        """Return the key of 32 random bytes."""
        return cls(name, Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def parse(cls, text: str) -> "SigningKey":
        """Read a private key.

        Raises:
            InvalidKey: it is none, or its id is that of another key. The message repeats nothing of it.
        """
        if not text.startswith(_PRIVATE):
            raise InvalidKey(f"a private key begins with {_PRIVATE}")
        name, identifier, seed = parse_key(text.removeprefix(_PRIVATE), kind=ED25519)
        key = cls.from_seed(name, seed)
        if key.public.id != identifier:
            raise InvalidKey("the private key does not fit its own id")
        return key

    @property
    def public(self) -> PublicKey:
        """Return the key by which others verify."""
        return PublicKey(self.name, self._key.public_key().public_bytes_raw())

    def sign(self, text: str) -> "Signature":
        """Return the signature under `text`, always the same for the same text."""
        return Signature(self.name, self.public.id, self._key.sign(text.encode()))

    def secret(self) -> str:
        """Return the text that `parse` reads."""
        seed = _to_base64(ED25519 + self._key.private_bytes_raw())
        return f"{_PRIVATE}{self.name}+{self.public.id.hex()}+{seed}"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"— {self.name} {_to_base64(self.key_id + self.signature)}"


def key_id(name: str, kind: bytes, raw: bytes) -> bytes:
    """Return the four bytes by which signature lines name a key of this kind."""
    return hashlib.sha256(name.encode() + b"\n" + kind + raw).digest()[:4]


def key_text(name: str, kind: bytes, raw: bytes) -> str:
    """Return a public key as `parse_key` reads it."""
    return f"{name}+{key_id(name, kind, raw).hex()}+{_to_base64(kind + raw)}"


def parse_public_key(text: str) -> PublicKey:
    """Read a public key.

    Raises:
        InvalidKey: it is none, or its id is that of another key.
    """
    name, identifier, raw = parse_key(text, kind=ED25519)
    key = PublicKey(name, raw)
    if key.id != identifier:
        raise InvalidKey("the public key does not fit its own id")
    return key


def parse_key(text: str, *, kind: bytes) -> tuple[str, bytes, bytes]:
    """Return name, stated id and 32 bytes of a key. What follows the second plus sign is base64, with such signs in it.

    Raises:
        InvalidKey: it is none of this kind. Whether the id fits is for the caller to compare.
    """
    name, _, rest = text.strip().partition("+")
    identifier, _, encoded = rest.partition("+")
    raw = _from_base64(encoded)
    if _NAME.fullmatch(name) is None or re.fullmatch("[0-9a-f]{8}", identifier) is None:
        raise InvalidKey("a key is name+id+base64, the id eight hexadecimal digits")
    if raw is None or len(raw) != 33 or raw[:1] != kind:
        raise InvalidKey(f"the key is not an Ed25519 key of kind {kind.hex()}")
    return name, bytes.fromhex(identifier), raw[1:]


def write(text: str, signatures: Sequence[Signature]) -> str:
    """Return the note of `text`, which ends with a newline, and its signatures.

    Raises:
        InvalidNote: it could not be read again.
    """
    note = f"{text}\n" + "".join(f"{signature}\n" for signature in signatures)
    if split(note) != (text, list(signatures)):
        raise InvalidNote("the text cannot be told from its signatures")
    return note


def split(note: str) -> tuple[str, list[Signature]]:
    """Return text and signatures of a note, of which nothing is verified yet.

    Raises:
        InvalidNote: not of the form that the specification gives.
    """
    if len(note) > LONGEST or _CONTROL.search(note) is not None or not note.endswith("\n"):
        raise InvalidNote("too long, not ended by a newline, or with control characters")
    head, blank, tail = note.rpartition("\n\n")
    lines = tail[:-1].split("\n") if tail else []
    if not blank or not lines or len(lines) > MOST_SIGNATURES:
        raise InvalidNote(f"a note has a text, a blank line and 1 to {MOST_SIGNATURES} signatures")
    return f"{head}\n", [_parse_signature(line) for line in lines]


def open_note(note: str, *, keys: Sequence[PublicKey]) -> tuple[str, list[PublicKey]]:
    """Return the text of a note, and those of `keys` that signed it. Signatures of others are ignored.

    Raises:
        InvalidNote: malformed, signed by none of `keys`, or with a wrong signature under the name of one.
    """
    text, signatures = split(note)
    known = {(key.name, key.id): key for key in keys}
    signers: list[PublicKey] = []
    for each in signatures:
        key = known.get((each.name, each.key_id))
        if key is None or key in signers:
            continue
        if not key.verify(text, each.signature):
            raise InvalidNote(f"the signature of {key.name} is wrong")
        signers.append(key)
    if not signers:
        raise InvalidNote("not signed by a key that is trusted")
    return text, signers


def _parse_signature(line: str) -> Signature:
    found = _SIGNATURE.fullmatch(line)
    if found is None:
        raise InvalidNote("a signature line is “— name base64”")
    blob = _from_base64(found["blob"])
    if blob is None or len(blob) < 5:
        raise InvalidNote("a signature is the base64 of four bytes and more")
    return Signature(found["name"], blob[:4], blob[4:])


def _to_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _from_base64(text: str) -> bytes | None:
    """Return the bytes of standard base64, None for any other spelling of them."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if _to_base64(raw) == text else None
