"""Histories of one injection: what may happen to it, in any order and in the middle of anything else.

The platform is a stand-in whose every answer a history decides; time passes when a history says so.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from uuid import UUID, uuid4

from django.db import transaction

from audit.entry import Source
from injections import wiring
from injections.callers import Caller, system_caller
from injections.genesys.errors import (
    Ambiguous,
    CredentialsRejected,
    GenesysError,
    NotSent,
    NotWanted,
    RateLimited,
    Refused,
    Unavailable,
)
from injections.genesys.types import Accepted, CallState, Conversation, Participant, PlayCommand
from injections.lifecycle import Status
from injections.models import InjectionRequest
from injections.services import dispatch, sweep
from injections.services.cancellation import NotCancellable, cancel_injection
from injections.services.completion import Completion, record_completion
from injections.services.settlement import NotSettleable, settle_unknown

WORKER: Final = system_caller(where="test")


class ProcessDied(BaseException):
    """The process that was trying is gone, at this very line."""


# --- Events -----------------------------------------------------------------------------------------------------


class Event(Protocol):
    """Something that happens to the injection of a history."""

    def happen(self, history: "History") -> None:
        """Let it happen."""
        ...


@dataclass(frozen=True)
class Pass:
    """Time passes."""

    seconds: float

    def happen(self, history: "History") -> None:
        history.true_now += timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class SetClock:
    """Somebody sets the clock, to so many seconds ahead of the true time; no time passes."""

    seconds: float

    def happen(self, history: "History") -> None:
        history.clock_is_ahead = timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class Sweep:
    """The sweep comes by."""

    def happen(self, history: "History") -> None:
        sweep.sweep(by=WORKER)


@dataclass(frozen=True)
class Report:
    """The platform reports the end of what it took (nothing, if it took nothing), or a stranger's."""

    outcome: str
    is_strangers: bool = False

    def happen(self, history: "History") -> None:
        taken = history.platform.taken
        if not taken and not self.is_strangers:
            return
        report = Completion(
            event_id=str(uuid4()),
            conversation_id=uuid4() if self.is_strangers else history.conversation_id,
            participant_id=history.participant_id,
            interaction_id="strange" if self.is_strangers else taken[-1],
            outcome=self.outcome,
            happened_at=history.true_now,
        )
        record_completion(completion=report, source=Source(where="test"))


@dataclass(frozen=True)
class Cancel:
    """Who asked takes it back."""

    def happen(self, history: "History") -> None:
        with suppress(NotCancellable):
            cancel_injection(injection_id=history.row().pk, by=history.owner)


@dataclass(frozen=True)
class Settle:
    """A compliance officer settles it."""

    outcome: str

    def happen(self, history: "History") -> None:
        with suppress(NotSettleable):
            settle_unknown(
                injection_id=history.row().pk, outcome=self.outcome, reason="asked", by=history.officer
            )
            history.was_settled_by_hand = True


@dataclass(frozen=True)
class Lapse:
    """The lease of a dead process lapses. (That of a living one: `Pass`.)"""

    def happen(self, history: "History") -> None:
        if not history.tries_under_way:
            rows = InjectionRequest.objects.filter(lease_until__isnull=False)
            rows.update(lease_until=history.now() - timedelta(seconds=1))


@dataclass(frozen=True)
class Try:
    """One process tries it. `look` and `play` say what comes back; the lists, what happens in the meantime.

    `is_due`: not before it is due; else at once, which mostly is too early.
    """

    look: str
    play: str
    is_due: bool = True
    retry_after: float | None = None
    while_looking: tuple[Event, ...] = ()
    before_sending: tuple[Event, ...] = ()
    before_answer: tuple[Event, ...] = ()

    def happen(self, history: "History") -> None:
        if self.is_due:
            history.wait_until_due()
        with history.playing(self):
            dispatch.dispatch_injection(injection_id=history.row().pk, by=WORKER)


NOT_ACCEPTED: Final[dict[str, type[GenesysError]]] = {
    "429": RateLimited,
    "503": Unavailable,
    "not sent": NotSent,
    "refused": Refused,
    "rejected": CredentialsRejected,
}
LOOKS: Final = ("fine", "no consent", "gone", "unclear", "dies", *NOT_ACCEPTED)
# What the platform took (True) or not, and what the portal hears of it.
PLAYS: Final = {
    "accepted": True,
    "accepted, no id": True,
    "accepted, unclear": True,
    "accepted, dies": True,
    "unclear": False,
    "dies": False,
    "dies before": False,
    **dict.fromkeys(NOT_ACCEPTED, False),
}


# --- The platform -------------------------------------------------------------------------------------------------


@dataclass
class Sent:
    """One command that left."""

    at: datetime  # true time, whatever the clock says
    was_in_doubt_or_taken: bool
    status: str  # of the row, as everybody sees it
    intended: int  # attempts on record whose end is open


@dataclass
class StandIn:
    """A driver (tests compare it with the real one's protocol) whose answers the history's tries decide."""

    history: "History"
    sent: list[Sent] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)  # ids of the interactions that it accepted

    def fetch_call_state(
        self, *, conversation_id: UUID, participant_id: UUID, with_hindrances: bool = False
    ) -> CallState:
        script = self.history.tries_under_way[-1]
        self.history.live(script.while_looking)
        if script.look == "dies":
            raise ProcessDied
        if script.look == "unclear":
            raise Ambiguous("…", may_have_been_sent=False)
        if script.look in NOT_ACCEPTED:
            raise NOT_ACCEPTED[script.look]("…", retry_after=script.retry_after)
        consent = {"supervision_consent": "false" if script.look == "no consent" else "true"}
        call = Conversation(id=str(conversation_id), state="active", start_time=None, participants=())
        person = Participant(
            id=str(participant_id), purpose="agent", name="", user_id=None, queue_id=None, state="connected",
            custom_attributes=consent,
        )  # fmt: skip
        return CallState(None if script.look == "gone" else call, person, ())

    def play(
        self,
        *,
        conversation_id: UUID,
        participant_id: UUID,
        command: PlayCommand,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Accepted:
        script = self.history.tries_under_way[-1]
        self.history.live(script.before_sending)
        if script.play == "dies before":
            raise ProcessDied
        if not is_wanted():
            raise NotWanted("…")
        is_taken = PLAYS[script.play]
        self._note(in_doubt=is_taken or script.play not in NOT_ACCEPTED)
        if is_taken:
            self.taken.append(f"i-{len(self.taken)}-{conversation_id}")
        interaction_id = self.taken[-1] if is_taken else None
        self.history.live(script.before_answer)
        if script.play.endswith("dies"):
            raise ProcessDied
        if script.play.endswith("unclear"):
            raise Ambiguous("…")
        if script.play in NOT_ACCEPTED:
            raise NOT_ACCEPTED[script.play]("…", retry_after=script.retry_after)
        return Accepted(
            interaction_id=None if script.play.endswith("no id") else interaction_id,
            correlation_id=None, status=201, sent_ms=0, answered_ms=0, rate=None,
        )  # fmt: skip

    def register_completion_webhook(self, *, name: str, address: str) -> bool:
        return False

    def warm(self) -> None:
        pass

    def _note(self, *, in_doubt: bool) -> None:
        row = self.history.row()
        open_attempts = row.attempts.filter(finished_at__isnull=True).count()
        self.sent.append(Sent(self.history.true_now, in_doubt, row.status, open_attempts))


# --- Living through it --------------------------------------------------------------------------------------------


class History:
    """One injection and what happens to it."""

    def __init__(self, *, owner: Caller, officer: Caller) -> None:
        self.owner, self.officer = owner, officer
        self.conversation_id, self.participant_id = uuid4(), uuid4()
        self.began = self.true_now = datetime.now(UTC)
        self.clock_is_ahead = timedelta(0)
        self.platform = StandIn(self)
        self.tries_under_way: list[Try] = []  # the last one is in the midst of the others
        self.was_settled_by_hand = False
        wiring.shared_state().update("upstream", lambda _: {})  # breaker closed, budget full

    def now(self) -> datetime:
        """Return what the clock shows."""
        return self.true_now + self.clock_is_ahead

    def row(self) -> InjectionRequest:
        return InjectionRequest.objects.get(conversation_id=self.conversation_id)

    def live(self, events: tuple[Event, ...]) -> None:
        for event in events:
            event.happen(self)

    def wait_until_due(self) -> None:
        """Let time pass until the next try; a wait that is longer than a second is not without a sweep."""
        due_at = self.row().due_at
        if due_at is None or due_at <= self.now():
            return
        if due_at > self.now() + timedelta(seconds=1):
            self.true_now += timedelta(seconds=1)
            sweep.sweep(by=WORKER)
        self.true_now = max(self.true_now, due_at - self.clock_is_ahead)

    @contextmanager
    def playing(self, script: Try) -> Iterator[None]:
        """Let a process try by this script; its death is its own."""
        self.tries_under_way.append(script)
        try:
            with suppress(ProcessDied):
                yield
        finally:
            self.tries_under_way.pop()

    def finish(self) -> None:
        """Set the clock right, and let everything come to its end without any further incident."""
        self.clock_is_ahead = timedelta(0)
        for _ in range(3):
            self.true_now += timedelta(seconds=150)
            sweep.sweep(by=WORKER)
            for injection_id in sweep.due_injections():
                with self.playing(Try("fine", "accepted")):
                    dispatch.dispatch_injection(injection_id=injection_id, by=WORKER)


@contextmanager
def undone() -> Iterator[None]:
    """Undo afterwards what was written, though the services commit."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]  # as Django's own test cases do
    with block:
        yield
        transaction.set_rollback(True)


def open_statuses() -> set[Status]:
    """Return where nothing may be left once all is settled."""
    return {Status.REQUESTED, Status.QUEUED, Status.DISPATCHING, Status.DISPATCHED}
