"""The whole verification: records, chains, tree, checkpoints, signatures, anchors, outbox, guards."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.db import connection

from audit import guards
from audit.canonical import format_time
from audit.checkpoint import LARGEST_SIZE
from audit.merkle import CompactRange
from audit.models import AuditCheckpoint, AuditNode
from audit.notes import PublicKey
from audit.places import Places
from audit.stored_tree import DamagedTree, stored_tree
from audit.stored_tree import size as sealed_size
from audit.tiles import HEIGHT, MOST_LEVELS
from audit.uuid7 import first_uuid7
from audit.verification import state as states
from audit.verification.elsewhere import Elsewhere
from audit.verification.report import Progress, Report
from audit.verification.spans import check_pending, check_strays, readable, spans
from audit.verification.state import State, UnreadableState
from audit.verification.walk import Broken, Walk
from audit.verification.witnesses import (
    Claim,
    anchored_claims,
    check_receipt,
    keys_of_one_log,
    signers_claim,
    stored_claims,
    successors,
)

# How long the transaction of a record may stay open for an incremental run to miss nothing; a full one never does.
_SLOWEST_COMMIT = timedelta(minutes=10)
_NO_ANCHOR = (
    "No anchor was at hand: a log that was cut short, or rewritten and signed anew with its own key,"
    " looks whole without one."
)
_RECEIPTS = (
    "A record rewritten whole, or removed with its outbox row, before sealing is shown by its receipt alone."
)


@dataclass(slots=True)
class Verification:
    """One run. It reads what is new since the last run that found no fault; with `is_full` it reads all."""

    places: Places
    keys: Sequence[PublicKey]
    anchor_files: Sequence[Path]
    is_full: bool
    at: datetime
    progress: Progress
    receipt_files: Sequence[Path] = ()
    elsewhere: Elsewhere = field(default_factory=Elsewhere)
    processes: int = 1
    report: Report = field(default_factory=Report)
    _log_keys: Sequence[PublicKey] = ()
    _known: State | None = None
    _anchors_read: dict[str, tuple[int, int]] = field(default_factory=dict)
    _is_anchored: bool = False

    def run(self) -> Report:
        """Verify, and remember how far the log is good when nothing was wrong.

        Raises:
            OSError: an anchor cannot be read, or the state not be written.
            notes.InvalidKey: the keys are those of several logs.
        """
        with readable(connection):
            return self._run()

    def _run(self) -> Report:
        report = self.report
        self._load()
        self._log_keys = successors(keys_of_one_log(self.keys))
        # Before the size: what is signed meanwhile would else seem to know more than the log has.
        claims = self._claims()
        report.size = sealed_size()
        tree = self._start()
        report.begin = tree.size
        self._check_earlier(tree.size, claims)
        self._walk(tree, claims)
        self._check_beyond(claims)
        self._check_outbox()
        for path in self.receipt_files:
            check_receipt(path, keys=self.keys, report=report)
        for name in guards.missing_guards(connection):
            report.add(f"The guard {name} is missing or altered: the database would let the log be changed.")
        report.notices += [
            *([] if self._is_anchored else [_NO_ANCHOR]),
            *([] if self.receipt_files else [_RECEIPTS]),
        ]
        if not report.faults:
            self._remember(tree)
        return report

    def _load(self) -> None:
        try:
            self._known = states.load(self.places.verified)
        except UnreadableState as error:
            self.report.add(f"{error}.")
        self._anchors_read = {} if self._known is None else dict(self._known.anchors)

    def _start(self) -> CompactRange:
        """Return the tree to go on from: the one that was verified, or the empty one."""
        if self._known is None or self.is_full or self._known.size > self.report.size:
            return CompactRange()
        return self._known.tree()

    def _claims(self) -> list[Claim]:
        """Return who vouches for a root from outside the database. Of an anchor only what is new is read again."""
        is_from_start = self._known is None or self.is_full
        claims = signers_claim(self.places.signed, keys=self._log_keys, report=self.report)
        if self._known is not None:
            claims.append(
                Claim(f"The verification of {self._known.at}", self._known.size, self._known.tree().root())
            )
        for path in self.anchor_files:
            after = (0, 0) if is_from_start else self._anchors_read.get(str(path), (0, 0))
            found, read = anchored_claims(path, after=after, keys=self._log_keys, report=self.report)
            self._anchors_read[str(path)] = read
            self._is_anchored |= read != (0, 0)  # an empty file vouches for nothing
            claims += found
        read_so_far = {} if is_from_start else self._anchors_read
        found, is_asked = self.elsewhere.claims(read=read_so_far, keys=self._log_keys, report=self.report)
        self._anchors_read |= read_so_far
        self._is_anchored |= is_asked
        return claims + found

    def _check_earlier(self, size: int, claims: Sequence[Claim]) -> None:
        """Compare what is claimed of the records that are not read again with the stored tree over them."""
        tree = stored_tree()
        for claim in claims:
            if not 0 < claim.size <= size:
                continue
            try:
                is_so = tree.root(claim.size) == claim.root
            except (DamagedTree, ValueError):
                is_so = False
            if not is_so:
                self.report.add(
                    f"{claim.who} says otherwise of the first {claim.size} records. Run with --full to find where."
                )

    def _walk(self, tree: CompactRange, claims: Sequence[Claim]) -> None:
        size = self.report.size
        walk = Walk(tree, report=self.report)
        walk.expect(claim for claim in claims if claim.size > tree.size)
        try:
            for span in spans(tree.size, size, processes=self.processes):
                walk.expect(
                    stored_claims(above=span.begin, through=span.end, keys=self._log_keys, report=self.report)
                )
                walk.read(span)
                self.progress(span.end, size)
        except Broken:
            return

    def _check_beyond(self, claims: Sequence[Claim]) -> None:
        """Report who vouches for a longer log than there is, and what stands behind its end."""
        numbered = AuditCheckpoint.objects.filter(size__lte=LARGEST_SIZE)
        newest = numbered.order_by("-size").values_list("size", flat=True).first() or 0
        nodes = [
            (level, index) for level in range(1, MOST_LEVELS) if (index := _last_node(level)) is not None
        ]
        size = sealed_size()  # anew, and last: the log may have grown meanwhile
        vouchers = [(claim.who, claim.size) for claim in claims] + [("The newest stored checkpoint", newest)]
        for who, known in vouchers:
            if known > size:
                self.report.add(f"{who} knows {known} records, but the log has {size}: its end was removed.")
        for level, index in nodes:
            if index + 1 << HEIGHT * level > size:
                self.report.add(
                    f"There is a stored hash ({level}/{index}) of records that the log does not have."
                )
        if newest and not self._log_keys:
            self.report.add("There is no public key to check the signatures by.")
        if newest < self.report.size:
            self.report.notices.append(f"The records from {newest} on are sealed but not signed yet.")

    def _check_outbox(self) -> None:
        waiting = check_pending(self.report)
        if waiting:
            self.report.notices.append(f"{waiting} records wait to be sealed.")
        known = None if self.report.begin == 0 else self._known
        check_strays(self.report, first=UUID(int=0) if known is None else UUID(known.first_new))

    def _remember(self, tree: CompactRange) -> None:
        states.save(
            self.places.verified,
            State(
                size=tree.size,
                peaks=[peak.hex() for peak in tree.peaks],
                at=format_time(self.at),
                first_new=str(first_uuid7(at=self.at - _SLOWEST_COMMIT)),
                anchors=self._anchors_read,
            ),
        )


def _last_node(level: int) -> int | None:
    return AuditNode.objects.filter(level=level).order_by("-index").values_list("index", flat=True).first()
