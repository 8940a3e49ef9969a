"""`manage.py simulator`: a Genesys Cloud contact centre on this machine, to try the portal against."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from injections.genesys.simulator.options import add_arguments, options_from
from injections.genesys.simulator.server import run


class Command(BaseCommand):
    """Run the simulator until it is told to stop; it needs no database."""

    help = "Simulate a Genesys Cloud contact centre: real HTTP and WebSocket, living calls, faults on demand."
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django declares it so

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Offer the same settings as the module."""
        add_arguments(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Serve until SIGTERM or SIGINT."""
        sys.exit(run(options_from(options)))
