"""What the commands that run on and on share: no start on a database that they could not use, and an end when asked."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bargeportal import starting


class LongRunningCommand(BaseCommand):
    """A process of the portal, which whoever keeps processes may start alone."""

    def check(self, *args: Any, **options: Any) -> None:
        """Check the configuration, then whether the database is there and of this version."""
        super().check(*args, **options)
        for finding in starting.database_findings():
            raise CommandError(finding)


def stop_when_asked() -> threading.Event:
    """Return what SIGTERM and Ctrl-C will set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
