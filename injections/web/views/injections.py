"""Injections: the list, one in detail, and taking back what still waits."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from injections import selectors
from injections.audit_events import injection_subject
from injections.callers import Caller, caller_of
from injections.models import InjectionRequest
from injections.roles import Action
from injections.services.cancellation import NotCancellable, cancel_injection
from injections.services.refusals import record_refusal
from injections.services.settlement import UNSETTLED, NotSettleable, settle_unknown
from injections.web.access import requires
from injections.web.errors import Trouble, not_found, trouble_page
from injections.web.forms import InjectionFilterForm, SettleForm
from injections.web.methods import only
from injections.web.reason_words import why
from injections.web.results import badge_of, may_cancel, story, tries, wait_of
from injections.web.words import milliseconds


@only("GET")
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
        "rows": [
            {"injection": one, "badge": badge_of(one), "why": why(one.reason_code, one.error)}
            for one in shown
        ],
        "newest": "" if narrowed.before is None else _address(request),
        "older": _address(request, before=shown[-1].pk) if len(found) > len(shown) else "",
        "is_narrow": any(request.GET.get(name) for name in ("status", "q", "day", "before")),
        "sees_all": caller.may(Action.SEE_ALL_INJECTIONS),
    }
    template = "injections/list.html#results" if request.htmx else "injections/list.html"  # type: ignore[attr-defined]
    return render(request, template, context, status=400 if form.errors else 200)


@only("GET")
@requires(Action.SEE_OWN_INJECTIONS, Action.SEE_ALL_INJECTIONS)
def injection(request: HttpRequest, injection_id: UUID) -> HttpResponse:
    """Show one injection with every attempt; its moving part alone for an open page."""
    caller = caller_of(request)
    found = selectors.injection(injection_id=injection_id, by=caller)
    if found is None:
        return not_found(request)
    if request.htmx:  # type: ignore[attr-defined]
        place = "page" if request.GET.get("place") == "page" else "panel"
        return render(request, "injections/result.html#polled", _context(found, by=caller) | {"place": place})
    return _detail(request, found)


@only("GET")
@requires(Action.SEE_OWN_INJECTIONS, Action.SEE_ALL_INJECTIONS)
def doubts(request: HttpRequest) -> HttpResponse:
    """Return the banner of unclear outcomes alone, for an open page."""
    return render(request, "injections/doubts.html#doubts")


@only("POST")
@requires(Action.SETTLE_UNKNOWN)
def injection_settle(request: HttpRequest, injection_id: UUID) -> HttpResponse:
    """Settle a doubt by an officer's word: it was played, or it was not."""
    caller = caller_of(request)
    found = selectors.injection(injection_id=injection_id, by=caller)
    if found is None:
        return not_found(request)
    form = SettleForm(request.POST)
    if not form.is_valid():
        _record_settling(form, found, by=caller)
        return _detail(request, found, form=form, status=400)
    try:
        settle_unknown(
            injection_id=injection_id,
            outcome=form.cleaned_data["outcome"],
            reason=form.cleaned_data["reason"],
            by=caller,
        )
    except NotSettleable as error:
        return trouble_page(request, _nothing_to_settle(str(error)))
    return redirect("injection", injection_id=injection_id)


@only("POST")
@requires(Action.CANCEL_INJECTION)
def injection_cancel(request: HttpRequest, injection_id: UUID) -> HttpResponse:
    """Take back what has not been sent yet."""
    caller = caller_of(request)
    try:
        found = cancel_injection(injection_id=injection_id, by=caller)
    except InjectionRequest.DoesNotExist:
        return not_found(request)
    except NotCancellable:
        return trouble_page(request, _TOO_LATE)
    if request.htmx:  # type: ignore[attr-defined]
        context = _context(found, by=caller) | {
            "is_answer": True
        }  # the button is gone: the focus goes to the words
        return render(request, "injections/result.html#result", context)
    return redirect("injection", injection_id=found.pk)


_TOO_LATE = Trouble(
    status=409,
    title="This can no longer be cancelled",
    what="It has been sent already, or has ended.",
    meaning="What was sent cannot be called back.",
    remedy="Look at it again to see what became of it.",
)


def _detail(
    request: HttpRequest, found: InjectionRequest, *, form: SettleForm | None = None, status: int = 200
) -> HttpResponse:
    context = _context(found, by=caller_of(request)) | {
        "form": form or SettleForm(),
        "place": "page",
        "longest": milliseconds(found.max_duration_ms),
        "receipt": selectors.receipt_of(found),
    }
    return render(request, "injections/detail.html", context, status=status)


def _nothing_to_settle(what: str) -> Trouble:
    return Trouble(
        status=409,
        title="Nothing is left to settle",
        what=what,
        meaning="It stays as it is. The attempt is on record.",
        remedy="Open the injection again to see what became of it.",
    )


def _record_settling(form: SettleForm, found: InjectionRequest, *, by: Caller) -> None:
    record_refusal(
        action="injection.settle_refused",
        code="bad_request",
        summary=f"{by.label} sent an incomplete form to settle an injection; nothing was changed.",
        subject=injection_subject(found),
        details={"fields": sorted(form.errors)},
        by=by,
    )


def _context(found: InjectionRequest, *, by: Caller) -> dict[str, Any]:
    return {
        "injection": found,
        "story": story(found),
        "wait": wait_of(found, now=timezone.now()),
        "settlement": selectors.settlement(found),
        "may_settle": by.may(Action.SETTLE_UNKNOWN) and found.status in UNSETTLED,
        "tries": tries(found),
        "may_cancel": may_cancel(found, by=by),
    }


def _address(request: HttpRequest, **page: Any) -> str:
    """Return the list as it is narrowed now, at its beginning or at another page."""
    query = {name: value for name in ("status", "q", "day") if (value := request.GET.get(name))}
    return "?" + urlencode(query | page)
