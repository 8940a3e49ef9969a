"""Verifications, each on record: of a command at once, or asked for on the integrity page and done by who seals."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Final

from django.db import DatabaseError, IntegrityError, close_old_connections, connection, transaction
from django.db.models import Q
from django.utils import timezone

from audit import own_records, services
from audit.canonical import clean_text
from audit.entry import Actor, Entry, Source
from audit.models import AuditVerification
from audit.notes import InvalidKey, PublicKey
from audit.places import Places
from audit.verification.elsewhere import Elsewhere
from audit.verification.log import Verification
from audit.verification.report import Progress, Report
from audit.verification.witnesses import read_keys

ACTION: Final = "audit.verified"
ASKED: Final = "audit.verification_asked"
_EVERY: Final = timedelta(seconds=1)
_DEAD: Final = timedelta(seconds=60)  # who gave no sign of life for so long works on it no more
log = logging.getLogger(__name__)


class NotVerified(Exception):
    """The verification broke off; the message is a sentence without its end, and it is on record."""


class _Stopped(Exception):
    """This process ends; another goes on."""


def verify(
    places: Places,
    *,
    is_full: bool,
    command: str,
    progress: Progress,
    key: Path | None = None,
    anchor_files: Sequence[Path] | None = None,
    receipt_files: Sequence[Path] = (),
    processes: int = 1,
) -> Report:
    """Verify the log and record what came of it. Without the record there is no result.

    `key` and `anchor_files` stand for those of this installation where they are not given.

    Raises:
        NotVerified: the verification broke off.
    """

    def run(keys: list[PublicKey]) -> Report:
        return Verification(
            places=places,
            keys=keys,
            anchor_files=_anchor_files(places, anchor_files),
            elsewhere=Elsewhere.configured(),
            is_full=is_full,
            at=timezone.now(),
            progress=progress,
            receipt_files=receipt_files,
            processes=processes,
        ).run()

    try:
        keys = _keys(places, key)
        report = run(keys)
        if not keys and (made := _keys(places, key)):
            report = run(made)  # the log's first checkpoint was signed meanwhile
    except (OSError, UnicodeDecodeError, InvalidKey, BrokenProcessPool, DatabaseError) as error:
        why = " ".join(str(error).split())
        with suppress(DatabaseError):  # what the database itself broke off, it may well not record
            _record_breaking_off(why, command=command)
        raise NotVerified(why) from error
    _record(report, is_full=is_full, command=command)
    return report


def sentence(report: Report) -> str:
    """Return what was looked at, and what is wrong with it."""
    count = len(report.faults) + report.more
    found = (
        "No fault."
        if count == 0
        else f"{count} fault{'s' if count > 1 else ''}, the first: {report.faults[0]}"
    )
    receipts = f", and {report.receipts} receipts" if report.receipts else ""
    return (
        f"Verified {report.size - report.begin} of {report.size} records, {report.checkpoints} checkpoints and"
        f" {report.anchors} anchors{receipts}. {found}"
    )


def ask(*, is_full: bool, by: Actor, source: Source) -> None:
    """Ask for a verification, on record. Whoever asks while one of the kind is open waits for the same."""
    now = timezone.now()
    with suppress(IntegrityError), transaction.atomic(durable=True):
        if AuditVerification.objects.filter(is_full=is_full, ended_at=None).exists():
            return
        AuditVerification.objects.create(is_full=is_full, asked_by=by.name, asked_at=now)
        services.append(
            Entry(
                action=ASKED,
                outcome="done",
                actor=by,
                source=source,
                summary=f"{by.name} had {'all of' if is_full else 'what is new in'} the audit log verified.",
                details={"full": is_full},
                occurred_at=now,
            )
        )


@contextmanager
def at_work(places: Places, *, stop: Event) -> Iterator[None]:
    """Do what is asked for in a thread of its own while the block runs, which ends when `stop` is set."""
    thread = Thread(target=_work, args=[places, stop], name="verifier", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(3.0)


def verify_next(places: Places, *, stop: Event) -> bool:
    """Take what was asked for longest and verify; return whether there was anything to do."""
    row = _taken()
    if row is None:
        return False
    mine = AuditVerification.objects.filter(pk=row.pk, ended_at=None)
    told = timezone.now()

    def progress(done: int, total: int) -> None:
        nonlocal told
        if stop.is_set():
            raise _Stopped
        if (at := timezone.now()) - told >= _EVERY:
            told = at
            mine.update(seen_at=at, done=done, total=total)

    command = f"seal_audit, as {row.asked_by} asked on the integrity page"
    try:
        report = verify(places, is_full=row.is_full, command=command, progress=progress)
    except _Stopped:
        mine.update(seen_at=None)
    except NotVerified as error:
        mine.update(ended_at=timezone.now(), result=f"It broke off: {error}.")
    else:
        mine.update(
            ended_at=timezone.now(),
            done=report.size - report.begin,
            total=report.size - report.begin,
            is_whole=not report.faults,
            result="\n".join(
                [sentence(report), *(f"Fault: {each}" for each in report.faults), *report.notices]
            ),
        )
    return True


def _taken() -> AuditVerification | None:
    """Take the oldest that nobody works on; None when there is none, or another was quicker."""
    now = timezone.now()
    free = Q(seen_at=None) | Q(seen_at__lt=now - _DEAD)
    row = AuditVerification.objects.filter(free, ended_at=None).order_by("asked_at").first()
    if (
        row is None
        or AuditVerification.objects.filter(pk=row.pk, seen_at=row.seen_at, ended_at=None).update(seen_at=now)
        != 1
    ):
        return None
    return row


def _work(places: Places, stop: Event) -> None:
    while not stop.wait(_EVERY.total_seconds()):
        close_old_connections()
        try:
            while not stop.is_set() and verify_next(places, stop=stop):
                pass
        except Exception:
            log.exception("What was asked for on the integrity page could not be verified")
            connection.close()
            stop.wait(5.0)
    connection.close()


def _keys(places: Places, given: Path | None) -> list[PublicKey]:
    """Return the keys to trust: those given, or those of this installation, none before its first checkpoint."""
    paths = [places.public_keys, places.receipt_keys] if given is None else [given]
    return [key for path in paths if given is not None or path.exists() for key in read_keys(path)]


def _anchor_files(places: Places, given: Sequence[Path] | None) -> Sequence[Path]:
    if given is None:
        return [places.anchors] if places.anchors.exists() else []
    return given


def _record_breaking_off(why: str, *, command: str) -> None:
    own_records.record(
        ACTION,
        clean_text(f"The verification of the log broke off: {why}."),
        at=timezone.now(),
        command=command,
        outcome="failed",
        reason_code="broke_off",
    )


def _record(report: Report, *, is_full: bool, command: str) -> None:
    own_records.record(
        ACTION,
        clean_text(sentence(report)),
        at=timezone.now(),
        command=command,
        outcome="failed" if report.faults else "done",
        reason_code="log_damaged" if report.faults else "",
        details={
            "full": is_full,
            "from": report.begin,
            "size": report.size,
            "checkpoints": report.checkpoints,
            "anchors": report.anchors,
            "faults": [clean_text(fault, limit=300) for fault in report.faults],
            "more_faults": report.more,
        },
    )
