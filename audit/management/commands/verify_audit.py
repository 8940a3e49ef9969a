"""`manage.py verify_audit`: find whether anything in the audit log was changed, removed, reordered or hidden."""

import os
import sys
import time
from argparse import ArgumentParser
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from audit import own_records
from audit.canonical import clean_text
from audit.notes import InvalidKey, PublicKey
from audit.places import Places, places
from audit.verification.elsewhere import Elsewhere
from audit.verification.log import Verification
from audit.verification.report import Report
from audit.verification.witnesses import read_keys

_PROGRESS_S = 2.0
_MOST_PROCESSES = 4  # more would wait for the database


class Command(BaseCommand):
    """Verifies the log, records that it did, and ends with status 1 when anything is wrong."""

    requires_system_checks: list[str] = []  # noqa: RUF012  declared so by Django; an auditor has the log alone
    help = "Verify the audit log: what is new since the last time, or all of it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command line."""
        parser.add_argument(
            "--full", action="store_true", help="read every record again, not only what is new"
        )
        parser.add_argument(
            "--anchors",
            metavar="PATH",
            action="append",
            type=Path,
            help="checkpoints kept elsewhere: a file of anchors, a checkpoint, or a saved mail (may be repeated; "
            "default: AUDIT_ANCHOR_FILE). A bucket or witness that is configured is asked in any case",
        )
        parser.add_argument(
            "--receipt",
            metavar="PATH",
            action="append",
            type=Path,
            default=[],
            help="a receipt for a record (may be repeated)",
        )
        parser.add_argument(
            "--key",
            metavar="PATH",
            type=Path,
            help="the public keys to trust (default: those of this installation)",
        )

    def handle(
        self,
        *args: Any,
        full: bool,
        anchors: list[Path] | None,
        key: Path | None,
        receipt: list[Path],
        **options: Any,
    ) -> None:
        """Verify, record, report."""
        began = time.monotonic()
        here = places()
        try:
            report = Verification(
                places=here,
                keys=_keys(here, key),
                anchor_files=_anchor_files(here, anchors),
                elsewhere=Elsewhere.configured(),
                is_full=full,
                at=timezone.now(),
                progress=self._progress(),
                receipt_files=receipt,
                processes=min(os.cpu_count() or 1, _MOST_PROCESSES),
            ).run()
        except (OSError, InvalidKey, BrokenProcessPool, DatabaseError) as error:
            why = " ".join(str(error).split())
            with suppress(DatabaseError):  # what the database itself broke off, it may well not record
                _record_breaking_off(why, is_full=full)
            raise CommandError(f"The log cannot be verified: {why}.") from error
        _record(report, is_full=full)
        self._tell(report, seconds=time.monotonic() - began)
        if report.faults:
            sys.exit(1)

    def _tell(self, report: Report, *, seconds: float) -> None:
        for fault in report.faults:
            self.stdout.write(f"FAULT  {fault}")
        if report.more:
            self.stdout.write(f"FAULT  and {report.more} more")
        for notice in report.notices:
            self.stdout.write(f"note   {notice}")
        self.stdout.write(f"{_sentence(report)} It took {seconds:.1f} s.")

    def _progress(self) -> Any:
        due = time.monotonic() + _PROGRESS_S

        def show(done: int, total: int) -> None:
            nonlocal due
            if time.monotonic() >= due:
                due = time.monotonic() + _PROGRESS_S
                self.stderr.write(f"{done:,} of {total:,} records")

        return show


def _keys(here: Places, given: Path | None) -> list[PublicKey]:
    """Return the keys to trust: those given, or those of this installation, none before its first checkpoint."""
    paths = [here.public_keys, here.receipt_keys] if given is None else [given]
    return [key for path in paths if given is not None or path.exists() for key in read_keys(path)]


def _anchor_files(here: Places, given: list[Path] | None) -> list[Path]:
    if given is None:
        return [here.anchors] if here.anchors.exists() else []
    return given


def _sentence(report: Report) -> str:
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


def _record_breaking_off(why: str, *, is_full: bool) -> None:
    own_records.record(
        "audit.verified",
        clean_text(f"The verification of the log broke off: {why}."),
        at=timezone.now(),
        command=_command(is_full),
        outcome="failed",
        reason_code="broke_off",
    )


def _command(is_full: bool) -> str:
    return "verify_audit --full" if is_full else "verify_audit"


def _record(report: Report, *, is_full: bool) -> None:
    """Record the verification and what came of it. Without the record its result is not shown."""
    own_records.record(
        "audit.verified",
        clean_text(_sentence(report)),
        at=timezone.now(),
        command=_command(is_full),
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
