"""New calls and new participants, drawn from a seeded random source."""

import random
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from injections.genesys.simulator.calls import ALERTING, CONNECTED, Call, Leg
from injections.genesys.simulator.people import AGENT_NAMES, CALLER_NAMES, QUEUES, SERVICE_NUMBER, Queue

# How many agents of a hundred have which consent; the words are those of `Leg.set_consent`.
_CONSENT_MIX = {"true": 70, "false": 10, "missing": 10, "none": 8, "null": 2}


@dataclass(frozen=True, slots=True)
class Agent:
    """Somebody who takes calls."""

    user_id: str
    name: str
    consent: str


class Arrivals:
    """Make calls that look as if they came from a real contact centre."""

    def __init__(self, *, rng: random.Random, agents: int) -> None:
        self._rng = rng
        self._agents = [self._agent(number) for number in range(agents)]

    def _agent(self, number: int) -> Agent:
        name = AGENT_NAMES[number % len(AGENT_NAMES)]
        if number >= len(AGENT_NAMES):
            family = AGENT_NAMES[self._rng.randrange(len(AGENT_NAMES))].split(" ", 1)[1]
            name = f"{name.split(' ', 1)[0]} {family}"
        consent = self._rng.choices(list(_CONSENT_MIX), list(_CONSENT_MIX.values()))[0]
        return Agent(self.new_id(), name, consent)

    def new_id(self) -> str:
        """Draw a version 4 UUID."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def free_agent(self, busy: Collection[str]) -> Agent:
        """Pick an agent who is not in a call; somebody takes two calls only when nobody is free."""
        free = [agent for agent in self._agents if agent.user_id not in busy]
        return self._rng.choice(free or self._agents)

    def agent_leg(self, agent: Agent, *, now: datetime, answered: bool) -> Leg:
        """Let an agent's phone ring, or be answered at once."""
        leg = self._leg("agent", agent.name, now)
        leg.address = f"sip:{agent.user_id[:8]}@example.orgspan.com"
        leg.user_id = agent.user_id
        leg.set_consent(agent.consent)
        if answered:
            leg.connect(now)
        return leg

    def supervisor_leg(self, *, barged: Leg, now: datetime) -> Leg:
        """Let a supervisor barge in on an agent."""
        leg = self._leg("user", "Sam Supervisor", now)
        leg.address = "sip:sup.sam@example.orgspan.com"
        leg.user_id = self.new_id()
        leg.barged_participant_id = barged.id
        leg.connect(now)
        return leg

    def call(
        self,
        *,
        now: datetime,
        agent: Agent,
        answered: bool,
        queue: Queue | None = None,
        direction: str | None = None,
        caller_name: str | None = None,
        caller_address: str | None = None,
    ) -> Call:
        """Make a call that begins now, what is not said being drawn."""
        drawn = self._rng.choices(["inbound", "outbound"], [3, 1])[0]
        heading = direction if direction is not None else drawn
        purpose = "customer" if heading == "inbound" else "external"
        name = caller_name if caller_name is not None else self._rng.choice(CALLER_NAMES)
        customer = self._leg(purpose, name, now)
        number = f"tel:+1317555{self._rng.randrange(10_000):04d}"
        customer.address = caller_address if caller_address is not None else number
        customer.attributes = {"customer.accountRef": f"ACC-{self._rng.randrange(10_000):04d}"}
        customer.connect(now)
        agent_leg = self.agent_leg(agent, now=now, answered=answered)
        where = queue if queue is not None else self._rng.choice(QUEUES)
        inbound = [customer, *self._way_in(where, now), agent_leg]
        legs = inbound if heading == "inbound" else [agent_leg, customer]
        return Call(
            id=self.new_id(), queue=where, direction=heading, customer=customer, legs=legs, started_at=now
        )

    def _way_in(self, queue: Queue, now: datetime) -> list[Leg]:
        menu = self._leg("ivr", "Main Inbound", now)
        waiting = self._leg("acd", queue.name, now)
        for leg in (menu, waiting):
            leg.connect(now)
            leg.end(now, how="transfer")
        return [menu, waiting]

    def _leg(self, purpose: str, name: str, now: datetime) -> Leg:
        return Leg(
            id=self.new_id(),
            communication_id=self.new_id(),
            purpose=purpose,
            name=name,
            address=SERVICE_NUMBER,
            state=ALERTING if purpose == "agent" else CONNECTED,
            started_at=now,
        )


def backdate(call: Call, *, by: timedelta) -> None:
    """Move everything that has happened in a call into the past, as if it had begun earlier."""
    call.started_at -= by
    for leg in call.legs:
        leg.started_at -= by
        leg.connected_at = None if leg.connected_at is None else leg.connected_at - by
        leg.ended_at = None if leg.ended_at is None else leg.ended_at - by
