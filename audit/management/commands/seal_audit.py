"""`manage.py seal_audit`: give records their places in the log, sign it, anchor it."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from audit import own_records, sealing, signer
from audit.places import places
from audit.sealer import AnchorFault, Sealer
from audit.sealing import SealingFault
from audit.stored_tree import DamagedTree


class Command(BaseCommand):
    """Runs the sealer until SIGTERM or Ctrl-C."""

    help = "Seal and sign the audit log. Any number may run; one of them works."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command line."""
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--once", action="store_true", help="seal what waits now, and end")
        way.add_argument(
            "--adopt",
            action="store_true",
            help="the file of what was signed last is lost: take the newest stored checkpoint for it",
        )

    def handle(self, *args: Any, once: bool, adopt: bool, **options: Any) -> None:
        """Seal until asked to stop, once, or adopt."""
        try:
            if adopt:
                self._adopt()
            elif once:
                if not Sealer(places(), stop=threading.Event()).run_once():
                    raise CommandError("Another sealer is at work.")
            else:
                self._run()
        except (signer.Refused, SealingFault, DamagedTree, AnchorFault) as error:
            raise CommandError(f"Not sealed, or not anchored: {error}.") from None
        except (OSError, DatabaseError) as error:
            raise CommandError(f"Not sealed: {' '.join(str(error).split())}.") from error

    def _run(self) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write("sealer ready")
        self.stdout.flush()
        Sealer(places(), stop=stop).run()

    def _adopt(self) -> None:
        newest = sealing.newest_checkpoint()
        if newest is None:
            raise CommandError("The log has no checkpoint yet: nothing needs to be adopted.")
        own_records.record(
            "audit.signer_adopted",
            f"The signer was told to take the checkpoint of {newest.size} records for what it signed last.",
            at=timezone.now(),
            command="seal_audit --adopt",
            details={"size": newest.size, "root": newest.root_hash},
        )
        found = signer.adopt(places(), note=newest.note)
        self.stdout.write(f"The signer goes on from {found.size} records.")
