"""How each part of the portal fares: a word, a shape, what it means, and what to do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.html import format_html

from injections.selectors import Feed, StatusSummary
from injections.web.standing import BADGES, Standing
from injections.web.verdicts import Badge
from injections.web.words import seconds_since, spoken

_LATE_S: Final = 5  # a due injection that nobody took up by then means that no worker runs
_LATE_EVENT_S: Final = 60  # likewise an event for QA that nobody tried to deliver
_UNCONFIRMED_S: Final = 300  # a worker asks for the registration each minute
_SILENT_S: Final = 75  # the watcher opens another push channel after 65 s without a sign of life
_SCARCE: Final = 0.1
_READ_AGAIN: Final = (
    "It is asked again every few seconds. If it lasts, see what Genesys Cloud says of itself, and whether this "
    "machine reaches it."
)
_GO: Final = ("go", "✓")
_CAUTION: Final = ("caution", "–")
_STOP: Final = ("stop", "✕")
_PLAIN: Final = ("plain", "◷")
_UNKNOWN: Final = ("unknown", "?")


@dataclass(frozen=True, slots=True)
class Line:
    """One part of the portal. `page` names the page where something can be done about it."""

    name: str
    badge: Badge
    words: str
    remedy: str = ""
    page: str = ""


def lines(summary: StatusSummary, stands: Standing, *, now: datetime) -> list[Line]:
    """Return every part, what a barge depends on first."""
    return [
        _connection(summary.feed, stands),
        _watcher(summary, stands),
        _breaker(stands),
        _budget(stands),
        _queue(summary, now=now),
        _doubt(
            "Unknown outcomes",
            summary.unknown,
            "Of every injection it is known whether it was accepted.",
            "may have been played; the answer was lost. Nothing of it is sent again.",
            "Compliance finds out and settles: see Injections, filter “Unclear outcome”.",
        ),
        _doubt(
            "Ends not reported",
            summary.unconfirmed,
            "The platform reported every end that was due.",
            "accepted, but no end was reported in time. A late report still completes them.",
            "See “Reports of the end” below. Compliance can settle them.",
        ),
        _left_behind(summary),
        _qa(summary, now=now),
        _completion(summary, now=now),
    ]


def _line(
    name: str, kind: tuple[str, str], badge: str, words: str, remedy: str = "", *, page: str = ""
) -> Line:
    hue, shape = kind
    return Line(name, Badge(hue, shape, badge), words, remedy, page)


def _connection(feed: Feed, stands: Standing) -> Line:
    name = "Genesys Cloud"
    if stands.code == "forced":
        return _line(name, _PLAIN, "Not asked", stands.what, "See “Requests to Genesys” below.")
    if stands.code == "open":
        return _line(
            name,
            _STOP,
            "Failing",
            stands.what,
            "Nothing: a trial request is made every few seconds by itself.",
        )
    if feed.problem:
        return _line(name, _STOP, "Trouble", feed.problem, _READ_AGAIN)
    if feed.age_s is None:
        return _line(
            name,
            _CAUTION,
            "Not heard yet",
            "Nothing has been read from the platform since the start.",
            "Wait some seconds. If it stays, see whether the call watcher runs.",
        )
    read = f"Calls were last read {spoken(feed.age_s)} ago."
    if feed.is_late:
        return _line(name, _CAUTION, "Silent", read, "See whether the call watcher runs.")
    return _line(name, _GO, "Connected", read)


def _watcher(summary: StatusSummary, stands: Standing) -> Line:
    name, feed = "Call watcher", summary.feed
    calls = f"{summary.live_calls} live call{'' if summary.live_calls == 1 else 's'} known."
    if feed.age_s is None:
        return _line(name, _CAUTION, "No snapshot", f"It has taken none yet. {calls}", "See whether it runs.")
    age = f"What the board shows is {spoken(feed.age_s)} old. {calls}"
    if stands.is_breaker_open:
        return _line(name, _PLAIN, "Not reading", f"Calls are not read while requests are held back. {age}")
    if feed.is_late:
        return _line(
            name,
            _CAUTION,
            "Behind",
            f"The board may be out of date. {age}",
            f"{'It cannot read: see Genesys Cloud above.' if feed.problem else 'See whether it runs.'} "
            "Supervisors see the age of every call, and barges are checked anew in any case.",
        )
    if feed.heard_s is None or feed.heard_s > _SILENT_S:
        return _line(
            name,
            _CAUTION,
            "Slow",
            f"Changes are not pushed to it: the board is read anew every few seconds. {age}",
            "Nothing: it opens another channel by itself.",
        )
    return _line(name, _GO, "Live", age)


def _breaker(stands: Standing) -> Line:
    name = "Requests to Genesys"
    if stands.code == "blind":
        return Line(
            name,
            stands.badge,
            "What all processes share cannot be read. Requests go out as if nothing could hold them back.",
            "See that Redis runs, or that the data folder can be written.",
            page="breaker",
        )
    if not stands.is_breaker_open:
        return Line(name, BADGES["clear"], "They go out as they come.", page="breaker")
    return Line(
        name,
        stands.badge,
        format_html("{} {}. {}", stands.what.rstrip("."), stands.since_words, stands.meaning),
        "Let them through when the reason is gone."
        if stands.code == "forced"
        else "They go out again by themselves when a trial request succeeds; one is made every few seconds. "
        "What the platform answered stands with the attempts of failed injections.",
        page="breaker",
    )


def _budget(stands: Standing) -> Line:
    name = "Request limit"
    if stands.code == "blind":
        return Line(name, stands.badge, "What all processes share cannot be read.")
    words = f"{stands.budget}."
    if stands.code == "spent" or stands.left == 0:
        return _line(
            name,
            _CAUTION,
            "Used up",
            format_html("{} It starts anew {}.", words, stands.resets_in),
            "Barges wait until then. If it happens often, ask Genesys Cloud for a higher limit.",
        )
    if stands.left < stands.allowed * _SCARCE:
        return _line(
            name, _CAUTION, "Scarce", words, "Barges go first; the board may be refreshed less often."
        )
    return _line(name, _GO, f"{stands.left} left", words)


def _queue(summary: StatusSummary, *, now: datetime) -> Line:
    name = "Waiting injections"
    if summary.waiting == 0:
        return _line(name, _GO, "None", "Nothing waits to be sent.")
    late_s = seconds_since(summary.oldest_due_at, now=now)
    words = f"{summary.waiting} waiting."
    if late_s > _LATE_S:
        return _line(
            name,
            _CAUTION,
            "Late",
            f"{words} The oldest is {spoken(late_s)} overdue.",
            "See whether a worker runs.",
        )
    return _line(name, _PLAIN, str(summary.waiting), f"{words} They are tried by themselves.")


def _doubt(name: str, count: int, none: str, words: str, remedy: str) -> Line:
    if count == 0:
        return _line(name, _GO, "None", none)
    return _line(name, _UNKNOWN, str(count), f"{count} {words}", remedy, page="doubts")


def _left_behind(summary: StatusSummary) -> Line:
    name = "Interrupted tries"
    if summary.left_behind == 0:
        return _line(name, _GO, "None", "No process ended in the middle of a try in the last 24 hours.")
    count = summary.left_behind
    return _line(
        name,
        _CAUTION,
        str(count),
        f"In the last 24 hours {count} tr{'y was' if count == 1 else 'ies were'} left between intent and answer: "
        "the process ended. Each became unknown and was not sent again.",
        "See in the logs why processes end: memory, restarts, power.",
    )


def _qa(summary: StatusSummary, *, now: datetime) -> Line:
    name = "Events to QA"
    if summary.qa_waiting + summary.qa_failed == 0:
        return _line(name, _GO, "Delivered", "Nothing is left to deliver.", page="deliveries")
    age_s = seconds_since(summary.oldest_qa_at, now=now)
    words = f"{summary.qa_failed} failed so far, {summary.qa_waiting} not tried yet. The oldest is {spoken(age_s)} old."
    if summary.qa_failed > 0:
        return _line(
            name,
            _CAUTION,
            f"{summary.qa_failed} failed",
            f"{words} They are sent again with growing pauses.",
            "See under Deliveries what the QA system answers; send them again when it is mended.",
            page="deliveries",
        )
    if age_s > _LATE_EVENT_S:
        return _line(name, _CAUTION, "Late", words, "See whether a worker runs.", page="deliveries")
    return _line(name, _PLAIN, f"{summary.qa_waiting} waiting", words, page="deliveries")


def _completion(summary: StatusSummary, *, now: datetime) -> Line:
    name = "Reports of the end"
    if summary.registration_problem:
        return _line(
            name,
            _CAUTION,
            "Not registered",
            f"The platform does not report ends to this portal: {summary.registration_problem}",
            "It is tried again by itself. Until then outcomes stay unconfirmed. Check PORTAL_BASE_URL.",
        )
    if summary.registered_at is None:
        return _line(
            name,
            _PLAIN,
            "Not yet known",
            "The registration has not been checked yet.",
            "If it stays, see whether a worker runs.",
        )
    age_s = seconds_since(summary.registered_at, now=now)
    words = f"The platform reports to this portal when a recording has ended; confirmed {spoken(age_s)} ago."
    if age_s > _UNCONFIRMED_S:
        return _line(
            name, _CAUTION, "Not confirmed", words, "See whether a worker runs: it asks each minute."
        )
    return _line(name, _GO, "Registered", words)
