"""How the portal fares: for everybody who depends on it."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from injections import selectors
from injections.roles import Action
from injections.selectors import Feed, StatusSummary
from injections.web.access import requires
from injections.web.verdicts import Badge
from injections.web.words import seconds_since, spoken

_LATE_S = 5  # a due injection that nobody took up by then means that no worker runs


@dataclass(frozen=True, slots=True)
class Line:
    """One part of the portal: how it fares, what that means, what to do."""

    name: str
    badge: Badge
    words: str
    remedy: str = ""


@require_GET
@requires(Action.SEE_STATUS)
def status(request: HttpRequest) -> HttpResponse:
    """Show every part with its state in words; the lines alone for an open page."""
    now = timezone.now()
    context = {"lines": _lines(selectors.status_summary(now=now), now=now), "read_at": now}
    template = "status.html#lines" if request.htmx else "status.html"  # type: ignore[attr-defined]
    return render(request, template, context)


def _lines(summary: StatusSummary, *, now: datetime) -> list[Line]:
    return [
        _connection(summary.feed),
        _watcher(summary),
        _completion(summary),
        _queue(summary, now=now),
        _unknown(summary),
        _qa(summary, now=now),
    ]


def _connection(feed: Feed) -> Line:
    name = "Genesys Cloud"
    if feed.problem:
        return Line(
            name,
            Badge("stop", "✕", "Trouble"),
            feed.problem,
            "Check network and credentials of the OAuth client.",
        )
    if feed.age_s is None:
        return Line(
            name,
            Badge("caution", "–", "Not heard yet"),
            "Nothing has been read from the platform since the start.",
            "Wait some seconds. If it stays, see whether the call watcher runs.",
        )
    if feed.is_late:
        return Line(
            name,
            Badge("caution", "–", "Silent"),
            f"Last heard {spoken(feed.age_s)} ago.",
            "See whether the call watcher runs.",
        )
    return Line(name, Badge("go", "✓", "Connected"), f"Last heard {spoken(feed.age_s)} ago.")


def _watcher(summary: StatusSummary) -> Line:
    calls = f"{summary.live_calls} live call{'' if summary.live_calls == 1 else 's'} known."
    if summary.feed.is_late:
        return Line(
            "Call watcher",
            Badge("caution", "–", "Behind"),
            f"The board may be out of date. {calls}",
            "Supervisors see the age of every call. Barges are checked anew in any case.",
        )
    return Line("Call watcher", Badge("go", "✓", "Live"), calls)


def _completion(summary: StatusSummary) -> Line:
    name = "Reports of the end"
    if summary.registration_problem:
        return Line(
            name,
            Badge("caution", "–", "Not registered"),
            f"The platform does not report ends to this portal: {summary.registration_problem}",
            "It is tried again by itself. Until then outcomes stay unconfirmed. Check PORTAL_BASE_URL.",
        )
    if summary.registered_at is None:
        return Line(name, Badge("plain", "◷", "Not yet known"), "The registration has not been checked yet.")
    return Line(
        name,
        Badge("go", "✓", "Registered"),
        "The platform reports to this portal when a recording has ended.",
    )


def _queue(summary: StatusSummary, *, now: datetime) -> Line:
    if summary.waiting == 0 or summary.oldest_due_at is None:
        return Line("Waiting injections", Badge("go", "✓", "None"), "Nothing waits to be sent.")
    late_s = (now - summary.oldest_due_at).total_seconds()
    words = f"{summary.waiting} waiting."
    if late_s > _LATE_S:
        return Line(
            "Waiting injections",
            Badge("caution", "–", "Late"),
            f"{words} The oldest is {spoken(late_s)} overdue.",
            "See whether a worker runs.",
        )
    return Line("Waiting injections", Badge("plain", "◷", "Some"), f"{words} They are tried by themselves.")


def _unknown(summary: StatusSummary) -> Line:
    count = summary.unknown + summary.unconfirmed
    if count == 0:
        return Line("Unclear outcomes", Badge("go", "✓", "None"), "Every injection has a known end.")
    return Line(
        "Unclear outcomes",
        Badge("unknown", "?", str(count)),
        f"{summary.unknown} may have been played, {summary.unconfirmed} had no end reported.",
        "Compliance settles them: see Injections, filter “Unclear outcome”.",
    )


def _qa(summary: StatusSummary, *, now: datetime) -> Line:
    if summary.qa_pending == 0:
        return Line("Events to QA", Badge("go", "✓", "Delivered"), "Nothing is left to deliver.")
    late_s = seconds_since(summary.oldest_qa_due_at, now=now)
    return Line(
        "Events to QA",
        Badge("caution" if late_s > _LATE_S else "plain", "◷", str(summary.qa_pending)),
        f"{summary.qa_pending} not delivered yet. They are sent again until they are taken.",
    )
