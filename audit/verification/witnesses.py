"""What the log has to agree with: checkpoints in its table, and those that were kept outside of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from audit import key_rotation, receipts
from audit.anchors import file as anchors
from audit.anchors import mail
from audit.checkpoint import ORIGIN, Checkpoint, open_checkpoint
from audit.models import AuditCheckpoint, AuditRecord
from audit.notes import InvalidKey, InvalidNote, PublicKey, parse_public_key
from audit.verification.report import Report

_AT_ONCE = 500  # sizes that one query asks for


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody's word that the first `size` records have this root. `who` begins a sentence."""

    who: str
    size: int
    root: bytes


def read_keys(path: Path) -> list[PublicKey]:
    """Return the public keys in a file, one on each line.

    Raises:
        OSError: it cannot be read.
        notes.InvalidKey: a line is no key.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    return [parse_public_key(line) for line in lines if line.strip()]


def keys_of_one_log(keys: Sequence[PublicKey]) -> list[PublicKey]:
    """Return those that sign checkpoints: a key of receipts, which web processes hold, vouches for no log.

    Raises:
        notes.InvalidKey: they are those of several logs, any of which could then pass for the one verified.
    """
    found = [key for key in keys if key.name.startswith(ORIGIN)]
    names = sorted({key.name for key in found})
    if len(names) > 1:
        raise InvalidKey(f"the public keys are those of several logs: {', '.join(names)}. Give those of one")
    return found


def successors(keys: Sequence[PublicKey]) -> list[PublicKey]:
    """Return `keys` with those to which they handed the log over, by the records of it."""
    bodies = (
        AuditRecord.objects.filter(action=key_rotation.ACTION).order_by("id").values_list("body", flat=True)
    )
    return key_rotation.with_successors(keys, map(_statement, bodies))


def _statement(body: str) -> str:
    try:
        return str(json.loads(body)["details"]["statement"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""  # the walk says what is wrong with such a record


def stored_claims(*, above: int, through: int, keys: Sequence[PublicKey], report: Report) -> list[Claim]:
    """Return the stored checkpoints of these sizes; report those that are not what was signed."""
    claims = []
    rows = AuditCheckpoint.objects.filter(size__gt=above, size__lte=through).order_by("size")
    for size, root, note in rows.values_list("size", "root_hash", "note"):
        report.checkpoints += 1
        who = f"The stored checkpoint of {size} records"
        try:
            found = open_checkpoint(str(note), keys=keys)
        except InvalidNote as error:
            report.add(f"{who} is not valid: {error}.")
            continue
        if (found.size, found.root.hex()) != (size, root):
            report.add(f"{who} has other columns than its signed text.")
        claims.append(Claim(who, found.size, found.root))
    return claims


def signers_claim(path: Path, *, keys: Sequence[PublicKey], report: Report) -> list[Claim]:
    """Return what was signed last on this machine, when this is the machine that signs."""
    try:
        found = open_checkpoint(path.read_text(encoding="utf-8"), keys=keys)
    except FileNotFoundError:
        return []
    except (InvalidNote, UnicodeDecodeError) as error:
        report.add(f"What was signed last ({path}) is not valid: {error}.")
        return []
    return [Claim(f"What was signed last ({path})", found.size, found.root)]


def check_receipt(path: Path, *, keys: Sequence[PublicKey], report: Report) -> None:
    """Compare a receipt with the log.

    Raises:
        OSError: it cannot be read.
    """
    report.receipts += 1
    try:
        fault = receipts.fault_of(receipts.open_receipt(path.read_text(encoding="utf-8"), keys=keys))
    except (InvalidNote, UnicodeDecodeError) as error:
        fault = f"it is not valid: {error}"
    if fault:
        report.add(f"The receipt {path}: {fault}.")


def anchored_claims(
    path: Path, *, after: tuple[int, int], keys: Sequence[PublicKey], report: Report
) -> tuple[list[Claim], tuple[int, int]]:
    """Return the checkpoints in an anchor file after so many bytes and lines, and how far it was read now.

    A checkpoint alone, and a mail with one, are anchors as well; those are read whole each time.

    Raises:
        OSError: it cannot be read.
    """
    if not anchors.has_lines(path):
        return _saved_claims(path, keys=keys, report=report), after
    end = anchors.whole_length(path)
    if end < after[0]:
        report.add(f"The anchors in {path} were cut: they had {after[0]} bytes when they were read last.")
        after = (0, 0)
    claims, number = [], after[1]
    for line in anchors.read(path, keys=keys, after=after, end=end):
        number = line.number
        if line.checkpoint is None:
            report.add(f"Line {line.number} of the anchors in {path} {line.fault}.")
        else:
            claims.append(_anchored(path, line.number, line.checkpoint))
    report.anchors += len(claims)
    check_stored(claims, report)
    return claims, (end, number)


def _saved_claims(path: Path, *, keys: Sequence[PublicKey], report: Report) -> list[Claim]:
    claims = []
    found = mail.notes_in(path.read_bytes())
    for note in found:
        try:
            checkpoint = open_checkpoint(note, keys=keys)
        except InvalidNote as error:
            report.add(f"What is in {path} is not a checkpoint of this log: {error}.")
        else:
            claims.append(Claim(f"The checkpoint in {path}", checkpoint.size, checkpoint.root))
    if not found:
        report.add(f"There is no checkpoint in {path}.")
    report.anchors += len(claims)
    check_stored(claims, report)
    return claims


def check_stored(claims: Sequence[Claim], report: Report) -> None:
    """Report anchored checkpoints that the table lacks: each was stored before it was anchored."""
    for begin in range(0, len(claims), _AT_ONCE):
        asked = {claim.size: claim for claim in claims[begin : begin + _AT_ONCE]}
        stored = AuditCheckpoint.objects.filter(size__in=asked).values_list("size", flat=True)
        for size in sorted(asked.keys() - set(stored)):
            report.add(f"{asked[size].who} is a checkpoint of {size} records that is no longer stored.")


def _anchored(path: Path, number: int, found: Checkpoint) -> Claim:
    return Claim(f"Line {number} of the anchors in {path}", found.size, found.root)
