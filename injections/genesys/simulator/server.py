"""The simulator put together, and its life as a process."""

import asyncio
import logging
import os
import random
import signal
import sys
import time
from datetime import UTC, datetime

from injections.genesys.simulator.api_errors import ApiError
from injections.genesys.simulator.centre import Centre
from injections.genesys.simulator.commands import is_loopback
from injections.genesys.simulator.control_routes import PREFIX, ControlRoutes
from injections.genesys.simulator.faults import Fault, Faults
from injections.genesys.simulator.http_server import HttpServer
from injections.genesys.simulator.ledger import Ledger
from injections.genesys.simulator.messages import CORRELATION, Request, Response
from injections.genesys.simulator.notifications import Notifications
from injections.genesys.simulator.options import Options
from injections.genesys.simulator.platform_routes import PlatformRoutes
from injections.genesys.simulator.playback import Player
from injections.genesys.simulator.routing import Router
from injections.genesys.simulator.sockets import Sockets
from injections.genesys.simulator.tokens import Tokens
from injections.genesys.simulator.voice_routes import INTERACTIONS, VoiceRoutes
from injections.genesys.simulator.webhooks import Webhooks

_TICK_S = 0.1
_TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path, not a secret

logger = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class Simulator:
    """Every part, wired to the others."""

    def __init__(self, options: Options) -> None:
        rng = random.Random(options.seed)  # noqa: S311 - it plays a contact centre, it guards nothing
        self.centre = Centre(
            rng=rng,
            clock=_now,
            size=options.calls,
            churn=options.churn,
            speed=options.speed,
            quiet=options.quiet_centre,
        )
        self.tokens = Tokens(
            client_id=options.client_id,
            client_secret=options.client_secret,
            clock=time.monotonic,
            lifetime_s=options.token_lifetime,
            allowed=options.rate_limit,
        )
        self.faults, self.ledger, self.webhooks = Faults(), Ledger(), Webhooks()
        self.player = Player(webhooks=self.webhooks, clock=_now, speed=options.speed)
        self.notifications = Notifications(clock=_now, rng=rng)
        self.centre.subscribe(self.player.on_change)
        self.centre.subscribe(self.notifications.on_change)
        self.centre.populate()
        self._build_routes(options)
        sockets = Sockets(notifications=self.notifications, heartbeat_s=options.heartbeat)
        self.server = HttpServer(app=self.answer, upgrade=sockets.serve)

    def _build_routes(self, options: Options) -> None:
        self.router = Router()
        self._voice = VoiceRoutes(
            centre=self.centre, ledger=self.ledger, player=self.player, webhooks=self.webhooks, clock=_now
        )
        self._control = ControlRoutes(
            centre=self.centre,
            faults=self.faults,
            ledger=self.ledger,
            player=self.player,
            tokens=self.tokens,
            webhooks=self.webhooks,
            notifications=self.notifications,
        )
        self._control.latency_s = options.latency_ms / 1000
        self.router.add("POST", _TOKEN_PATH, self._issue_token)
        self._voice.add_to(self.router)
        self._control.add_to(self.router)
        PlatformRoutes(centre=self.centre, notifications=self.notifications).add_to(self.router)

    async def _issue_token(self, request: Request, _params: dict[str, str]) -> Response:
        return self.tokens.issue(request)

    # --- answering -------------------------------------------------------------------------------------

    async def answer(self, request: Request) -> Response:
        """Answer one request: control at once, all else with its planted fault and the set latency."""
        if request.path.startswith(PREFIX):
            return await self._answer_control(request)
        self.ledger.requests[self.router.template(request)] += 1
        fault = self.faults.take(request)
        response = await (self._carry_out(request) if fault is None else self._answer_with(fault, request))
        self.ledger.answers[response.status] += 1
        passed = asyncio.get_running_loop().time() - request.received_at
        if self._control.latency_s > passed:
            await asyncio.sleep(self._control.latency_s - passed)
        return response

    async def _answer_control(self, request: Request) -> Response:
        if not is_loopback(request.peer):
            return ApiError(403).response(request.correlation_id)
        try:
            return await self._dispatch(request)
        except ApiError as error:
            return error.response(request.correlation_id)

    async def _answer_with(self, fault: Fault, request: Request) -> Response:
        await asyncio.sleep(fault.delay_before_s)
        if not fault.carried_out:
            self._write_down_stopped(fault, request)
            return fault.spoil(fault.stand_in(request.correlation_id))
        response = await self._carry_out(request)
        for entry in self.ledger.entries:
            if entry.correlation_id == request.correlation_id:
                entry.fault = fault.kind
        return fault.spoil(fault.stand_in(request.correlation_id) if fault.replaces_answer else response)

    async def _carry_out(self, request: Request) -> Response:
        headers = {CORRELATION: request.correlation_id}
        try:
            if request.path != _TOKEN_PATH:
                headers |= self.tokens.check(request)
            response = await self._dispatch(request)
        except ApiError as error:
            response = error.response(request.correlation_id)
        response.headers = {**headers, **response.headers}
        return response

    def _write_down_stopped(self, fault: Fault, request: Request) -> None:
        try:
            route, params = self.router.find(request)
        except ApiError:
            return
        if route.template == INTERACTIONS:
            entry = self._voice.write_down(request, params)
            entry.fault, entry.status, entry.refused_because = fault.kind, fault.status, "a planted fault"

    async def _dispatch(self, request: Request) -> Response:
        route, params = self.router.find(request)
        try:
            return await route.handler(request, params)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            # Bodies are checked where it matters to the contract; what is odder than that ends here.
            logger.exception("%s %s", request.method, request.path)
            raise ApiError(400) from error

    # --- living ----------------------------------------------------------------------------------------

    async def live(self) -> None:
        """Let time pass in the contact centre."""
        while True:
            await asyncio.sleep(_TICK_S)
            self.centre.tick()

    async def stop(self) -> None:
        """Drop every connection and everything that is playing."""
        await self.server.stop()
        await self.player.stop()


def _announce(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _stop_signal(options: Options) -> asyncio.Event:
    """Give an event that is set by SIGTERM, SIGINT, and on request by the end of standard input."""
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if options.exit_with_stdin:
        source = sys.stdin.fileno()
        loop.add_reader(source, lambda: None if os.read(source, 4096) else stopping.set())
    return stopping


async def serve(options: Options) -> int:
    """Serve until told to stop; give the exit status."""
    stopping = _stop_signal(options)
    simulator = Simulator(options)
    try:
        port = await simulator.server.start(host=options.host, port=options.port)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno is not None else str(error)
        where = f"{options.host} port {options.port}"
        logger.error("cannot listen on %s: %s", where, reason)  # noqa: TRY400 - a traceback would hide the sentence
        return 1
    living = asyncio.ensure_future(simulator.live())
    _announce(f"simulator ready http://{options.host}:{port}")
    ended = asyncio.ensure_future(stopping.wait())
    await asyncio.wait([living, ended], return_when=asyncio.FIRST_COMPLETED)
    living.cancel()
    await simulator.stop()
    if not ended.done():
        ended.cancel()
        living.result()
    return 0


def run(options: Options) -> int:
    """Run the simulator as this process; give the exit status."""
    log = logging.StreamHandler(sys.stdout)
    log.setFormatter(logging.Formatter("simulator: %(message)s"))
    package = logging.getLogger("injections.genesys.simulator")
    package.addHandler(log)
    package.setLevel(logging.INFO)
    package.propagate = False
    return asyncio.run(serve(options))
