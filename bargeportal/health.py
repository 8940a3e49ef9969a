"""Whether this process answers, for load balancers and for `manage.py up`."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@never_cache
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Answer `ok`, and nothing else: no database, no platform (contract: `GET /health`)."""
    return HttpResponse("ok", content_type="text/plain")


class AnswerHealth:
    """Answers before anything asks for the host: who probes a machine calls it by its number."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return health(request) if request.path_info == "/health" else self._get_response(request)
