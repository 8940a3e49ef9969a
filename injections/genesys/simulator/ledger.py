"""What was asked of the simulator, and what it did: the truth that tests and demos compare with."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Entry:
    """One interaction command as it arrived, and what became of it; times are the platform's timestamps.

    `call` is the truth about the call at the moment of arrival: it shows whether the command should have been
    sent.
    """

    received_at: str
    conversation_id: str
    participant_id: str
    body: Any
    correlation_id: str
    call: dict[str, Any] | None
    accepted: bool = False
    status: int | None = None
    refused_because: str | None = None
    fault: str | None = None
    overlapped: bool = False
    interaction_id: str | None = None
    fetched_bytes: int | None = None
    sha256: str | None = None
    decoded: str | None = None
    clip_ms: int | None = None
    played_ms: int | None = None
    outcome: str | None = None
    failure: str | None = None
    completed_at: str | None = None
    deliveries: list[dict[str, Any]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Give the entry in its JSON form."""
        return {
            "receivedAt": self.received_at,
            "conversationId": self.conversation_id,
            "participantId": self.participant_id,
            "body": self.body,
            "correlationId": self.correlation_id,
            "call": self.call,
            "accepted": self.accepted,
            "status": self.status,
            "refusedBecause": self.refused_because,
            "fault": self.fault,
            "overlapped": self.overlapped,
            "interactionId": self.interaction_id,
            "fetchedBytes": self.fetched_bytes,
            "sha256": self.sha256,
            "decoded": self.decoded,
            "clipMs": self.clip_ms,
            "playedMs": self.played_ms,
            "outcome": self.outcome,
            "failure": self.failure,
            "completedAt": self.completed_at,
            "deliveries": self.deliveries,
        }


class Ledger:
    """Every command that had a valid token, in order of arrival, and how many requests of each kind and status came."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._of_call: defaultdict[str, list[Entry]] = defaultdict(list)
        self.requests: Counter[str] = Counter()
        self.answers: Counter[int] = Counter()

    def add(self, entry: Entry) -> Entry:
        """Write a command down."""
        self.entries.append(entry)
        self._of_call[entry.conversation_id].append(entry)
        return entry

    def find(self, interaction_id: str) -> Entry | None:
        """Find an accepted command by its interaction id."""
        return next((entry for entry in self.entries if entry.interaction_id == interaction_id), None)

    def playing_in(self, conversation_id: str) -> bool:
        """Tell whether something accepted for this call has not ended yet."""
        return any(entry.accepted and entry.outcome is None for entry in self._of_call[conversation_id])

    def clear(self) -> None:
        """Forget everything."""
        self.entries.clear()
        self._of_call.clear()
        self.requests.clear()
        self.answers.clear()
