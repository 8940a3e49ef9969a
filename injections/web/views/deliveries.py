"""Deliveries to the QA system: what was taken, what was not and why, and sending one again."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from injections import selectors
from injections.callers import caller_of
from injections.models import InjectionRequest, QaEvent
from injections.roles import Action
from injections.services.qa import resend_event
from injections.web.access import requires
from injections.web.errors import not_found
from injections.web.forms import DeliveryFilterForm
from injections.web.methods import only
from injections.web.moments import countdown
from injections.web.results import badge_of
from injections.web.verdicts import Badge


@only("GET")
@requires(Action.RESEND_EVENT)
def deliveries(request: HttpRequest) -> HttpResponse:
    """List the events for the QA system, newest first."""
    return _list(request)


@only("POST")
@requires(Action.RESEND_EVENT)
def delivery_resend(request: HttpRequest, number: int) -> HttpResponse:
    """Have one event sent again now."""
    try:
        resend_event(number=number, by=caller_of(request))
    except QaEvent.DoesNotExist:
        return not_found(request)
    if request.htmx:  # type: ignore[attr-defined]
        return _list(request, resent=number)
    return redirect(f"{reverse('deliveries')}?{urlencode(_query(request) | {'resent': number})}")


def _list(request: HttpRequest, *, resent: int | None = None) -> HttpResponse:
    caller = caller_of(request)
    form = DeliveryFilterForm(request.GET)
    form.is_valid()
    asked = form.cleaned_data
    events = selectors.deliveries(state=asked.get("state") or "", before=asked.get("before"), by=caller)
    found = list(events[: selectors.PAGE_SIZE + 1])
    shown = found[: selectors.PAGE_SIZE]
    now = timezone.now()
    context = {
        "filters": form,
        "rows": [_row(event, now=now) for event in shown],
        "older": urlencode(_query(request) | {"before": shown[-1].number}) if len(found) > len(shown) else "",
        "newest": "" if asked.get("before") is None else "?" + urlencode({"state": asked.get("state") or ""}),
        "is_narrow": bool(asked.get("state")) or asked.get("before") is not None,
        "asked": urlencode(_query(request)),
        "resent": resent if resent is not None else _number(request.GET.get("resent", "")),
        "is_connected": bool(settings.QA_WEBHOOK_URL),
        "may_open": caller.may(Action.SEE_ALL_INJECTIONS),
    }
    template = "deliveries.html#results" if request.htmx else "deliveries.html"  # type: ignore[attr-defined]
    return render(request, template, context, status=400 if form.errors else 200)


def _row(event: QaEvent, *, now: Any) -> dict[str, Any]:
    return {
        "event": event,
        "badge": _badge(event),
        "told": badge_of(InjectionRequest(status=event.body["status"])) if "status" in event.body else None,
        "next": "" if event.due_at is None else countdown(event.due_at, now=now),
        "may_resend": event.delivered_at is not None or event.tries > 0,
    }


def _badge(event: QaEvent) -> Badge:
    if event.delivered_at is not None:
        return Badge("go", "✓", "Delivered")
    if event.due_at is None:
        return Badge("plain", "–", "Kept to be asked for")
    return Badge("stop", "✕", "Failed so far") if event.tries else Badge("plain", "◷", "Not tried yet")


def _query(request: HttpRequest) -> dict[str, Any]:
    """Return the filter as it stands in the address, for links that keep it."""
    return {name: value for name in ("state", "before") if (value := request.GET.get(name))}


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
