"""`manage.py up`: the whole portal on this machine, until Ctrl-C."""

import contextlib
import os
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, BooleanOptionalAction
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.utils import timezone

from bargeportal import starting
from bargeportal.env import Environment
from bargeportal.management.needs_database import DatabaseCommand
from bargeportal.processes import free_port, port_problem
from bargeportal.rights import seed_roles
from bargeportal.scratch import take_scratch_folder
from bargeportal.starting import Plan
from bargeportal.supervision import DiedAtStart, StopRequested, Supervisor

_READY_WITHIN_S: Final = 60.0


class Command(DatabaseCommand):
    """Start web, worker, watcher and simulator, and keep them running."""

    help = "Start everything, say when it is ready, keep it running, stop it all on Ctrl-C."
    requires_system_checks: list[str] = []  # noqa: RUF012  declared so by Django; run below, with what is set here

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command line."""
        parser.add_argument(
            "--port", type=_port, default=settings.PORT, help="the port of the web server (PORT)"
        )
        parser.add_argument(
            "--simulator",
            action=BooleanOptionalAction,
            default=True,
            help="run against a simulated contact centre, or against GENESYS_API_URL or the region",
        )
        parser.add_argument(
            "--demo",
            action=BooleanOptionalAction,
            default=None,
            help="make demo people, queues and recordings; by default with the simulator",
        )

    def handle(self, *_args: Any, port: int, simulator: bool, demo: bool | None, **_options: Any) -> None:
        """Start, wait, run, stop."""
        problem = port_problem(port)
        if problem:
            raise CommandError(f"Port {port} {problem}: PORT=8001 make run")
        plan = starting.plan(
            port=port,
            simulator_port=free_port() if simulator else None,
            with_demo=simulator if demo is None else demo,
            environment=os.environ,
        )
        starting.read_settings_of(plan)
        self.check()
        lock = starting.hold_data_dir()
        if lock is None:
            raise CommandError(
                f"A portal is already running with the data in {settings.PORTAL_DATA_DIR}. "
                "Stop it, or set PORTAL_DATA_DIR to another folder."
            )
        take_scratch_folder(settings.SCRATCH_DIR)
        try:
            with (
                lock,
                Supervisor(clock=time.monotonic, say=self._say) as supervisor,
                contextlib.suppress(StopRequested),
            ):
                self._start(supervisor, plan)
                supervisor.run()
                self._say("stopping")
        except DiedAtStart as error:
            raise CommandError(f"The portal did not start: {error}.") from None

    def _start(self, supervisor: Supervisor, plan: Plan) -> None:
        began = timezone.now()
        if plan.simulator_port is not None:
            supervisor.start(starting.program("simulator", plan))
        self._prepare()
        for name in (name for name in plan.names if name != "simulator"):
            supervisor.start(starting.program(name, plan))
        logins = self._seed() if plan.with_demo else ""
        starting.close_database()
        supervisor.wait_until(
            lambda: supervisor.are_ready(*plan.names) and starting.answers(plan.port),
            within_s=_READY_WITHIN_S,
            what="the portal",
        )
        supervisor.wait_until(
            lambda: starting.watcher_news(since=began) is not None,
            within_s=_READY_WITHIN_S,
            what="the watcher",
        )
        problem = starting.watcher_news(since=began)
        if problem:
            self._say(f"no live calls yet: {problem}")
        for line in starting.still_missing():
            self._say(line)
        if logins:
            self.stdout.write(logins)
        self.stdout.write(f"ready http://127.0.0.1:{plan.port}")
        self.stdout.flush()

    def _prepare(self) -> None:
        starting.prepare_database()
        seed_roles()
        starting.prepare_static()
        starting.close_database()

    def _seed(self) -> str:
        from bargeportal import demo

        return demo.seed(where="manage.py up")

    def _say(self, line: str) -> None:
        sys.stderr.write(f"up        | {line}\n")
        sys.stderr.flush()


def _port(text: str) -> int:
    try:
        return Environment({"PORT": text}).integer("PORT", settings.PORT, least=1, most=65535)
    except ImproperlyConfigured as error:
        raise ArgumentTypeError(str(error)) from None
