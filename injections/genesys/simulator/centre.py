"""The living contact centre: who calls, who answers, what changes; driven by `tick`."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from injections.genesys.simulator.arrivals import Arrivals, backdate
from injections.genesys.simulator.calls import ALERTING, CONNECTED, Call, Leg
from injections.genesys.simulator.people import QUEUES, Queue

Listener = Callable[[Call], None]
_SHORTEST_CALL_S, _LONGEST_CALL_S = 120.0, 900.0
_FORGET_AFTER_S = 60.0
_SHARE_OF_CALLS_RINGING = 0.08
_USUAL_SIZE = 40


@dataclass(frozen=True, slots=True)
class StableCall:
    """A call that is kept as it is, so that a demo always finds one of its kind."""

    label: str
    consent: str = "true"
    held: bool = False
    secure_pause: bool = False
    barged: bool = False
    answered: bool = True
    queue: Queue = QUEUES[0]


STABLE_CALLS = (
    StableCall("consenting"),
    StableCall("consenting", queue=QUEUES[1]),
    StableCall("consenting", queue=QUEUES[2]),
    StableCall("consenting"),
    StableCall("consenting, hidden queue", queue=QUEUES[3]),
    StableCall("consent attribute missing", consent="missing"),
    StableCall("consent denied", consent="false", queue=QUEUES[1]),
    StableCall("no attributes", consent="none", queue=QUEUES[2]),
    StableCall("on hold", held=True),
    StableCall("secure pause", secure_pause=True),
    StableCall("already barged", barged=True, queue=QUEUES[1]),
    StableCall("ringing", answered=False, queue=QUEUES[2]),
)


class Centre:
    """Every call there is, and the chance that moves them.

    Time comes from `clock` (aware datetimes) and chance from `rng`. `churn` is the number of changes a second
    beside arrivals and ends; `speed` makes everything happen that much faster.
    """

    def __init__(
        self,
        *,
        rng: random.Random,
        clock: Callable[[], datetime],
        size: int,
        churn: float = 1.0,
        speed: float = 1.0,
        quiet: bool = False,
    ) -> None:
        self._rng = rng
        self.clock = clock
        self._size = size
        self._churn = churn
        self._speed = speed
        self._quiet = quiet
        self._arrivals = Arrivals(rng=rng, agents=size + size // 2 + 10)
        self._calls: dict[str, Call] = {}
        self._listeners: list[Listener] = []
        self._ticked_at = clock()
        self._next_arrival_at = self._ticked_at
        self._changes_owed = 0.0

    # --- what others read ------------------------------------------------------------------------------

    def find(self, conversation_id: str) -> Call | None:
        """Find a call, live or ended not long ago."""
        return self._calls.get(conversation_id)

    def calls(self) -> list[Call]:
        """List all calls, the oldest first."""
        return sorted(self._calls.values(), key=lambda call: (call.started_at, call.id))

    def live_calls(self) -> Iterable[Call]:
        """List the calls that go on."""
        return [call for call in self._calls.values() if call.is_live]

    def subscribe(self, listener: Listener) -> None:
        """Have `listener` told of each call that changed."""
        self._listeners.append(listener)

    def announce(self, call: Call) -> None:
        """Tell everybody that a call has changed."""
        for listener in list(self._listeners):
            listener(call)

    # --- what can be done to it ------------------------------------------------------------------------

    def populate(self) -> None:
        """Fill the centre: the stable calls first, then calls in the middle of their lives."""
        for wanted in STABLE_CALLS[: self._size]:
            self._add_stable(wanted)
        for _ in range(self._size - len(self._calls)):
            self._add_running()

    def add(
        self,
        *,
        label: str | None = None,
        answered: bool = True,
        consent: str | None = None,
        agent_name: str | None = None,
        queue: Queue | None = None,
        direction: str | None = None,
        caller_name: str | None = None,
        caller_address: str | None = None,
    ) -> Call:
        """Let a call arrive now; one with a label is left alone by the living centre."""
        now = self.clock()
        call = self._arrivals.call(
            now=now,
            agent=self._arrivals.free_agent(self._busy()),
            answered=answered,
            queue=queue,
            direction=direction,
            caller_name=caller_name,
            caller_address=caller_address,
        )
        call.label = label
        if consent is not None:
            call.agent.set_consent(consent)
        if agent_name is not None:
            call.agent.name = agent_name
        call.ends_at = now + self._lifetime()
        self._calls[call.id] = call
        return call

    def transfer(self, call: Call, *, answered: bool) -> Leg:
        """Hand a call to another agent."""
        now = self.clock()
        successor = self._arrivals.agent_leg(
            self._arrivals.free_agent(self._busy()), now=now, answered=answered
        )
        call.transfer(successor, now)
        return successor

    def barge(self, call: Call) -> None:
        """Let a supervisor barge in by phone."""
        call.legs.append(self._arrivals.supervisor_leg(barged=call.agent, now=self.clock()))

    def forget(self, call: Call) -> None:
        """Let the platform forget a call, so that it answers 404."""
        del self._calls[call.id]

    # --- time passing ----------------------------------------------------------------------------------

    def tick(self) -> None:
        """Let happen what is due by now."""
        now = self.clock()
        elapsed = (now - self._ticked_at).total_seconds()
        self._ticked_at = now
        self._forget_old(now)
        if self._quiet:
            return
        for call in self._moving():
            self._live_on(call, now)
        self._receive_arrivals(now)
        self._changes_owed += elapsed * self._churn * self._speed
        while self._changes_owed >= 1:
            self._changes_owed -= 1
            self._change_something()

    def _busy(self) -> set[str]:
        return {call.agent.user_id for call in self.live_calls() if call.agent.user_id is not None}

    def _lifetime(self) -> timedelta:
        return timedelta(seconds=self._rng.uniform(_SHORTEST_CALL_S, _LONGEST_CALL_S) / self._speed)

    def _add_stable(self, wanted: StableCall) -> None:
        call = self.add(
            label=wanted.label, answered=wanted.answered, consent=wanted.consent, queue=wanted.queue
        )
        backdate(call, by=timedelta(seconds=self._rng.uniform(60, 600)))
        call.agent.held = wanted.held
        call.secure_pause = wanted.secure_pause
        if wanted.barged:
            self.barge(call)

    def _add_running(self) -> None:
        call = self.add(answered=self._rng.random() > _SHARE_OF_CALLS_RINGING)
        if call.agent.state == CONNECTED and call.ends_at is not None:
            age = (call.ends_at - call.started_at) * self._rng.random()
            backdate(call, by=age)
            call.ends_at -= age

    def _moving(self) -> list[Call]:
        return [call for call in self.live_calls() if call.label is None]

    def _live_on(self, call: Call, now: datetime) -> None:
        if call.ends_at is not None and call.ends_at <= now:
            call.end(now)
            self.announce(call)
        elif call.agent.state == ALERTING:
            rung = (now - call.agent.started_at).total_seconds() * self._speed
            if rung >= 3 + int(call.id[0], 16) / 2:
                call.agent.connect(now)
                self.announce(call)

    def _receive_arrivals(self, now: datetime) -> None:
        if now < self._next_arrival_at or sum(1 for _ in self.live_calls()) >= self._size:
            return
        # A larger centre loses more calls in the same time, and has to get as many.
        gap = self._rng.uniform(0.2, 3) * min(1, _USUAL_SIZE / self._size) / self._speed
        self._next_arrival_at = now + timedelta(seconds=gap)
        self.announce(self.add(answered=False))

    def _forget_old(self, now: datetime) -> None:
        limit = now - timedelta(seconds=_FORGET_AFTER_S / self._speed)
        for call in list(self._calls.values()):
            if call.ended_at is not None and call.ended_at < limit:
                self.forget(call)

    def _change_something(self) -> None:
        connected = [call for call in self._moving() if call.agent.state == CONNECTED]
        if not connected:
            return
        call = self._rng.choice(connected)
        if call.agent.held:
            call.agent.held = False
        elif call.secure_pause:
            call.secure_pause = False
        else:
            self._disturb(call)
        self.announce(call)

    def _disturb(self, call: Call) -> None:
        match self._rng.choices(["hold", "secure pause", "transfer", "withdraw"], [50, 25, 15, 10])[0]:
            case "hold":
                call.agent.held = True
            case "secure pause":
                call.secure_pause = True
            case "transfer":
                self.transfer(call, answered=False)
            case _:
                # Only consent that was given can be withdrawn; others keep what they have.
                if call.agent.consent == "true":
                    call.agent.set_consent("false")
