"""`manage.py evidence_pack`: what a search found in the log, as a zip that others verify without us."""

import tempfile
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from audit import files, own_records
from audit.canonical import NotCanonical
from audit.entry import OUTCOMES
from audit.evidence.export import ACTION, export
from audit.evidence.pack import NotMade, Pack
from audit.searching import days
from audit.services import NotRecorded

_CHUNK = 1 << 18
_FILTERS = (
    "text", "action", "outcome", "actor", "conversation_id", "clip_id", "injection_id", "reason_code", "from", "to"
)  # fmt: skip


class Command(BaseCommand):
    """Makes a pack, records that it did, and writes it."""

    requires_system_checks: list[str] = []  # noqa: RUF012  declared so by Django; an auditor has the log alone
    help = "Write an evidence pack: records of the log with the proof of each, to be verified by outsiders."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command line."""
        add = parser.add_argument
        add("--out", metavar="FILE", type=Path, required=True, help="where the zip is written")
        add("--text", default="", help="words of the sentence, a person, a code, digits of an identifier")
        add("--action", default="", help="such as injection.refused")
        add("--outcome", default="", choices=OUTCOMES)
        add("--actor", default="", metavar="PERSON", help="an actor's id or whole name")
        for name, what in (("conversation", "call"), ("clip", "recording"), ("injection", "injection")):
            add(f"--{name}-id", metavar="UUID", type=UUID, help=f"records of one {what}")
        add("--reason-code", default="", metavar="CODE")
        add("--from", metavar="DAY", type=_day, help="the first day of recording, in UTC")
        add("--to", metavar="DAY", type=_day, help="the last day of recording, in UTC")
        add(
            "--since",
            metavar="CHECKPOINT",
            type=Path,
            help="a checkpoint that the reader holds: also prove that the log has only grown since",
        )

    def handle(self, *args: Any, out: Path, since: Path | None, **options: Any) -> None:
        """Make, record, write."""
        now = timezone.now()

        def record(**entry: Any) -> None:
            own_records.record(ACTION, at=now, command="evidence_pack", **entry)

        try:
            held = None if since is None else since.read_text(encoding="utf-8")
            with tempfile.TemporaryFile() as file:
                pack = export(_conditions(options), into=file, since=held, record=record, now=now)
                files.write_chunks(out, _chunks(file))
        except (NotMade, NotRecorded, NotCanonical, OSError, UnicodeDecodeError) as error:
            raise CommandError(f"There is no pack: {error}.") from error
        except DatabaseError as error:
            raise CommandError(f"There is no pack: {' '.join(str(error).split())}.") from error
        self._tell(out, pack)

    def _tell(self, out: Path, pack: Pack) -> None:
        self.stdout.write(
            f"{out}: {pack.found['records']} records and {pack.recordings} recordings, proved against the checkpoint of"
            f" {pack.checkpoint.size} records. SHA-256 {pack.sha256}, on record."
        )
        if pack.not_yet_sealed:
            self.stdout.write(
                f"note   {pack.not_yet_sealed} more are not sealed yet, and are not in the pack: is a sealer running?"
            )
        self.stdout.write("Verify it with: python3 -I verify.py, which is inside.")


def _conditions(options: dict[str, Any]) -> dict[str, Any]:
    """Return what to ask of `selectors.search`."""
    given = {name: options[name] for name in _FILTERS}
    first, last = given.pop("from"), given.pop("to")
    if first is not None and last is not None and last < first:
        raise CommandError("There is no pack: the last day is before the first one.")
    since, until = days(first, last)
    return given | {"since": since, "until": until}


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a day such as 2026-11-22") from None


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk
