"""Whether this process answers, for load balancers and for `manage.py up`."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@never_cache
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Answer `ok`, and nothing else: no database, no platform (contract: `GET /health`)."""
    return HttpResponse("ok", content_type="text/plain")
