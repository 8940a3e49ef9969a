"""Live calls: the board, and its rows alone for whoever has it open."""

import zlib
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from injections import selectors
from injections.callers import Caller, caller_of
from injections.roles import Action
from injections.web.access import home_of, requires
from injections.web.context import Portal
from injections.web.errors import to_login
from injections.web.forms import BoardFilterForm
from injections.web.methods import only
from injections.web.rows import board
from injections.web.verdicts import STALE_AFTER

_NOBODY = UUID(int=0)


@only("GET")
def live_calls(request: HttpRequest) -> HttpResponseBase:
    """Show the board. It is also the front door: other roles are led to where their own work begins."""
    if not request.user.is_authenticated:
        return to_login(request)
    caller = caller_of(request)
    if not caller.may(Action.SEE_CALLS) and home_of(caller) != request.path:
        return redirect(home_of(caller))
    return _board(request)


@requires(Action.SEE_CALLS)
def _board(request: HttpRequest) -> HttpResponse:
    context = board_context(request, by=caller_of(request))
    return render(request, "calls/board.html", context, status=context["board_status"])


@only("GET")
@requires(Action.SEE_CALLS)
def live_calls_rows(request: HttpRequest) -> HttpResponse:
    """Return the rows alone: for a filter that was changed, or for the poll of an open board.

    A poll says in `v` what the board shows already; while that holds, the answer is an empty 204, which costs neither
    rows nor template.
    """
    caller = caller_of(request)
    if "v" in request.GET and request.GET["v"] == _stamp(request, by=caller):
        return HttpResponse(status=204)
    context = board_context(request, by=caller)
    response = render(request, "calls/board.html#rows", context, status=context["board_status"])
    if request.htmx.trigger == "filters":  # type: ignore[attr-defined]
        response["HX-Replace-Url"] = _address(request, context["narrowed"].query)
    return response


def board_context(request: HttpRequest, *, by: Caller) -> dict[str, Any]:
    """Return what the board's template needs, with or without a panel beside it."""
    form = BoardFilterForm(request.GET, queues=selectors.queues(by=by))
    stands = Portal(request).standing
    narrowed = form.narrowed()
    stamp = _stamp(
        request, by=by
    )  # before the rows are read: what changes meanwhile is found by the next poll
    return {
        "stamp": stamp,
        "filters": form,
        "narrowed": narrowed,
        "board": board(narrowed=narrowed, is_held_back=stands.is_breaker_open, now=timezone.now(), by=by),
        # The rows print their addresses from these two: resolving each by name would cost more than the rest of a row.
        "calls_at": reverse("barge_panel", args=[_NOBODY]).removesuffix(f"{_NOBODY}/"),
        "query": narrowed.query,
        "stale_s": int(STALE_AFTER.total_seconds()),
        "board_status": 400 if form.errors else 200,
    }


def _stamp(request: HttpRequest, *, by: Caller) -> str:
    """Return a short word that changes when anything changes that the board shows, but for the passing of time."""
    shown = Portal(request)
    seen = selectors.calls_seen(by=by)
    stale = sum(at < shown.now - STALE_AFTER for _, at in seen)
    asked = [request.GET.get(name, "") for name in BoardFilterForm.base_fields]
    busy = sorted(selectors.busy_conversations())
    doubts = sorted(selectors.open_doubts(now=shown.now))
    feed = (shown.feed.is_late, shown.feed.problem)
    held = (shown.strip_mood, shown.standing.since)
    return f"{zlib.crc32(repr((seen, stale, asked, busy, doubts, feed, held)).encode()):x}"


def _address(request: HttpRequest, query: str) -> str:
    """Return the address of the page that is open, with the new filter instead of the old one."""
    page: str = request.htmx.current_url_abs_path or "/"  # type: ignore[attr-defined]
    return page.partition("?")[0] + query
