"""`GET /metrics`: the watchdog's numbers as gauges, in the text form of Prometheus."""

import hmac
from ipaddress import ip_address
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from injections import gate, selectors
from injections.web.gauges import exposition

# Whoever comes through a proxy on this machine has its address, but is not from here.
_FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via")


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the gauges, to whoever sends METRICS_TOKEN or, without one, to this machine alone."""
    if settings.METRICS_TOKEN:
        if not _has_token(request):
            answer = HttpResponse("Send Authorization: Bearer and METRICS_TOKEN.\n", "text/plain", status=401)
            answer["WWW-Authenticate"] = "Bearer"
            return answer
    elif not _is_from_here(request):
        return HttpResponse(
            "For this machine alone. Set METRICS_TOKEN to read it from another, or through a proxy.\n",
            "text/plain",
            status=403,
        )
    text, content_type = exposition(
        selectors.status_summary(now=timezone.now()), gate.view(), now=timezone.now()
    )
    return HttpResponse(text, content_type)


def _has_token(request: HttpRequest) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    is_same = hmac.compare_digest(given.strip().encode(), settings.METRICS_TOKEN.encode())
    return scheme.lower() == "bearer" and is_same


def _is_from_here(request: HttpRequest) -> bool:
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
