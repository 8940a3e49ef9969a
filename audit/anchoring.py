"""Brings checkpoints to the anchors that are elsewhere: each in a thread of its own, behind the sealer.

Sealing never waits for them. Each asks its anchor, or the log, what was kept already, so whatever could not be kept
follows later, after a restart too. No transaction is open while an anchor is asked.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from threading import Event, Thread

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, close_old_connections, connection

from audit import files, own_records, sealing, services
from audit.anchors import AnchorFault, chosen, health
from audit.anchors.bucket import Bucket
from audit.anchors.mail import Mailbox
from audit.anchors.witnessed import Witness
from audit.checkpoint import Checkpoint, parse_text
from audit.models import AuditCheckpoint, AuditRecord
from audit.notes import InvalidKey, InvalidNote, split
from audit.places import Places
from audit.stored_tree import DamagedTree, stored_tree
from audit.turns import turn

EVERY_S = 1.0
AFTER_A_FAULT_S = 5.0
LONGEST_PAUSE_S = 300.0
MAILED = "audit.checkpoint_mailed"
_AT_ONCE = 100
_UNTIL_ENDED_S = 3.0
_FAULTS = (AnchorFault, DatabaseError, DamagedTree, InvalidNote, OSError, services.NotRecorded)
log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
Step = Callable[
    [AuditCheckpoint], Iterator[int]
]  # given the newest checkpoint, gives each size that was kept


class Follower:
    """Brings one anchor up to date."""

    def __init__(self, name: str, where: str, step: Step, *, places: Places, clock: Clock) -> None:
        self._name = name
        self._where = where
        self._step = step
        self._places = places
        self._clock = clock
        self._told = ""  # the fault that was logged last

    def run(self, stop: Event) -> None:
        """Follow until `stop` is set. A fault is logged once, shown as health, and tried again after a while."""
        pause = EVERY_S
        while not stop.wait(pause):
            close_old_connections()
            try:
                self.follow(stop)
                pause, self._told = EVERY_S, ""
            except _FAULTS as error:
                self._tell(" ".join(str(error).split()))
                pause = min(max(2 * pause, AFTER_A_FAULT_S), LONGEST_PAUSE_S)
            except Exception:
                log.exception("The anchor %s cannot be followed", self._name)
                pause = LONGEST_PAUSE_S
        connection.close()

    def follow(self, stop: Event) -> None:
        """Bring to the anchor what it lacks now, unless somebody else is at it.

        Raises:
            AnchorFault: the anchor did not take it; this is its health from now on.
            DatabaseError, OSError: database or files cannot be used.
        """
        newest = sealing.newest_checkpoint()
        if newest is None:
            return
        with turn(self._places, of=self._name) as is_mine:
            if not is_mine:
                return
            try:
                for size in self._step(newest):
                    health.note_kept(self._places, self._name, self._where, size=size, at=self._clock())
                    if stop.is_set():
                        return
            except (AnchorFault, DamagedTree, InvalidNote, services.NotRecorded) as error:
                health.note_failed(self._places, self._name, self._where, error=str(error), at=self._clock())
                raise

    def _tell(self, fault: str) -> None:
        if fault != self._told:
            log.error("The audit log is sealed, but the anchor %s lacks it: %s", self._name, fault)
            self._told = fault


@contextmanager
def following(places: Places, *, stop: Event, clock: Clock) -> Iterator[None]:
    """Let each configured anchor follow while the block runs, which ends when `stop` is set."""
    threads = [
        Thread(target=each.run, args=[stop], name=f"anchor-{number}", daemon=True)
        for number, each in enumerate(_followers(places, clock=clock))
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        until = time.monotonic() + _UNTIL_ENDED_S
        for thread in threads:
            thread.join(max(until - time.monotonic(), 0))  # one that waits for an answer is not waited for


def follow_once(places: Places, *, clock: Clock) -> None:
    """Bring to each configured anchor what it lacks now; try all before saying that one failed.

    Raises:
        AnchorFault: one or more did not take it.
    """
    faults = []
    for follower in _followers(places, clock=clock):
        try:
            follower.follow(Event())
        except (AnchorFault, DamagedTree, InvalidNote) as error:
            faults.append(str(error))
    if faults:
        raise AnchorFault("; ".join(faults))


def _followers(places: Places, *, clock: Clock) -> list[Follower]:
    steps: dict[str, Step] = {}
    try:
        if (bucket := chosen.bucket(clock=clock)) is not None:
            steps[chosen.BUCKET] = _into_bucket(bucket)
        if (witness := chosen.witness()) is not None:
            steps[chosen.WITNESS] = _to_witness(witness, places)
        if (mailbox := chosen.mailbox()) is not None:
            steps[chosen.MAIL] = _by_mail(mailbox, clock)
    except InvalidKey as error:
        raise ImproperlyConfigured(f"AUDIT_WITNESS_KEY: {error}") from None
    where = chosen.remote()
    return [Follower(name, where[name], step, places=places, clock=clock) for name, step in steps.items()]


def _into_bucket(bucket: Bucket) -> Step:
    """Put every checkpoint, in order."""
    kept: int | None = None  # so far

    def step(newest: AuditCheckpoint) -> Iterator[int]:
        nonlocal kept
        if kept is None:
            kept = bucket.last_size(_content(newest).origin, most=newest.size)
        while kept < newest.size:
            missing = AuditCheckpoint.objects.filter(size__gt=kept, size__lte=newest.size).order_by("size")
            for each in list(missing[:_AT_ONCE]):
                bucket.put(_content(each), each.note)
                kept = each.size
                yield kept

    return step


def _to_witness(witness: Witness, places: Places) -> Step:
    """Submit the newest checkpoint, and keep it with its cosignature."""
    known = 0
    with suppress(OSError, InvalidNote, UnicodeDecodeError):
        known = parse_text(split(places.cosigned.read_text(encoding="utf-8"))[0]).size

    def step(newest: AuditCheckpoint) -> Iterator[int]:
        nonlocal known
        if newest.size == known:
            return
        note = witness.submit(newest.note, known=known, proof=stored_tree().consistency_proof)
        files.write_whole(places.cosigned, note, mode=0o644)
        known = newest.size
        yield known

    return step


def _by_mail(mailbox: Mailbox, clock: Clock) -> Step:
    """Mail the newest checkpoint when the last mail, of which the log itself knows, is old enough."""

    sent: datetime | None = None  # also where it could not be recorded: nobody is mailed again and again

    def step(newest: AuditCheckpoint) -> Iterator[int]:
        nonlocal sent
        mails = AuditRecord.objects.filter(action=MAILED).order_by("-id")
        last = mails.values_list("recorded_at", flat=True).first()
        last = max(filter(None, (last, sent)), default=None)
        if last is not None and clock() - last < chosen.mail_interval():
            return
        mailbox.send(newest.note)
        sent = clock()
        own_records.record(
            MAILED,
            f"The checkpoint of {newest.size} records was sent by e-mail to {len(mailbox.recipients)} addresses.",
            at=clock(),
            command="seal_audit",
            details={"size": newest.size, "root": newest.root_hash},
        )
        yield newest.size

    return step


def _content(row: AuditCheckpoint) -> Checkpoint:
    return parse_text(split(row.note)[0])
