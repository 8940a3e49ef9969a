"""Cosignatures (https://c2sp.org/tlog-cosignature): a witness's word, with its time, that a log went on as it was.

Of the kinds in the specification this is the one of Ed25519, `cosignature/v1`.
"""

from dataclasses import dataclass

from audit import notes
from audit.notes import InvalidKey, InvalidNote, PublicKey, Signature, SigningKey

_KIND = b"\x04"
_TIME_SIZE = 8  # bytes before the signature, big-endian, seconds since 1970
_LATEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class CosignerKey:
    """The public key of a witness."""

    signer: PublicKey

    @property
    def name(self) -> str:
        """Return the name in the witness's signature lines."""
        return self.signer.name

    @property
    def id(self) -> bytes:
        """Return the four bytes in its signature lines: others than those of the same key under a note."""
        return notes.key_id(self.signer.name, _KIND, self.signer.raw)

    def time_of(self, text: str, signature: bytes) -> int | None:
        """Return when (seconds since 1970) the witness signed the checkpoint `text`; None when it did not."""
        at = int.from_bytes(signature[:_TIME_SIZE], "big")
        if len(signature) != _TIME_SIZE + 64 or at > _LATEST:
            return None
        return at if self.signer.verify(_message(text, at), signature[_TIME_SIZE:]) else None

    def __str__(self) -> str:
        return notes.key_text(self.signer.name, _KIND, self.signer.raw)


def parse_cosigner(text: str) -> CosignerKey:
    """Read a witness's public key.

    Raises:
        InvalidKey: it is none, or its id is that of another key.
    """
    name, identifier, raw = notes.parse_key(text, kind=_KIND)
    key = CosignerKey(PublicKey(name, raw))
    if key.id != identifier:
        raise InvalidKey("the public key does not fit its own id")
    return key


def cosign(text: str, key: SigningKey, *, at: int) -> Signature:
    """Return the cosignature under the checkpoint `text`, at so many seconds since 1970."""
    signature = key.sign(_message(text, at)).signature
    return Signature(key.name, CosignerKey(key.public).id, at.to_bytes(_TIME_SIZE, "big") + signature)


def cosignature_in(note: str, *, by: CosignerKey) -> tuple[Signature, int]:
    """Return the signature of `by` under a checkpoint, and its time in seconds since 1970.

    Raises:
        InvalidNote: not a note, or not signed by this witness.
    """
    text, signatures = notes.split(note)
    for each in signatures:
        if (each.name, each.key_id) == (by.name, by.id):
            at = by.time_of(text, each.signature)
            if at is None:
                raise InvalidNote(f"the cosignature of {by.name} is wrong")
            return each, at
    raise InvalidNote(f"not cosigned by {by.name}")


def _message(text: str, at: int) -> str:
    return f"cosignature/v1\ntime {at}\n{text}"
