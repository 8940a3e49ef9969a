"""What the platform tells us, in our own types; none of them holds more than the product needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Participant:
    """One party of a call. `custom_attributes` is None when the platform sent none at all."""

    id: str
    purpose: str
    name: str
    user_id: str | None
    queue_id: str | None
    state: str
    custom_attributes: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A call as the voice-interactions profile shows it; `state` is `active`, `queued`, ..."""

    id: str
    state: str
    start_time: str | None
    participants: tuple[Participant, ...]


@dataclass(frozen=True, slots=True)
class CallState:
    """The answers that a decision needs. None means that the platform answered 404.

    `hindrances` are what else forbids it (`secure_pause`, `on_hold`, `call_busy`); None when that was not asked for, or
    is not told by this platform.
    """

    conversation: Conversation | None
    participant: Participant | None
    correlation_ids: tuple[str, ...]
    are_hindrances_asked: bool = False
    hindrances: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class PlayCommand:
    """What shall be played: `mute` is agentMute or callerMute, for the platform knows one flag."""

    source_url: str
    mute: bool
    max_duration_ms: int


@dataclass(frozen=True, slots=True)
class RateReading:
    """The platform's own count: `count` of `allowed` requests used, for `reset_s` more seconds."""

    allowed: int
    count: int
    reset_s: float


@dataclass(frozen=True, slots=True)
class Accepted:
    """The platform took the command. It has not said that anything was played.

    `interaction_id` is None when the answer did not carry one: reconcile, never repeat.
    `sent_ms` and `answered_ms` are readings of the client's monotonic clock in milliseconds: just
    before the first byte left, and when the answer's headers were complete.
    """

    interaction_id: str | None
    correlation_id: str | None
    status: int
    sent_ms: float
    answered_ms: float
    rate: RateReading | None


@dataclass(frozen=True, slots=True)
class LiveObservation:
    """One line of the snapshot of live calls: somebody of a queue is in a call, or being rung."""

    conversation_id: str
    queue_id: str | None
    user_id: str | None
    metric: str
    direction: str | None
    observed_at: datetime | None


@dataclass(frozen=True, slots=True)
class LiveActivity:
    """A snapshot. `truncated` says that the platform (or our limit of pages) cut the list."""

    observations: tuple[LiveObservation, ...]
    truncated: bool


@dataclass(frozen=True, slots=True)
class NotificationChannel:
    """A push channel; it lives at most a day and replays nothing."""

    id: str
    connect_uri: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class LiveCallState:
    """One live call as the board shows it.

    `state` is `connected` only when agent and caller both are; else the state of the one who is not.
    `held`, `confined` and `secure_pause` hold when they hold for the agent or for the caller.
    `barged_by` names the person who is in the call by a barge already.
    `version` changes when, and only when, something changed that a supervisor's decision rests on.
    """

    conversation_id: str
    agent_participant_id: str
    agent_name: str
    agent_user_id: str | None
    queue_id: str | None
    queue_name: str
    caller_address: str
    caller_name: str
    direction: str
    connected_at: datetime | None
    state: str
    held: bool
    confined: bool
    secure_pause: bool
    barged_by: str | None
    agent_attributes: Mapping[str, str]
    customer_participant_id: str | None
    version: str
