"""`manage.py verify_audit`: find whether anything in the audit log was changed, removed, reordered or hidden."""

import os
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.places import places
from audit.verification.report import Report
from audit.verifier import NotVerified, sentence, verify

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
        try:
            report = verify(
                places(),
                is_full=full,
                command="verify_audit --full" if full else "verify_audit",
                progress=self._progress(),
                key=key,
                anchor_files=anchors,
                receipt_files=receipt,
                processes=min(os.cpu_count() or 1, _MOST_PROCESSES),
            )
        except NotVerified as error:
            raise CommandError(f"The log cannot be verified: {error}.") from error
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
        self.stdout.write(f"{sentence(report)} It took {seconds:.1f} s.")

    def _progress(self) -> Any:
        due = time.monotonic() + _PROGRESS_S

        def show(done: int, total: int) -> None:
            nonlocal due
            if time.monotonic() >= due:
                due = time.monotonic() + _PROGRESS_S
                self.stderr.write(f"{done:,} of {total:,} records")

        return show
