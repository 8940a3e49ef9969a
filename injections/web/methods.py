"""Which HTTP methods a page takes; another one is answered with a page of ours, not the browser's own error."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from injections.web.errors import Trouble, trouble_page, way_back

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def only(*methods: str) -> Callable[[View[P]], View[P]]:
    """Let only requests with one of `methods` in; who may GET may ask for the HEAD alone."""
    allowed = (*methods, "HEAD") if "GET" in methods else methods

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if request.method not in allowed:
                return wrong_method(request, allowed)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def wrong_method(request: HttpRequest, methods: tuple[str, ...]) -> HttpResponse:
    """Say that this address is not for looking at, or not for acting on, and lead back."""
    response = trouble_page(
        request, _ACT if request.method in {"GET", "HEAD"} else _LOOK, back=way_back(request)
    )
    response["Allow"] = ", ".join(methods)
    return response


_ACT = Trouble(
    status=405,
    title="Nothing happens by opening this address",
    what="This address belongs to a button. It acts only when the button is pressed on its page.",
    remedy="Go back to the page with the button.",
)
_LOOK = Trouble(
    status=405,
    title="This address is only for looking",
    what="Something was sent to a page that takes nothing.",
    remedy="Go back, load the page again, and repeat what you did.",
)
