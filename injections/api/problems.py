"""Errors of the HTTP API: which field, why, and what to do; as problem details (RFC 9457) with a stable code."""

import logging
from http import HTTPStatus
from typing import Any, Final

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_handler

from injections.callers import anonymous_caller
from injections.reasons import REASONS
from injections.services.refusals import record_refusal

log = logging.getLogger(__name__)
PROBLEM: Final = "application/problem+json"
STRANGERS_A_MINUTE: Final = 20  # records of attempts without a valid token, for each who is connected
CODES: Final = {
    401: "not_authenticated",
    403: "not_permitted",
    404: "not_found",
    429: "too_many_requests",
    503: "database_away",
}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the answer for an exception of a view; None lets an unexpected one become a 500."""
    error = database_away(error) or error
    if isinstance(error, RequestDataTooBig):
        error = exceptions.ParseError("The body is too large. Send the command only.")
    response = drf_handler(error, context)
    if response is None:
        return None
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        record_stranger(context["request"]._request)
    field, reason = first_fault(error)
    data: Any = problem(response.status_code, detail=reason, field=field)
    response.data = data
    response.content_type = PROBLEM
    return response


def problem(status: int, *, detail: str, field: str | None = None) -> dict[str, Any]:
    """Return the problem details of an answer with this status."""
    code = CODES.get(status, "bad_request")
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "field": field,
        "remedy": REASONS[code].remedy,
    }


def record_stranger(request: HttpRequest) -> None:
    """Record an attempt without a token that holds, under who is connected: a header may claim any source."""
    record_refusal(
        action="access.refused",
        code="not_authenticated",
        summary="Somebody without a valid token was refused by the API.",
        counted_for=request.META.get("REMOTE_ADDR", ""),
        most_a_minute=STRANGERS_A_MINUTE,
        by=anonymous_caller(request),
    )


@csrf_exempt
def nothing_here(request: HttpRequest) -> JsonResponse:
    """Answer an address for machines that leads nowhere; a page would be of no use to them."""
    _, detail = first_fault(Http404())
    return JsonResponse(problem(404, detail=detail), status=404, content_type=PROBLEM)


class DatabaseAway(exceptions.APIException):
    """The database cannot be reached: what was asked is not known to have happened."""

    status_code = 503
    wait = 2  # seconds; becomes Retry-After
    default_detail = (
        "The portal's database cannot be reached. Ask again with the same Idempotency-Key: "
        "what was already written down is not done twice."
    )


def database_away(error: Exception) -> DatabaseAway | None:
    """Return the answer for a database that cannot be used now; None for any other error, a bad query among them.

    The database's own words are for the operator's log alone.
    """
    if not isinstance(error, OperationalError | InterfaceError):
        return None
    log.error("the database cannot be used: %s", error)
    return DatabaseAway()


def first_fault(error: Exception) -> tuple[str | None, str]:
    """Return the first field at fault as a path like `streamMatrix.agentMute` (None: the body), and the reason."""
    if isinstance(error, exceptions.ValidationError):
        return _first(error.detail, "")
    if isinstance(error, Http404):
        return None, "There is nothing at this address, or it is not yours."
    if isinstance(error, PermissionDenied):
        return None, "This token may not do that."
    if isinstance(error, exceptions.APIException):
        return None, str(error.detail)
    return None, str(error)


def _first(detail: Any, path: str) -> tuple[str | None, str]:
    if isinstance(detail, dict) and detail:
        name, inner = next(iter(detail.items()))
        step = "" if name == "non_field_errors" else name
        return _first(inner, f"{path}.{step}".strip("."))
    if isinstance(detail, list) and detail:
        return _first(detail[0], path)
    return path or None, str(detail)
