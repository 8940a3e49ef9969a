"""`manage.py seal_audit`: give records their places in the log, sign it, anchor it."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from audit import anchoring, key_rotation, own_records, sealing, signer
from audit.anchors import AnchorFault
from audit.notes import InvalidKey
from audit.places import places
from audit.sealer import Sealer
from audit.sealing import SealingFault
from audit.stored_tree import DamagedTree
from audit.turns import turn


class Command(BaseCommand):
    """Runs the sealer until SIGTERM or Ctrl-C."""

    requires_system_checks: list[str] = []  # noqa: RUF012  declared so by Django; needs no platform
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
        way.add_argument("--rotate", action="store_true", help="hand the log over to a new key, and end")

    def handle(self, *args: Any, once: bool, adopt: bool, rotate: bool, **options: Any) -> None:
        """Seal until asked to stop, once, or adopt."""
        try:
            if adopt:
                self._adopt()
            elif rotate:
                self._rotate()
            elif once:
                self._seal_once()
            else:
                self._run()
        except (signer.Refused, SealingFault, DamagedTree, AnchorFault, InvalidKey) as error:
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

    def _seal_once(self) -> None:
        if not Sealer(places(), stop=threading.Event()).run_once():
            raise CommandError("Another sealer is at work.")
        anchoring.follow_once(places(), clock=timezone.now)

    def _rotate(self) -> None:
        rotation = signer.Rotation(places())
        own_records.record(
            key_rotation.ACTION,
            "The log was handed over to a new signing key.",
            at=timezone.now(),
            command="seal_audit --rotate",
            details={"statement": rotation.announce()},
        )
        with turn(places(), is_patient=True):
            # The old key vouches for the record that names its successor.
            Sealer(places(), stop=threading.Event()).work()
            rotation.complete()
        self.stdout.write("The log has a new signing key. Hand out the new public keys.")

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
