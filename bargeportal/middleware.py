"""What every request carries and every answer says, whoever answers it; bodies refused on arrival never come here."""

import time
import uuid
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponseBase

_HEADERS: Final = {
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}


class RequestContext:
    """Gives each request an id and the moment of its arrival; the answer repeats the id.

    `request.received_at` is a monotonic reading (`time.perf_counter`). The gateway takes it before the body
    is read, so that waiting for a thread counts as latency too.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        received_at: float | None = getattr(request, "received_at", None)
        if received_at is None:
            request.received_at = time.perf_counter()  # type: ignore[attr-defined]
        request.request_id = uuid.uuid4().hex  # type: ignore[attr-defined]
        response = self._get_response(request)
        response.headers["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response
