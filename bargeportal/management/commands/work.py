"""`manage.py work`: the background work of a portal on one machine."""

import logging
import os
import threading
from typing import Any

from audit.places import places
from audit.sealer import Sealer
from bargeportal.management.long_running import LongRunningCommand, stop_when_asked
from injections.worker import Worker


class Command(LongRunningCommand):
    """Runs the embedded worker, and beside it the sealer of the audit log, until SIGTERM or Ctrl-C."""

    help = (
        "Try what is due, settle what was left behind, seal the audit log. "
        "Several machines use Celery and `seal_audit` instead."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Work until asked to stop."""
        stop = stop_when_asked()
        # A daemon: killed at any line, the next one goes on.
        threading.Thread(target=Sealer(places(), stop=stop).run, name="sealer", daemon=True).start()
        self.stdout.write("worker ready")
        if not Worker(stop=stop).run():
            # A thread waits for a platform that does not answer. The interpreter would wait with it.
            logging.shutdown()
            os._exit(0)
