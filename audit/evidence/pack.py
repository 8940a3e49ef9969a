"""Makes a pack: a zip whose bytes follow from the search, from what it found, and from the checkpoint over it."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath
from typing import IO, Any, cast
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from django.db.models import QuerySet

from audit import key_rotation, notes, selectors
from audit.canonical import clean_text, format_time
from audit.checkpoint import Checkpoint, open_checkpoint
from audit.evidence import verifier
from audit.evidence.proofs import remembering_tree
from audit.evidence.recordings import Opener
from audit.evidence.sums import Sums
from audit.evidence.verifier.checks import FORMAT, SUMS
from audit.evidence.verifier.report import Counts, pages, read_text, recording_of
from audit.merkle import Tree
from audit.models import AuditCheckpoint, AuditLeaf, AuditRecord
from audit.notes import PublicKey

PAGE = 1_000  # records that are in memory at once
_MOST_NAMED = 100  # identifiers of records that wait; their number is told in any case
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first time that a zip can hold
_CHUNK = 1 << 18


class NotMade(Exception):
    """No pack can be made; the message is a sentence without its end."""


@dataclass(slots=True)
class Pack:
    """What a pack holds. `sha256` is the digest of the whole zip."""

    checkpoint: Checkpoint
    asked: dict[str, str]
    found: dict[str, Any]
    not_yet_sealed: int
    recordings: int
    sha256: str = ""


@dataclass(slots=True)
class _Gathered:
    """What one pass over the search left: lines without proofs in `lines`, and what must be known of all of them."""

    lines: IO[bytes]
    counts: Counts = field(default_factory=Counts)
    end: int = 0  # behind the last place in the log
    waiting: list[str] = field(default_factory=list)
    not_yet_sealed: int = 0
    named: set[str] = field(default_factory=set)  # digests of recordings


def asked_in_words(conditions: Mapping[str, Any]) -> dict[str, str]:
    """Return what was asked of `selectors.search` as a pack tells it, what was not asked left out."""
    return {
        name: format_time(value) if isinstance(value, datetime) else clean_text(value, limit=200)
        for name, value in sorted(conditions.items())
        if value not in (None, "")
    }


def make(
    conditions: Mapping[str, Any],
    *,
    into: IO[bytes],
    since: str | None,
    keys: list[PublicKey],
    open_recording: Opener,
) -> Pack:
    """Write the pack of all that `selectors.search(**conditions)` finds `into` a file that can be read as well.

    The checkpoint is the smallest one that covers what was found: so the same finds give the same bytes, however the
    log has grown. Records without a place under a checkpoint are counted, named and left out. `since` is the signed
    checkpoint from which on the log is proved to have only grown. Memory stays flat.

    Raises:
        NotMade: nothing is signed yet, or the log does not continue `since`.
        stored_tree.DamagedTree: hashes of the log are missing.
        notes.InvalidNote: `since`, or the stored checkpoint, was not signed by one of `keys`.
    """
    with tempfile.TemporaryFile() as lines:
        gathered = _gather(selectors.search(**conditions), lines)
        old = None if since is None else open_checkpoint(since, keys=keys)
        note = _checkpoint_over(gathered.end, old)
        checkpoint = open_checkpoint(note, keys=keys)
        tree = remembering_tree(checkpoint.size)
        search = _search(asked_in_words(conditions), gathered)
        with ZipFile(into, "w", ZIP_DEFLATED) as archive:
            files = _Writer(archive)
            recordings = _add_recordings(files, gathered.named, open_recording)
            told = pages(
                search=json.loads(search), checkpoint=note, records=_read(lines), recordings=recordings
            )
            files.add("report.html", (page for _, page in told))
            files.add("records.jsonl", _with_proofs(_read(lines), tree, checkpoint.size))
            files.add_text("search.json", search)
            files.add_text("checkpoint", note)
            _add_keys(files, note, checkpoint.size, keys)
            if old is not None and since is not None:
                files.add_text("consistency.json", _consistency(old, checkpoint, since, tree))
            files.add_text("verify.py", verifier.source())
            files.add_text(SUMS, files.sums.text())
    return Pack(
        checkpoint=checkpoint,
        asked=asked_in_words(conditions),
        found=gathered.counts.found(),
        not_yet_sealed=gathered.not_yet_sealed,
        recordings=len(recordings),
        sha256=Sums.of(into),
    )


class _Writer:
    """Adds files to a zip, the same way each time, and keeps their digests."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        self.sums = Sums()

    def add(self, name: str, chunks: Iterable[bytes]) -> None:
        """Add a file that comes bit by bit."""
        info = ZipInfo(name, _LONG_AGO)
        info.compress_type = ZIP_DEFLATED
        info.create_system = 3  # Unix, wherever this runs: else the bytes would tell
        info.external_attr = 0o644 << 16
        with self._archive.open(info, "w", force_zip64=True) as file:
            for chunk in self.sums.counted(name, chunks):
                file.write(chunk)

    def add_text(self, name: str, text: str) -> None:
        """Add a small file."""
        self.add(name, [text.encode()])


def _gather(records: QuerySet[AuditRecord], lines: IO[bytes]) -> _Gathered:
    newest = AuditCheckpoint.objects.order_by("-size").values_list("size", flat=True).first()
    if newest is None:
        raise NotMade("the log has no signed checkpoint yet")
    gathered = _Gathered(lines)
    for page in _paged(records):
        places = dict(
            AuditLeaf.objects.filter(record_id__in=[row[0] for row in page], index__lt=newest).values_list(
                "record_id", "index"
            )
        )
        for identifier, text, leaf_hash in page:
            index = places.get(identifier)
            if index is None:
                gathered.not_yet_sealed += 1
                if len(gathered.waiting) < _MOST_NAMED:
                    gathered.waiting.append(str(identifier))
                continue
            content = read_text(text)
            gathered.counts.add(content)
            gathered.end = max(gathered.end, index + 1)
            digest = recording_of(content)
            if digest:
                gathered.named.add(digest)
            lines.write(_line({"index": index, "leaf_hash": leaf_hash, "text": text}))
    return gathered


def _paged(records: QuerySet[AuditRecord]) -> Iterator[list[tuple[UUID, str, str]]]:
    """Give what was found in the order of recording, page by page."""
    last = UUID(int=0)
    while True:
        rows = records.filter(id__gt=last).order_by("id")
        page = list(rows.values_list("id", "body", "leaf_hash")[:PAGE])
        if page:
            yield page
        if len(page) < PAGE:
            return
        last = page[-1][0]


def _checkpoint_over(end: int, old: Checkpoint | None) -> str:
    """Return the smallest signed checkpoint of at least `end` records that is not older than `old`."""
    needed = max(end, 0 if old is None else old.size)
    found = AuditCheckpoint.objects.filter(size__gte=needed).order_by("size").first()
    if found is None:
        raise NotMade(f"the log is shorter than the {needed} records that the checkpoint given knows")
    return found.note


def _search(asked: dict[str, str], gathered: _Gathered) -> str:
    return _readable(
        {
            "format": FORMAT,
            "asked": asked,
            "found": gathered.counts.found(),
            "not_yet_sealed": {"count": gathered.not_yet_sealed, "ids": gathered.waiting},
        }
    )


def _add_recordings(files: _Writer, named: set[str], open_recording: Opener) -> dict[str, str]:
    """Add each recording that can still be had; return their paths by digest."""
    paths: dict[str, str] = {}
    for digest in sorted(named):
        file = open_recording(digest)
        if file is not None:
            with file:
                paths[digest] = f"recordings/{digest}{PurePath(file.name or '').suffix}"
                files.add(paths[digest], file.chunks(_CHUNK))
    return paths


def _read(lines: IO[bytes]) -> Iterator[dict[str, Any]]:
    lines.seek(0)
    for line in lines:
        yield json.loads(line)


def _with_proofs(records: Iterable[dict[str, Any]], tree: Tree, size: int) -> Iterator[bytes]:
    for record in records:
        proof = [each.hex() for each in tree.inclusion_proof(record["index"], size)]
        yield _line(record | {"proof": proof})


def _consistency(old: Checkpoint, new: Checkpoint, note: str, tree: Tree) -> str:
    if old.origin != new.origin or tree.root(old.size) != old.root:
        raise NotMade(
            f"the log does not continue the checkpoint of {old.size} records that was given: it was rewritten since"
        )
    # Nothing has to be proved of the beginning of all logs, nor of a log that is the same.
    proof = tree.consistency_proof(old.size, new.size) if 0 < old.size < new.size else []
    return _readable({"checkpoint": note, "proof": [each.hex() for each in proof]})


def _add_keys(files: _Writer, note: str, size: int, keys: list[PublicKey]) -> None:
    """Add the keys that the checkpoint needs, and the statements by which they followed each other until then."""
    rotations = AuditRecord.objects.filter(action=key_rotation.ACTION).order_by("id")
    sealed = rotations.filter(id__in=AuditLeaf.objects.filter(index__lt=size).values("record_id"))
    details = (read_text(body).get("details") for body in sealed.values_list("body", flat=True))
    statements = [str(cast(dict[str, Any], given).get("statement")) for given in details if given]
    signers = notes.open_note(note, keys=keys)[1]
    needed = [
        key for key in keys if key in signers or any(str(key) in each.splitlines() for each in statements)
    ]
    files.add_text("public_keys", "".join(f"{key}\n" for key in needed))
    files.add_text("key_rotations.json", _readable(statements))


def _line(record: dict[str, Any]) -> bytes:
    return (json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n").encode()


def _readable(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
