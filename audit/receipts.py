"""Receipts: a signature for an append, for its caller to keep. It convicts whoever drops the record before sealing.

Signed with a key of their own, since the processes that answer people hold it: who steals it can promise records
that never were, and forge no log.
"""

import base64
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from audit import files, notes
from audit.canonical import format_time
from audit.models import AuditRecord
from audit.notes import InvalidKey, InvalidNote, PublicKey, SigningKey
from audit.places import Places, places

_KIND = "audit-receipt"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is promised: a record with this identifier, hash and time is in the log."""

    record_id: UUID
    leaf_hash: str
    recorded_at: str

    def text(self) -> str:
        """Return what is signed."""
        root = base64.b64encode(bytes.fromhex(self.leaf_hash)).decode("ascii")
        return f"{_KIND}\n{self.record_id}\n{root}\n{self.recorded_at}\n"


def receipt_for(record: AuditRecord) -> str | None:
    """Return the receipt of a record that is committed, as a signed note; None when there is no key to sign with.

    Ask for it after the commit: what is rolled back has no receipt.
    """
    try:
        key = _key(places())
    except (OSError, UnicodeDecodeError, InvalidKey):
        log.exception("No receipt can be signed")
        return None
    text = Receipt(record.pk, record.leaf_hash, format_time(record.recorded_at)).text()
    return notes.write(text, [key.sign(text)])


def open_receipt(note: str, *, keys: Sequence[PublicKey]) -> Receipt:
    """Read a receipt that one of `keys` signed.

    Raises:
        InvalidNote: malformed, or signed by nobody who is trusted.
    """
    text, signers = notes.open_note(note, keys=keys)
    lines = text.split("\n")
    if len(lines) != 5 or lines[0] != _KIND or not any(key.name.startswith(f"{_KIND}/") for key in signers):
        raise InvalidNote("not a receipt")
    try:
        found = Receipt(UUID(lines[1]), base64.b64decode(lines[2], validate=True).hex(), lines[3])
    except ValueError as error:
        raise InvalidNote(f"not a receipt: {error}") from error
    if found.text() != text:
        raise InvalidNote("the receipt is not written as receipts are")
    return found


def fault_of(receipt: Receipt) -> str:
    """Return what is wrong with the record that a receipt promises, nothing when it is there as promised."""
    record = AuditRecord.objects.filter(pk=receipt.record_id).first()
    if record is None:
        return f"the record {receipt.record_id} of {receipt.recorded_at} is not in the log"
    if record.leaf_hash != receipt.leaf_hash:
        return f"the record {receipt.record_id} has another hash than was promised"
    return ""


def _key(here: Places) -> SigningKey:
    return _read_key(here.receipt_key, here.receipt_keys)


@lru_cache(maxsize=4)
def _read_key(path: Path, public: Path) -> SigningKey:
    """Return the key in the file; make it when there is none."""
    if not path.exists():
        made = SigningKey.from_seed(f"{_KIND}/{secrets.token_hex(8)}", secrets.token_bytes(32))
        files.write_new(path, f"{made.secret()}\n")
    key = SigningKey.parse(path.read_text(encoding="utf-8").strip())
    _publish(key.public, public)
    return key


def _publish(key: PublicKey, path: Path) -> None:
    """Add `key` to those by which receipts are verified; those of keys that were lost stay."""
    known = path.read_text(encoding="utf-8") if path.exists() else ""
    if str(key) not in known.splitlines():
        files.write_whole(path, f"{known}{key}\n", mode=0o644)
