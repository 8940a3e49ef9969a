"""How requests to the platform stand: the strip of every page, and the breaker in an administrator's hand."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django_htmx.http import trigger_client_event

from injections import selectors
from injections.callers import caller_of
from injections.roles import Action
from injections.services.breaker import close_breaker, open_breaker
from injections.services.refusals import NotPermitted
from injections.shared_state import StateUnavailable
from injections.web.access import refuse_role, requires
from injections.web.context import Portal
from injections.web.errors import Trouble, to_login, trouble_page
from injections.web.forms import HoldForm
from injections.web.methods import only
from injections.web.strip_pass import is_valid_pass

_FEED_S: Final = 1.0  # each process asks the database once in this time, however many pages are open


@only("GET")
@never_cache
def strip(request: HttpRequest) -> HttpResponseBase:
    """Return the strip for an open page, or 204 when it shows this already (`v`).

    Every page asks each second: neither session nor user is looked up. The pass was given out with the page.
    """
    pass_ = request.GET.get("pass", "")
    if not is_valid_pass(pass_):
        return to_login(request)
    shown = Portal(request)
    shown.strip_pass = pass_  # a page that stays open for ever has to log in again one day
    shown.feed = _feed()
    if request.GET.get("v") == shown.strip_digest:
        return HttpResponse(status=204)
    is_new = request.GET.get("is") != shown.strip_mood
    response = render(request, "strip.html#strip", {"portal": shown, "is_new": is_new})
    # What a barge would do now has changed: board, panel and result ask anew at once.
    return trigger_client_event(response, "gate-changed") if is_new else response


# Not Django's cache: that may be Redis, and the strip has to tell of its being away.
_feeds: dict[str, tuple[float, selectors.Feed]] = {}


def _feed() -> selectors.Feed:
    read_at, known = _feeds.get("last", (0.0, None))
    now_s = time.monotonic()
    if known is None or now_s - read_at > _FEED_S:
        known = selectors.feed(now=timezone.now())
        _feeds["last"] = now_s, known
    return known


@only("GET")
@requires(Action.WORK_BREAKER)
def breaker(request: HttpRequest) -> HttpResponse:
    """Ask for the second act before the breaker is opened or closed by hand."""
    return _question(request)


@only("POST")
@requires(Action.WORK_BREAKER)
def breaker_open(request: HttpRequest) -> HttpResponse:
    """Hold every request to the platform back, with a reason."""
    form = HoldForm(request.POST)
    if not form.is_valid():
        return _question(request, form=form, status=400)
    return _work(request, partial(open_breaker, reason=form.cleaned_data["reason"]))


@only("POST")
@requires(Action.WORK_BREAKER)
def breaker_close(request: HttpRequest) -> HttpResponse:
    """Let requests go to the platform again."""
    return _work(request, close_breaker)


def _question(request: HttpRequest, *, form: HoldForm | None = None, status: int = 200) -> HttpResponse:
    waiting = selectors.status_summary(now=timezone.now()).waiting
    return render(request, "breaker.html", {"waiting": waiting, "form": form or HoldForm()}, status=status)


def _work(request: HttpRequest, act: Callable[..., None]) -> HttpResponse:
    caller = caller_of(request)
    try:
        act(by=caller)
    except NotPermitted:  # the role was taken away between the two looks
        return refuse_role(request, wanted=Action.WORK_BREAKER, by=caller)
    except StateUnavailable:
        return trouble_page(request, _OUT_OF_REACH)
    return redirect("status")


_OUT_OF_REACH: Final = Trouble(
    status=503,
    title="Requests cannot be held back or let through now",
    what="Whether requests go out is kept where all processes share them (Redis, or a file in the data "
    "folder), and nothing answers there.",
    meaning="Nothing was changed. Meanwhile requests go out as if nothing could hold them back.",
    remedy="See that Redis runs, or that the data folder can be written, and try again. To hold requests back "
    "meanwhile, stop web server and workers.",
)
