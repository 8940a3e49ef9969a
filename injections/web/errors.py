"""Pages for what went wrong: what happened, what it means for the call, and the next step."""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from audit.entry import Subject
from injections.callers import caller_of
from injections.services.refusals import record_refusal


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a person reads when something cannot be done: what happened, the next step, what it means for the call."""

    status: int
    title: str
    what: str
    remedy: str
    meaning: str = "Nothing was changed and nothing was played."


_STALE_FORM = Trouble(
    status=403,
    title="This page was too old",
    what="The form was opened before you logged in last, or by another site, so it was not accepted.",
    remedy="Load the page again and repeat what you did.",
)
_BAD_REQUEST = Trouble(
    status=400,
    title="This request cannot be understood",
    what="Something in it is not as the portal expects: it may be too large, or was changed on its way.",
    remedy="Go back, load the page again, and repeat what you did.",
)
# The name of a file stands in the head of its part, the only one that grows with what a person chooses.
_NAME_TOO_LONG = Trouble(
    status=400,
    title="The recording was not taken",
    what="The name of its file is too long.",
    remedy="Rename the file to at most 200 characters, go back, and choose it again.",
)
_FORBIDDEN = Trouble(
    status=403,
    title="This is not allowed",
    what="You may not see this page or do this.",
    remedy="It is for another role, or for nobody: what is on record stays as it is. Go on with your own work.",
)
_NOT_FOUND = Trouble(
    status=404,
    title="Nothing is here",
    what="There is no such page, or it is not for you to see. A call that has ended leaves the board.",
    remedy="Check the address, or start again from one of the pages above.",
)


@dataclass(frozen=True, slots=True)
class WayBack:
    """Where a person goes on from a page of trouble."""

    href: str
    words: str


_PRESSES_A_MINUTE = 20  # of all who come through one proxy and are not logged in
_FIRST_PAGE = WayBack("/", "Go to the first page")
_HOMES_OF = {
    "conversation_id": ("barge_panel", "Back to the call"),
    "injection_id": ("injection", "Back to the injection"),
    "clip_id": ("clip", "Back to the recording"),
}


def trouble_page(request: HttpRequest, trouble: Trouble, *, back: WayBack | None = None) -> HttpResponse:
    """Return `trouble` as a page, or as a notice on the page that htmx has open."""
    context = {
        "trouble": trouble,
        "status_words": HTTPStatus(trouble.status).phrase,
        "back": back or _FIRST_PAGE,
    }
    if getattr(request, "htmx", False):
        response = render(request, "trouble.html#notice", context, status=trouble.status)
        response["HX-Retarget"] = "#notice"
        response["HX-Reswap"] = "innerHTML"
        return response
    return render(request, "trouble.html", context, status=trouble.status)


def way_back(request: HttpRequest) -> WayBack:
    """Return the page to which the address of a button belongs: of the call, the injection, or the recording."""
    match = request.resolver_match
    ids = {} if match is None else match.kwargs
    for name, (view, words) in _HOMES_OF.items():
        if name in ids:
            return WayBack(reverse(view, args=[ids[name]]), words)
    if match is not None and match.url_name == "clip_upload":
        return WayBack(request.path, "Back to the upload")
    return _FIRST_PAGE


def to_login(request: HttpRequest) -> HttpResponse:
    """Send whoever is not logged in, or no longer, to the login and afterwards back to the page they were on."""
    match = request.resolver_match
    ended = "fire" if match is not None and match.url_name == "barge_fire" else "1"
    if getattr(request, "htmx", False):
        # A fragment cannot hold the login: the whole page has to go there.
        back = request.htmx.current_url_abs_path or "/"  # type: ignore[attr-defined]
        return HttpResponseClientRedirect(_login_address(back, ended=ended))
    is_look = request.method in {"GET", "HEAD"}
    back = request.get_full_path() if is_look else way_back(request).href
    # Whoever sends a form had its page open; whoever has a session's cookie was logged in once.
    has_ended = not is_look or settings.SESSION_COOKIE_NAME in request.COOKIES
    return redirect(_login_address(back, ended=ended if has_ended else ""))


def _login_address(back: str, *, ended: str) -> str:
    """Return the login's address; `ended`: a session has, `fire` when Barge now was pressed after it."""
    query = {"next": back} | ({"ended": ended} if ended else {})
    return f"{reverse('login')}?{urlencode(query)}"


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without a valid token. Recorded when somebody is logged in: it may be another site's doing."""
    if not request.user.is_authenticated:
        record_press_of_nobody(request)
        is_login = request.path == reverse("login")  # there the form itself was too old
        return trouble_page(request, _STALE_FORM) if is_login else to_login(request)
    by = caller_of(request)
    record_refusal(
        action="access.refused",
        code="bad_request",
        summary=f"A form sent to {request.path} in the name of {by.actor.name} carried no valid token.",
        subject=None,
        details={"check": reason[:200]},
        by=by,
    )
    return trouble_page(request, _STALE_FORM)


def record_press_of_nobody(request: HttpRequest) -> None:
    """Record that Barge now was pressed by somebody who is not logged in, or no longer: an attempt to inject."""
    match = request.resolver_match
    if match is None or match.url_name != "barge_fire":
        return
    record_refusal(
        action="barge.fire_refused",
        code="not_permitted",
        summary="Barge now was pressed by somebody who is not logged in, or no longer; nothing was sent.",
        subject=Subject(conversation_id=match.kwargs["conversation_id"]),
        counted_for=request.META.get("REMOTE_ADDR", ""),
        most_a_minute=_PRESSES_A_MINUTE,
        by=caller_of(request),
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django itself refuses: too large, too many fields, a suspicious host."""
    if isinstance(exception, MultiPartParserError) and "header size" in str(exception):
        return trouble_page(request, _NAME_TOO_LONG, back=way_back(request))
    return trouble_page(request, _BAD_REQUEST)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django's admin refuses."""
    return trouble_page(request, _FORBIDDEN)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer an address that leads nowhere."""
    return trouble_page(request, _NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer our own fault. Without the database and without context: they may be what is broken."""
    page = render_to_string("500.html", {"request_id": getattr(request, "request_id", "")})
    return HttpResponse(page, status=500)
