"""The sealer at work: outbox to tree, tree to signature, signature to table and anchor, and a heartbeat.

Every step asks what is stored, and does what is missing; so a pass may end at any line, or be one of two.
"""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from threading import Event

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone

from audit import anchoring, own_records, sealing, services, verifier
from audit.anchors import AnchorFault
from audit.anchors import file as anchors
from audit.checkpoint import parse_text
from audit.entry import HEARTBEAT
from audit.models import AuditCheckpoint, AuditPending, AuditRecord
from audit.notes import split
from audit.places import Places
from audit.sealing import SealingFault
from audit.signer import Refused, Signer
from audit.stored_tree import DamagedTree, size, stored_tree
from audit.turns import turn

EVERY_S = 0.5  # sealed within 2 s of the commit, with room for a busy machine
AFTER_A_FAULT_S = 5.0
HEARTBEAT_S = 60
_MOST_PENDING_COUNTED = 10_001
_FAULTS = (
    DatabaseError,
    OSError,
    Refused,
    SealingFault,
    DamagedTree,
    services.NotRecorded,
    ImproperlyConfigured,
)
log = logging.getLogger(__name__)


class Sealer:
    """Seals until told to stop. Any number may run: one works, the others wait for their turn."""

    def __init__(
        self,
        places: Places,
        *,
        stop: Event,
        clock: Callable[[], datetime] = timezone.now,
        every_s: float = EVERY_S,
    ) -> None:
        self._places = places
        self._stop = stop
        self._clock = clock
        self._every_s = every_s
        self._beat_due = 0.0  # of the monotonic clock
        self._anchored = 0  # so far, by this process
        self._anchor_told = 0.0  # when its fault is logged again
        self._unfit: set[str] = set()  # logged already

    def run(self) -> None:
        """Work until `stop` is set. A fault is logged, and tried again after a while."""
        with (
            anchoring.following(self._places, stop=self._stop, clock=self._clock),
            verifier.at_work(self._places, stop=self._stop),
        ):
            self._work_on()

    def _work_on(self) -> None:
        while not self._stop.is_set():
            close_old_connections()
            try:
                self.run_once()
                self._stop.wait(self._every_s)
            except AnchorFault as error:
                # What cannot be kept elsewhere now is kept later; what is committed now is sealed now.
                if time.monotonic() >= self._anchor_told:
                    log.error("The audit log is sealed, but not anchored: %s", error)  # noqa: TRY400  one line says it
                    self._anchor_told = time.monotonic() + HEARTBEAT_S
                self._stop.wait(self._every_s)
            except _FAULTS as error:
                log.error("The audit log is not sealed: %s", " ".join(str(error).split()))  # noqa: TRY400  as above
                self._pause()
            except Exception:
                log.exception("The audit log is not sealed")
                self._pause()
        connection.close()

    def _pause(self) -> None:
        connection.close()
        self._stop.wait(AFTER_A_FAULT_S)

    def run_once(self) -> bool:
        """Do all that waits now; return False when another sealer is at it.

        Raises:
            signer.Refused, sealing.SealingFault, stored_tree.DamagedTree: the log is not as it was signed.
            DatabaseError, OSError: database, key or state cannot be used.
            AnchorFault: all is sealed and signed, but not anchored.
        """
        with turn(self._places) as is_mine:
            if is_mine:
                self.work()
        return is_mine

    def work(self) -> None:
        """Do all that waits now, as `run_once` does, for one who has the turn already."""
        self._beat()
        if AuditPending.objects.exists() or size() != _signed_size():
            self._seal()
        self._anchor()

    def _seal(self) -> None:
        """Seal what waits, batch by batch, and sign each; sign what somebody sealed who died before signing."""
        signer = Signer(self._places, is_new=_signed_size() == 0)
        # Before anything gets a place: in a log that was cut or restored, the places are taken already.
        signer.check(stored_tree(), size=size())
        for _ in self._batches():
            self._sign(signer)

    def _batches(self) -> Iterator[None]:
        """Seal until the outbox is empty, or somebody asks to stop."""
        after = None
        while not self._stop.is_set():
            batch = sealing.seal_batch(after=after)
            for record in set(batch.unfit) - self._unfit:
                log.error("The record %s does not fit its hash, and is not sealed", record)
            self._unfit |= set(batch.unfit)
            yield
            after = batch.last
            if after is None:
                return

    def _sign(self, signer: Signer) -> None:
        """Sign what is committed, when it is not signed yet, and keep the signature."""
        sealed = size()
        if sealed == _signed_size():
            return
        note = signer.sign(stored_tree(), size=sealed)
        sealing.store_checkpoint(parse_text(split(note)[0]), note, at=self._clock())

    def _anchor(self) -> None:
        """Add every checkpoint that the anchor lacks."""
        signed = _signed_size()
        if signed == self._anchored:
            return
        try:
            missing = AuditCheckpoint.objects.filter(size__gt=anchors.last_size(self._places.anchors))
            rows = missing.order_by("size").values_list("note", "stored_at")
            anchors.append(self._places.anchors, (anchors.line_of(*row) for row in rows.iterator()))
        except OSError as error:
            raise AnchorFault(f"{self._places.anchors} cannot be written: {error.strerror}") from error
        self._anchored = signed

    def _beat(self) -> None:
        """Record once a minute that the log lives, and how far the clocks are apart."""
        if time.monotonic() < self._beat_due:
            return
        beats = AuditRecord.objects.filter(action=HEARTBEAT).order_by("-id")
        last = beats.values_list("recorded_at", flat=True).first()
        age = HEARTBEAT_S if last is None else (self._clock() - last) / timedelta(seconds=1)
        if 0 <= age < HEARTBEAT_S:
            self._beat_due = time.monotonic() + HEARTBEAT_S - age
            return
        offset = _clock_offset(self._clock)
        pending = AuditPending.objects.all()[:_MOST_PENDING_COUNTED].count()
        sealed = size()
        own_records.record(
            HEARTBEAT,
            f"The log lives: {sealed} records sealed, {pending} waiting; the database's clock is"
            f" {abs(offset)} ms {'ahead of' if offset >= 0 else 'behind'} the sealer's.",
            at=self._clock(),
            command="seal_audit",
            details={"sealed": sealed, "pending": pending, "clock_offset_ms": offset},
        )
        self._beat_due = time.monotonic() + HEARTBEAT_S


def _signed_size() -> int:
    newest = sealing.newest_checkpoint()
    return 0 if newest is None else newest.size


def _clock_offset(clock: Callable[[], datetime]) -> int:
    """Return by how many milliseconds the database's clock is ahead of `clock`."""
    before = clock()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT strftime('%%Y-%%m-%%dT%%H:%%M:%%f+00:00', 'now')", [])
            told = datetime.fromisoformat(cursor.fetchone()[0])
        else:
            cursor.execute("SELECT clock_timestamp()")
            (told,) = cursor.fetchone()
    middle = before + (clock() - before) / 2
    return round((told - middle) / timedelta(milliseconds=1))
