"""What can go wrong between portal and platform, made to go wrong in the simulator or at a chosen moment."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from django.test import Client

from injections import wiring
from tests.support.simulator_process import SimulatorProcess

NOBODY: Final = "http://127.0.0.1:9"
COMMAND: Final = {"method": "POST", "path": "/interactions$"}
CALL: Final = {"method": "GET", "path": "/conversations/voice/[^/]+$"}
PARTICIPANT: Final = {"method": "GET", "path": "/participants/[^/]+$"}
MOMENTS: Final = ("checked", "answered", "waiting")


@dataclass
class World:
    """A portal, its platform, and the moments at which something can go wrong between them."""

    simulator: SimulatorProcess
    settings: Any
    address: str
    shift: timedelta = timedelta(0)
    plans: dict[str, list[Callable[[], None]]] = field(default_factory=dict)

    def at(self, moment: str, what: Callable[[], None]) -> None:
        """Let it happen when a moment comes next.

        `checked`: the intent is written, nothing sent; `answered`: come back, not yet written; `waiting`: queued.
        """
        assert moment in MOMENTS
        self.plans.setdefault(moment, []).append(what)

    def reach(self, moment: str) -> None:
        for what in self.plans.pop(moment, []):
            what()

    def connect(self, url: str) -> None:
        """Have the portal look for the platform's API there."""
        wiring.client().close()
        self.settings.GENESYS_API_URL = url

    def report(self) -> None:
        """Send the platform's report of everything that it took."""
        for entry in self.simulator.interactions():
            if entry["accepted"]:
                self.post(
                    {name: entry[name] for name in ("conversationId", "participantId", "interactionId")}
                )

    def post(self, ids: dict[str, str], *, outcome: str = "completed", times: int = 1) -> None:
        event = {"id": str(uuid4()), "event": "conversation:voice:interaction:completed", "outcome": outcome}
        event |= {"timestamp": datetime.now(UTC).isoformat(), **ids}
        for _ in range(times):
            answer = Client().post(self.address, event, content_type="application/json")
            assert answer.status_code == 200


# Each of these takes the world and the request that it shall meet.
Where = dict[str, Any]
Plant = Callable[[World, Where], None]


def planted(kind: str, *, times: int | None = 1, **action: Any) -> Plant:
    return lambda world, where: world.simulator.plant(kind, times=times, **where, **action)


def answer(status: int, *, retry_after: str | None = None, times: int | None = 1, **action: Any) -> Plant:
    return planted("status", status=status, headers={"Retry-After": retry_after}, times=times, **action)


def always(status: int, **action: Any) -> Plant:
    return answer(status, times=None, **action)


def later(status: int, *, in_s: int) -> Plant:
    """Answer with an HTTP date as `Retry-After`."""

    def plant(world: World, where: Where) -> None:
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=in_s), usegmt=True)
        answer(status, retry_after=date)(world, where)

    return plant


def elsewhere(url: str) -> Plant:
    """Have the portal look for the platform where it is not, once."""

    def plant(world: World, where: Where) -> None:
        address = url.format(port=urlsplit(world.simulator.url).port)
        if where is COMMAND:
            world.at("checked", lambda: world.connect(address))
        else:
            world.connect(address)
        world.at("answered", lambda: world.connect(world.simulator.url))

    return plant


def slow(world: World, where: Where) -> None:
    """Let the answer to the command take longer than the portal waits."""
    world.at("checked", lambda: world.simulator.set_latency(1500))
    world.at("answered", lambda: world.simulator.set_latency(0))


def gone(world: World, where: Where) -> None:
    world.connect(NOBODY)


def revoked(world: World, where: Where) -> None:
    world.at("checked", lambda: world.simulator.expire_tokens(revoke=True))


def revoked_and_no_login(world: World, where: Where) -> None:
    revoked(world, where)
    world.at("checked", lambda: world.simulator.plant("status", path="/oauth/token$", status=503))


def clock_steps(by: timedelta, *, moment: str) -> Plant:
    """Set the clock while the request waits for a second try, or between the check and the command."""

    def plant(world: World, where: Where) -> None:
        if moment == "waiting":
            answer(503)(world, where)
        world.at(moment, lambda: setattr(world, "shift", by))

    return plant


def early(times: int) -> Plant:
    """Let the report come before the answer that names its interaction."""

    def plant(world: World, where: Where) -> None:
        for _ in range(times):
            world.at("answered", world.report)

    return plant


def together(*plants: Plant) -> Plant:
    def plant(world: World, where: Where) -> None:
        for one in plants:
            one(world, where)

    return plant


nothing: Plant = lambda world, where: None  # noqa: E731  a row of the table, like its neighbours
