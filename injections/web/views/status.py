"""How the portal fares: for everybody who depends on it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from injections import selectors
from injections.callers import Caller, caller_of
from injections.roles import Action
from injections.web.access import requires
from injections.web.context import Portal
from injections.web.methods import only
from injections.web.watchdog import Line, lines


@only("GET")
@requires(Action.SEE_STATUS)
def status(request: HttpRequest) -> HttpResponse:
    """Show every part with its state in words; the lines alone for an open page."""
    now = timezone.now()
    stands = Portal(request).standing
    found = lines(selectors.status_summary(now=now), stands, now=now)
    by = caller_of(request)
    context = {
        "lines": [
            {"line": line, "link": _link(line, is_open=stands.is_breaker_open, by=by)} for line in found
        ]
    }
    template = "status.html#lines" if request.htmx else "status.html"  # type: ignore[attr-defined]
    return render(request, template, context)


def _link(line: Line, *, is_open: bool, by: Caller) -> dict[str, Any] | None:
    """Return where this person can do something about it, or None."""
    if line.page == "breaker" and by.may(Action.WORK_BREAKER):
        words = "Let requests through …" if is_open else "Hold requests back …"
        return {"href": reverse("breaker"), "words": words}
    if line.page == "deliveries" and by.may(Action.RESEND_EVENT):
        return {"href": reverse("deliveries"), "words": "Deliveries"}
    if line.page == "doubts" and by.may(Action.SETTLE_UNKNOWN):
        return {"href": reverse("injections") + "?status=attention", "words": "Find out and settle"}
    return None
