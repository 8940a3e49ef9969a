"""What became of an injection, told to the person who asked for it: what happened, what it means, what to do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.safestring import SafeString

from injections.callers import Caller
from injections.lifecycle import CANCELLABLE, ENDED, Status
from injections.models import DispatchAttempt, InjectionRequest
from injections.models.dispatch_attempt import AttemptOutcome
from injections.reasons import PARTLY_HEARD
from injections.roles import Action
from injections.selectors import is_played_by_word
from injections.web.moments import countdown
from injections.web.reason_words import remedy, why
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
_FOUND_PLAYED: Final = Badge("plain", "✓", "Found to be played")
STATUS_WORDS: Final = {status: badge.words for status, badge in _BADGES.items()}
_WORDS: Final = {
    Status.REQUESTED: ("The call is being checked.", "Nothing has been sent yet."),
    Status.DISPATCHING: ("It is being sent to the call.", "It may start at any moment."),
    Status.DISPATCHED: (
        "The platform accepted the recording.",
        "It is being played now. Its end is reported when it comes.",
    ),
    Status.COMPLETED: ("The recording was played.", "The platform reported its end. The call goes on."),
}
_NOT_YET: Final = "Nothing has been played yet. It is tried again by itself."
_WAITS_FOR: Final = {
    "breaker_open": "It waits: requests to Genesys Cloud are held back.",
    "rate_limited": "It waits: the platform takes no more requests for the moment.",
}
_ATTEMPT_BADGES: Final = {
    AttemptOutcome.INTENDED: Badge("plain", "◔", "On its way"),
    AttemptOutcome.ACCEPTED: Badge("go", "✓", "Accepted"),
    AttemptOutcome.REFUSED: Badge("stop", "✕", "Refused by the platform"),
    AttemptOutcome.UNVERIFIED: Badge("caution", "–", "Not sent: call not checked"),
    AttemptOutcome.NOT_ACCEPTED: Badge("caution", "–", "Not accepted"),
    AttemptOutcome.UNKNOWN: Badge("unknown", "?", "May have been accepted"),
}
# A code that stands with these tells why it waits, not what went wrong.
_UNEXPLAINED: Final = frozenset({*_WORDS, Status.QUEUED})
# What the platform's acceptance leads to; none of these is reached without it.
_ACCEPTED: Final = frozenset({Status.DISPATCHED, Status.COMPLETED, Status.UNCONFIRMED})


@dataclass(frozen=True, slots=True)
class Stage:
    """One of the steps of an injection, with the time that it took."""

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
class Wait:
    """When what waits is tried next, and when it is given up; both count down on the page."""

    next_try: SafeString
    deadline: SafeString


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt with its badge."""

    attempt: DispatchAttempt
    badge: Badge


def badge_of(injection: InjectionRequest) -> Badge:
    """Return the badge of the injection's status; a person's finding is not shown as the platform's word."""
    return _FOUND_PLAYED if is_played_by_word(injection) else _BADGES[Status(injection.status)]


def story(injection: InjectionRequest) -> Story:
    """Tell what became of `injection`."""
    status = Status(injection.status)
    what, meaning = _words(injection, status)
    return Story(
        badge=badge_of(injection),
        what=what,
        meaning=meaning,
        remedy="" if status in _UNEXPLAINED else remedy(injection.reason_code),
        stages=_stages(injection, status),
        is_over=status in ENDED,
        is_cancellable=status in CANCELLABLE,
    )


def may_cancel(injection: InjectionRequest, *, by: Caller) -> bool:
    """Tell whether this person may take it back, while it waits: what was asked for by somebody else stays."""
    return by.may(Action.CANCEL_INJECTION) and injection.requested_by == by.user


def wait_of(injection: InjectionRequest, *, now: datetime) -> Wait | None:
    """Return when what waits is tried next and given up; None for what does not wait."""
    if injection.status != Status.QUEUED or injection.due_at is None:
        return None
    return Wait(
        next_try=countdown(min(injection.due_at, injection.deadline_at), now=now),
        deadline=countdown(injection.deadline_at, now=now),
    )


def tries(injection: InjectionRequest) -> list[Try]:
    """Return every attempt in order."""
    return [
        Try(attempt, _ATTEMPT_BADGES[AttemptOutcome(attempt.outcome)]) for attempt in injection.attempts.all()
    ]


def _words(injection: InjectionRequest, status: Status) -> tuple[str, str]:
    if status == Status.QUEUED:
        told = sentence(why(injection.reason_code, injection.error))
        said = f"The platform could not take it at once. {told}".strip()
        return _WAITS_FOR.get(injection.reason_code, said), _NOT_YET
    if is_played_by_word(injection):
        return (
            "A compliance officer found that the recording was played.",
            "The platform never reported its end.",
        )
    return _WORDS.get(status) or _explanation(injection, status)


def _explanation(injection: InjectionRequest, status: Status) -> tuple[str, str]:
    what = sentence(why(injection.reason_code, injection.error))
    if status == Status.UNKNOWN:
        return (
            what,
            "The caller may have heard it, or may yet hear it. The portal never sends it a second time.",
        )
    if status == Status.UNCONFIRMED:
        return what, "The caller may have heard it."
    if injection.reason_code in PARTLY_HEARD:
        return what, "A part of it may have been heard."
    return what, "Nothing was played. Agent and caller noticed nothing."


def _stages(injection: InjectionRequest, status: Status) -> tuple[Stage, ...]:
    checked, sent, answered = injection.checked_ms, injection.sent_ms, injection.answered_ms
    is_found_played = is_played_by_word(injection)
    is_accepted = bool(injection.interaction_id) or (status in _ACCEPTED and not is_found_played)
    is_settled = injection.reason_code == "settled_not_played" or is_found_played
    # What was not accepted never played; when a person settled it says nothing of how long it did.
    ended = None if is_settled or not is_accepted else _playing_ms(injection.sent_at, injection.ended_at)
    waited = injection.waited_ms
    began = 0.0 if waited is None else waited
    return (
        *(() if waited is None else (Stage("Waited", milliseconds(waited), True),)),
        _check_stage(began, checked, status),
        Stage("Sent", milliseconds(_between(checked, sent)), sent is not None),
        Stage(
            "Accepted" if is_accepted or answered is None else "Answered",
            milliseconds(_between(sent, answered)),
            is_accepted or answered is not None,
        ),
        Stage("Ended", milliseconds(ended), ended is not None),
    )


def _check_stage(began: float, checked: float | None, status: Status) -> Stage:
    """Return the check; a refusal is the end of one, also where its time is not kept: nothing had to be sent."""
    if checked is None and status == Status.REFUSED:
        return Stage("Checked", "refused", True)
    return Stage("Checked", milliseconds(_between(began, checked)), checked is not None)


def _between(earlier: float | None, later: float | None) -> float | None:
    return None if earlier is None or later is None else max(0.0, later - earlier)


def _playing_ms(sent_at: datetime | None, ended_at: datetime | None) -> float | None:
    if sent_at is None or ended_at is None:
        return None
    return max(0.0, (ended_at - sent_at).total_seconds() * 1000)
