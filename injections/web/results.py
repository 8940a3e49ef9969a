"""What became of an injection, told to the person who asked for it: what happened, what it means, what to do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from injections.lifecycle import CANCELLABLE, ENDED, Status
from injections.models import DispatchAttempt, InjectionRequest
from injections.models.dispatch_attempt import AttemptOutcome
from injections.reasons import REASONS
from injections.web.verdicts import Badge
from injections.web.words import milliseconds, sentence

_BADGES: Final = {
    Status.REQUESTED: Badge("plain", "○", "Being checked"),
    Status.QUEUED: Badge("caution", "◷", "Waiting to be sent"),
    Status.DISPATCHING: Badge("plain", "◔", "Being sent"),
    Status.DISPATCHED: Badge("go", "▶", "Accepted, playing"),
    Status.UNKNOWN: Badge("unknown", "?", "Unknown"),
    Status.REFUSED: Badge("stop", "✕", "Refused"),
    Status.EXPIRED: Badge("caution", "–", "Too late, not sent"),
    Status.CANCELLED: Badge("plain", "–", "Cancelled"),
    Status.FAILED: Badge("stop", "✕", "Failed"),
    Status.COMPLETED: Badge("go", "✓", "Played"),
    Status.UNCONFIRMED: Badge("unknown", "?", "End not reported"),
}
_WORDS: Final = {
    Status.REQUESTED: ("The call is being checked.", "Nothing has been sent yet."),
    Status.QUEUED: (
        "The platform could not take it at once.",
        "Nothing has been played yet. It is tried again by itself.",
    ),
    Status.DISPATCHING: ("It is being sent to the call.", "It may start at any moment."),
    Status.DISPATCHED: (
        "The platform accepted the recording.",
        "It is being played now. Its end is reported when it comes.",
    ),
    Status.COMPLETED: ("The recording was played.", "The platform reported its end. The call goes on."),
}
# With these codes a part of the recording may have been heard before it ended.
_PARTLY_HEARD: Final = frozenset({"playback_failed", "call_ended", "cancelled_upstream"})
_ATTEMPT_BADGES: Final = {
    AttemptOutcome.INTENDED: Badge("plain", "◔", "On its way"),
    AttemptOutcome.ACCEPTED: Badge("go", "✓", "Accepted"),
    AttemptOutcome.REFUSED: Badge("stop", "✕", "Refused by the platform"),
    AttemptOutcome.NOT_ACCEPTED: Badge("caution", "–", "Not accepted"),
    AttemptOutcome.UNKNOWN: Badge("unknown", "?", "May have been accepted"),
}
# What the platform's acceptance leads to; none of these is reached without it.
_ACCEPTED: Final = frozenset({Status.DISPATCHED, Status.COMPLETED, Status.UNCONFIRMED})


@dataclass(frozen=True, slots=True)
class Stage:
    """One of the four steps of an injection, with the time that it took."""

    words: str
    took: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class Story:
    """What became of an injection, in words."""

    badge: Badge
    what: str
    meaning: str
    remedy: str
    stages: tuple[Stage, ...]
    is_over: bool
    is_cancellable: bool

    @property
    def announcement(self) -> str:
        """What a screen reader says when this is new."""
        return f"{self.badge.words}. {self.what} {self.meaning}"


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt with its badge."""

    attempt: DispatchAttempt
    badge: Badge


def badge_of(injection: InjectionRequest) -> Badge:
    """Return the badge of the injection's status."""
    return _BADGES[Status(injection.status)]


def story(injection: InjectionRequest) -> Story:
    """Tell what became of `injection`."""
    status = Status(injection.status)
    what, meaning = _WORDS.get(status) or _explanation(injection, status)
    known = REASONS.get(injection.reason_code)
    return Story(
        badge=_BADGES[status],
        what=what,
        meaning=meaning,
        remedy="" if known is None or status in _WORDS else known.remedy,
        stages=_stages(injection, status),
        is_over=status in ENDED or status == Status.UNCONFIRMED,
        is_cancellable=status in CANCELLABLE,
    )


def tries(injection: InjectionRequest) -> list[Try]:
    """Return every attempt in order."""
    return [
        Try(attempt, _ATTEMPT_BADGES[AttemptOutcome(attempt.outcome)]) for attempt in injection.attempts.all()
    ]


def _explanation(injection: InjectionRequest, status: Status) -> tuple[str, str]:
    what = sentence(injection.error)
    if status == Status.UNKNOWN:
        return (
            what,
            "The caller may have heard it, or may yet hear it. The portal never sends it a second time.",
        )
    if status == Status.UNCONFIRMED:
        return what, "The caller has probably heard it."
    if injection.reason_code in _PARTLY_HEARD:
        return what, "A part of it may have been heard."
    return what, "Nothing was played. Agent and caller noticed nothing."


def _stages(injection: InjectionRequest, status: Status) -> tuple[Stage, ...]:
    checked, sent, answered = injection.checked_ms, injection.sent_ms, injection.answered_ms
    is_accepted = answered is not None and (bool(injection.interaction_id) or status in _ACCEPTED)
    ended = _playing_ms(injection.sent_at, injection.ended_at)
    return (
        Stage("Checked", milliseconds(checked), checked is not None),
        Stage("Sent", milliseconds(_between(checked, sent)), sent is not None),
        Stage(
            "Accepted" if is_accepted or answered is None else "Answered",
            milliseconds(_between(sent, answered)),
            is_accepted,
        ),
        Stage("Ended", milliseconds(ended), ended is not None),
    )


def _between(earlier: float | None, later: float | None) -> float | None:
    return None if earlier is None or later is None else max(0.0, later - earlier)


def _playing_ms(sent_at: datetime | None, ended_at: datetime | None) -> float | None:
    if sent_at is None or ended_at is None:
        return None
    return max(0.0, (ended_at - sent_at).total_seconds() * 1000)
