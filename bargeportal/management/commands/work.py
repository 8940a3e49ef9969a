"""`manage.py work`: the background work of a portal on one machine."""

import logging
import os
from typing import Any

from bargeportal.management.long_running import LongRunningCommand, stop_when_asked
from injections.worker import Worker


class Command(LongRunningCommand):
    """Runs the embedded worker until SIGTERM or Ctrl-C."""

    help = "Try what is due and settle what was left behind. Several machines use Celery instead."

    def handle(self, *args: Any, **options: Any) -> None:
        """Work until asked to stop."""
        stop = stop_when_asked()
        self.stdout.write("worker ready")
        if not Worker(stop=stop).run():
            # A thread waits for a platform that does not answer. The interpreter would wait with it.
            logging.shutdown()
            os._exit(0)
