"""Who may enter a view: one decorator, which also records that somebody was turned away."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.cache import never_cache

from audit.entry import Subject
from injections.callers import Caller, caller_of
from injections.roles import Action
from injections.services.refusals import record_refusal
from injections.web.errors import Trouble, WayBack, to_login, trouble_page
from injections.web.plain_text import shown_name

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

_HOMES = (
    (Action.SEE_CALLS, "live_calls"),
    (Action.SEE_ALL_INJECTIONS, "injections"),
    (Action.SEE_CLIPS, "clips"),
    (Action.SEE_STATUS, "status"),
)


def requires(*actions: Action) -> Callable[[View[P]], View[P]]:
    """Let only those in who may do one of `actions`; whoever is not logged in is sent to the login first.

    A refusal is recorded and answered with a page that says what to do.
    """

    def decorate(view: View[P]) -> View[P]:
        @never_cache
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return to_login(request)
            caller = caller_of(request)
            if not any(caller.may(action) for action in actions):
                return refuse_role(request, wanted=actions[0], by=caller)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def home_of(caller: Caller) -> str:
    """Return the address of the page on which this person's work begins."""
    return reverse(next((name for action, name in _HOMES if caller.may(action)), "status"))


def refuse_role(request: HttpRequest, *, wanted: Action | None = None, by: Caller) -> HttpResponse:
    """Record that this role may not do what it tried, `wanted` where that has a name, and say so."""
    act = "open" if request.method in {"GET", "HEAD"} else "change anything by"
    record_refusal(
        action="access.refused",
        code="not_permitted",
        summary=f"{by.actor.name} may not {act} {request.path}.",
        details={
            "wanted": None if wanted is None else wanted.value,
            "method": request.method,
            "role": by.actor.role,
        },
        by=by,
    )
    role = by.actor.role.replace("_", " ")
    return trouble_page(
        request,
        Trouble(
            status=403,
            title="Your role may not do this",
            what=f"You are logged in as {shown_name(by.actor.name)} ({role or 'without a role'}), "
            f"and this is not for {'that role' if role else 'anybody without one'}.",
            meaning="Nothing was changed. The attempt is on record.",
            remedy="Ask an administrator if you need it, or go on with your own work."
            if role
            else "Ask an administrator for a role, then try again.",
        ),
        back=None if role else WayBack(reverse("live_calls"), "Try again"),
    )


def refuse_scope(request: HttpRequest, *, action: str, subject: Subject, by: Caller) -> HttpResponse:
    """Record that a supervisor reached for a call outside their queues, and say so."""
    record_refusal(
        action=action,
        code="out_of_scope",
        summary=f"{by.actor.name} may not see or barge this call: it is outside their queues.",
        subject=subject,
        details={},
        by=by,
    )
    return trouble_page(
        request,
        Trouble(
            status=403,
            title="This call is outside your queues",
            what="The call belongs to a queue that is not assigned to you.",
            meaning="Nothing was played. The attempt is on record.",
            remedy="Ask an administrator for the queue, or pick a call of your own queues.",
        ),
    )
