"""`manage.py watch`: keep the board of live calls true."""

from typing import Any

from bargeportal.management.long_running import LongRunningCommand, stop_when_asked
from injections import wiring
from injections.live.watcher import Watcher


class Command(LongRunningCommand):
    """Runs the call watcher until SIGTERM or Ctrl-C."""

    help = "Watch the live calls of all queues and keep the board true."

    def handle(self, *args: Any, **options: Any) -> None:
        """Watch until asked to stop."""
        Watcher(wiring.client(), stop=stop_when_asked()).run()
