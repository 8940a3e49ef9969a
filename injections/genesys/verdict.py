"""From an answer, or from none, to the error that says what to do: the contract's table of failures. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .errors import Ambiguous, CredentialsRejected, GenesysError, NotSent, RateLimited, Refused, Unavailable
from .retry import parse_retry_after
from .transport import Answer, ExchangeFailed
from .types import RateReading

MAX_TEXT = 200
_DOUBT = (
    "The platform may have started the recording. It is not sent again; "
    "wait for its outcome, or listen into the call before you decide anything."
)
_UNVERIFIED = "Try again; if it stays so, tell an administrator."
_WAIT = "It can be tried again."
_REMEDIES = {
    400: "Nothing was played. Correct what is named, or tell an administrator.",
    401: "Ask an administrator to check the roles of the portal's client and whether it is still active.",
    403: "Check that the agent is still in the call. If he is, an administrator has to grant the portal's OAuth "
    "client the permission to play recordings into calls.",
    404: "The call has ended, or the agent has left it. Choose another call.",
}
_MAY_NOT_READ = (
    "Check that the agent is still in the call. If he is, an administrator has to grant the portal's OAuth "
    "client the permission to read calls and their participants."
)


@dataclass(frozen=True, slots=True)
class Problem:
    """What an error body says (message, code, contextId, details and messageParams of the contract)."""

    message: str
    code: str
    context_id: str | None
    field: str | None
    permissions: str | None


def problem_of(body: bytes | None) -> Problem:
    """Read an error body; one that cannot be read gives an empty problem."""
    raw = json_of(body)
    data: Mapping[str, Any] = raw if isinstance(raw, dict) else {}
    params = data.get("messageParams")
    params = params if isinstance(params, dict) else {}
    return Problem(
        message=text_of(data.get("message")),
        code=text_of(data.get("code")),
        context_id=text_of(data.get("contextId")) or None,
        field=_field_of(data, params),
        permissions=text_of(params.get("permissions")).strip("[]") or None,
    )


def json_of(body: bytes | None) -> Any:
    """Return the body's JSON value, or None."""
    if body is None:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def text_of(value: object) -> str:
    """Return a text of the platform in one short printable line; anything else gives an empty one."""
    if not isinstance(value, str):
        return ""
    line = " ".join("".join(c if c.isprintable() else " " for c in value[: 4 * MAX_TEXT]).split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


def rate_of(headers: Mapping[str, str]) -> RateReading | None:
    """Return the platform's count of our requests; None unless all three headers are whole numbers."""
    values = [headers.get(f"inin-ratelimit-{name}", "") for name in ("allowed", "count", "reset")]
    if not all(value.isascii() and value.isdigit() and len(value) < 10 for value in values):
        return None
    allowed, count, reset = map(int, values)
    return RateReading(allowed=allowed, count=count, reset_s=float(reset))


def correlation_of(answer: Answer) -> str | None:
    """Return the id by which the vendor's support finds this answer."""
    found = text_of(answer.headers.get("ININ-Correlation-Id"))
    return found or (problem_of(answer.body).context_id if answer.status >= 400 else None)


def error_of_failure(failure: ExchangeFailed, *, is_command: bool) -> GenesysError:
    """Return the error for an exchange without an answer."""
    if failure.sent is None:
        return NotSent(f"The platform could not be reached: {failure.reason}.", remedy=_wait(is_command))
    message = f"The platform gave no clear answer: {failure.reason}."
    return _doubtful(message, is_command=is_command, sent=failure.sent)


def unusable(answer: Answer, *, is_command: bool) -> GenesysError:
    """Return the error for an answer that says neither yes nor no."""
    return _doubtful(
        f"The platform's answer (status {answer.status}) could not be used.",
        is_command=is_command,
        sent=answer.sent,
        correlation_id=correlation_of(answer),
        status=answer.status,
    )


def error_of_answer(answer: Answer, *, is_command: bool, now: datetime) -> GenesysError:
    """Return the error for an answer outside of 2xx, by the contract's table of failures."""
    retry_after = parse_retry_after(answer.headers.get("Retry-After"), now=now)
    correlation_id = correlation_of(answer)
    if answer.status == 429:
        return RateLimited(
            "The platform takes no more requests at the moment.",
            remedy=_wait(is_command), retry_after=retry_after, correlation_id=correlation_id, status=429,
            sent=answer.sent,
        )  # fmt: skip
    if answer.status == 503:
        return Unavailable(
            "The platform is overloaded or under maintenance.",
            remedy=_wait(is_command), retry_after=retry_after, correlation_id=correlation_id, status=503,
            sent=answer.sent,
        )  # fmt: skip
    if 400 <= answer.status < 500:
        return _refusal(answer, is_command=is_command, correlation_id=correlation_id)
    return unusable(answer, is_command=is_command)


def login_error(answer: Answer, *, now: datetime) -> GenesysError:
    """Return the error for a token request that was answered, but not with a token.

    Nothing but the token was asked for, so all but a rejected client may be tried again.
    """
    if answer.status in {400, 401, 403}:
        return CredentialsRejected(
            "The platform does not accept the portal's client id and secret.",
            remedy="Ask an administrator to check GENESYS_CLIENT_ID, GENESYS_CLIENT_SECRET and the region.",
            correlation_id=correlation_of(answer), status=answer.status,
        )  # fmt: skip
    if answer.status in {404, 405, 410}:
        return CredentialsRejected(
            "The platform's login service is not at the address that is configured.",
            remedy="Ask an administrator to check GENESYS_ORG_REGION or GENESYS_LOGIN_URL.",
            correlation_id=correlation_of(answer), status=answer.status,
        )  # fmt: skip
    kind = RateLimited if answer.status == 429 else Unavailable
    return kind(
        f"The platform's login service gave no access (status {answer.status}).",
        remedy=_WAIT,
        retry_after=parse_retry_after(answer.headers.get("Retry-After"), now=now),
        correlation_id=correlation_of(answer),
        status=answer.status,
    )


def login_failure(failure: ExchangeFailed) -> GenesysError:
    """Return the error for a token request without an answer: the command itself never left."""
    message = f"The platform's login service could not be reached: {failure.reason}."
    return NotSent(message, remedy=_WAIT)


def _wait(is_command: bool) -> str:
    """Return what to do; of a login or a question nobody expects that it plays something."""
    return f"Nothing was played. {_WAIT}" if is_command else _WAIT


def _doubtful(
    message: str,
    *,
    is_command: bool,
    sent: float,
    correlation_id: str | None = None,
    status: int | None = None,
) -> Ambiguous:
    if is_command:
        return Ambiguous(message, remedy=_DOUBT, correlation_id=correlation_id, status=status, sent=sent)
    return Ambiguous(
        f"The state of the call could not be verified. {message}",
        remedy=_UNVERIFIED, may_have_been_sent=False, correlation_id=correlation_id, status=status, sent=sent,
    )  # fmt: skip


def _refusal(answer: Answer, *, is_command: bool, correlation_id: str | None) -> Refused:
    problem = problem_of(answer.body)
    detail, remedy = _refusal_texts(answer.status, problem, is_command=is_command)
    return Refused(
        f"The platform refused the {'command' if is_command else 'request'}: {detail.rstrip('.')}.",
        remedy=remedy,
        correlation_id=correlation_id,
        status=answer.status,
        field=problem.field if answer.status == 400 else None,
        sent=answer.sent,
    )


def _refusal_texts(status: int, problem: Problem, *, is_command: bool) -> tuple[str, str]:
    if problem.permissions is not None:
        one = "one of these permissions is missing:" if "any" in problem.code else "missing permission"
        return f"{one} {problem.permissions}", "Ask an administrator to grant it."
    detail = problem.message or f"status {status}, without a reason"
    if status == 400 and problem.field is not None and problem.field not in detail:
        detail = f"{problem.field}: {detail}"
    if status == 404:
        detail = problem.message or "the call or the participant was not found"
    if status == 403 and not is_command:
        return detail, _MAY_NOT_READ
    return detail, _REMEDIES.get(status, _REMEDIES[400])


def _field_of(data: Mapping[str, Any], params: Mapping[str, Any]) -> str | None:
    """Find the name of the refused field; the platform has several places for it."""
    details = data.get("details")
    first = details[0] if isinstance(details, list) and details else {}
    candidates = [first.get("fieldName")] if isinstance(first, dict) else []
    candidates += [params.get(name) for name in ("fieldName", "field", "fieldType")]
    return next((text for text in map(text_of, candidates) if text), None)
