"""A call and its participants, and everything that can happen to one; no clock and no chance of its own."""

from dataclasses import dataclass, field
from datetime import datetime

from injections.genesys.simulator.people import Queue

CONSENT_ATTRIBUTE = "supervision_consent"
CONNECTED = "connected"
ALERTING = "alerting"
TERMINATED = "terminated"


@dataclass(slots=True)
class Leg:
    """One participant with its one communication.

    `attributes` None means that the platform sends no attributes; with `attributes_null` it sends a null
    instead of leaving the key out.
    """

    id: str
    communication_id: str
    purpose: str
    name: str
    address: str
    state: str
    started_at: datetime
    user_id: str | None = None
    connected_at: datetime | None = None
    ended_at: datetime | None = None
    disconnect_type: str | None = None
    held: bool = False
    confined: bool = False
    muted: bool = False
    attributes: dict[str, str] | None = field(default_factory=dict)
    attributes_null: bool = False
    barged_participant_id: str | None = None

    def connect(self, now: datetime) -> None:
        """Answer."""
        self.state = CONNECTED
        self.connected_at = now

    def end(self, now: datetime, *, how: str) -> None:
        """Leave the call, once; `how` is the platform's disconnect type."""
        if self.state == TERMINATED:
            return
        self.state = TERMINATED
        self.ended_at = now
        self.disconnect_type = how
        self.held = False

    def set_consent(self, consent: str) -> None:
        """Set what the agent's attributes say about consent.

        `missing` has attributes without the consent, `none` has no attributes, `null` sends them as null; any
        other text is the value of the consent attribute itself.
        """
        self.attributes_null = consent == "null"
        if consent in {"none", "null"}:
            self.attributes = None
            return
        self.attributes = {"team": "Floor 2"}
        if consent != "missing":
            self.attributes[CONSENT_ATTRIBUTE] = consent

    @property
    def consent(self) -> str:
        """Describe the consent in the words of `set_consent`."""
        if self.attributes is None:
            return "null" if self.attributes_null else "none"
        return self.attributes.get(CONSENT_ATTRIBUTE, "missing")


@dataclass(slots=True)
class Call:
    """One conversation.

    `label` names what a stable call is kept for; calls with a label are left alone by the living centre.
    `forced_state` overrides the derived conversation state.
    """

    id: str
    queue: Queue
    direction: str
    customer: Leg
    legs: list[Leg]
    started_at: datetime
    ends_at: datetime | None = None
    ended_at: datetime | None = None
    secure_pause: bool = False
    label: str | None = None
    forced_state: str | None = None

    @property
    def agent(self) -> Leg:
        """Give the agent of this moment: the connected one, else the one whose phone rings, else the last."""
        agents = [leg for leg in self.legs if leg.purpose == "agent"]
        for state in (CONNECTED, ALERTING):
            for leg in agents:
                if leg.state == state:
                    return leg
        return agents[-1]

    @property
    def state(self) -> str:
        """Give the conversation's state: `queued` until an agent is connected, `disconnected` at the end."""
        if self.forced_state is not None:
            return self.forced_state
        if self.ended_at is not None:
            return "disconnected"
        return "active" if self.agent.state == CONNECTED else "queued"

    @property
    def is_live(self) -> bool:
        """Tell whether the call goes on."""
        return self.ended_at is None

    def leg(self, participant_id: str) -> Leg | None:
        """Find a participant."""
        return next((leg for leg in self.legs if leg.id == participant_id), None)

    def end(self, now: datetime) -> None:
        """Hang up: everybody leaves."""
        if self.ended_at is not None:
            return
        self.ended_at = now
        for leg in self.legs:
            leg.end(now, how="peer")

    def transfer(self, successor: Leg, now: datetime) -> None:
        """Hand the call to another agent: the first one leaves, the second one's phone rings or answers."""
        self.agent.end(now, how="transfer")
        self.secure_pause = False
        self.customer.held = False
        self.legs.append(successor)
