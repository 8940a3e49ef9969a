"""Injections: the list, one in detail, and taking back what still waits."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from injections import selectors
from injections.callers import Caller, caller_of
from injections.models import InjectionRequest
from injections.roles import Action
from injections.services.cancellation import NotCancellable, cancel_injection
from injections.web.access import requires
from injections.web.errors import Trouble, not_found, trouble_page
from injections.web.forms import InjectionFilterForm
from injections.web.results import badge_of, story, tries


@require_GET
@requires(Action.SEE_OWN_INJECTIONS, Action.SEE_ALL_INJECTIONS)
def injections(request: HttpRequest) -> HttpResponse:
    """List what was asked for, newest first."""
    caller = caller_of(request)
    form = InjectionFilterForm(request.GET)
    narrowed = form.narrowed()
    found = list(selectors.injections(narrowed=narrowed, by=caller)[: selectors.PAGE_SIZE + 1])
    shown = found[: selectors.PAGE_SIZE]
    context = {
        "filters": form,
        "rows": [{"injection": one, "badge": badge_of(one)} for one in shown],
        "older": _older(request, shown[-1]) if len(found) > len(shown) else "",
        "is_first": narrowed.before is None,
        "is_narrow": any(request.GET.get(name) for name in ("status", "q", "day")),
        "sees_all": caller.may(Action.SEE_ALL_INJECTIONS),
    }
    template = "injections/list.html#results" if request.htmx else "injections/list.html"  # type: ignore[attr-defined]
    return render(request, template, context, status=400 if form.errors else 200)


@require_GET
@requires(Action.SEE_OWN_INJECTIONS, Action.SEE_ALL_INJECTIONS)
def injection(request: HttpRequest, injection_id: UUID) -> HttpResponse:
    """Show one injection with every attempt; its moving part alone for an open page."""
    caller = caller_of(request)
    found = selectors.injection(injection_id=injection_id, by=caller)
    if found is None:
        return not_found(request, Exception())
    if request.htmx and not request.htmx.history_restore_request:  # type: ignore[attr-defined]
        place = "panel" if request.htmx.target == "result" else "page"  # type: ignore[attr-defined]
        return render(request, "injections/result.html#result", _context(found, by=caller) | {"place": place})
    return render(request, "injections/detail.html", _context(found, by=caller) | {"place": "page"})


@require_POST
@requires(Action.CANCEL_INJECTION)
def injection_cancel(request: HttpRequest, injection_id: UUID) -> HttpResponse:
    """Take back what has not been sent yet."""
    caller = caller_of(request)
    try:
        found = cancel_injection(injection_id=injection_id, by=caller)
    except InjectionRequest.DoesNotExist:
        return not_found(request, Exception())
    except NotCancellable:
        return trouble_page(request, _TOO_LATE)
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "injections/result.html#result", _context(found, by=caller))
    return redirect("injection", injection_id=found.pk)


_TOO_LATE = Trouble(
    status=409,
    title="This can no longer be cancelled",
    what="It has been sent already, or has ended.",
    meaning="What was sent cannot be called back.",
    remedy="Look at it again to see what became of it.",
)


def _context(found: InjectionRequest, *, by: Caller) -> dict[str, Any]:
    return {
        "injection": found,
        "story": story(found),
        "tries": tries(found),
        "may_cancel": by.may(Action.CANCEL_INJECTION) and found.requested_by == by.user,
    }


def _older(request: HttpRequest, last: InjectionRequest) -> str:
    query = {name: value for name in ("status", "q", "day") if (value := request.GET.get(name))}
    return "?" + urlencode({**query, "before": last.pk})
