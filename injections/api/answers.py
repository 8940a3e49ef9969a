"""From an injection's state to the answer of POST /inject: the contract's table, as one pure function."""

from dataclasses import dataclass, field
from typing import Any, Final

from injections.lifecycle import Status
from injections.reasons import REASONS

# Refusals that say something else than "this call, now, not".
_REFUSED: Final[dict[str, int]] = {"call_busy": 409, "queue_full": 429}
_ACCEPTED: Final = frozenset({Status.DISPATCHED, Status.COMPLETED, Status.UNCONFIRMED})
_WAITING: Final = frozenset({Status.REQUESTED, Status.QUEUED, Status.DISPATCHING})


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body; `needs_location` when the client has to ask again."""

    http_status: int
    body: dict[str, Any] = field(default_factory=dict)
    needs_location: bool = False


def answer_for(
    *,
    request_id: str,
    status: Status,
    code: str,
    message: str,
    interaction_id: str,
    is_unverified: bool,
    latency_ms: float | None,
) -> Answer:
    """Return the answer for an injection in `status`; `is_unverified` when the call could not even be checked."""
    if status in _ACCEPTED or (interaction_id and status in {Status.FAILED, Status.CANCELLED}):
        text = message or "The recording was accepted."
        return _answer(201, status, text, interaction_id or request_id, code)
    if status in _WAITING:
        answer = _answer(202, "queued", message or "It must wait.", request_id, code, needs_location=True)
        answer.body["remedy"] = (
            "It is tried again by itself until its deadline. Ask at Location; do not send it again."
        )
        return answer
    if status is Status.UNKNOWN:
        return _answer(202, status, message, request_id, code, needs_location=True)
    if status is Status.EXPIRED:
        return _answer(504, status, message, request_id, code)
    if status is Status.FAILED:
        return _failed(request_id, code, message, is_unverified=is_unverified, latency_ms=latency_ms)
    if status is Status.CANCELLED:
        return _answer(409, status, message, request_id, code)
    http_status = _REFUSED.get(code, 403)
    text = message if http_status != 403 else f"Injection blocked: {message}"
    return _answer(http_status, status, text, request_id, code)


def _failed(
    request_id: str, code: str, message: str, *, is_unverified: bool, latency_ms: float | None
) -> Answer:
    if is_unverified:
        verified = "The state of the call could not be verified"
        text = message if verified in message else f"{verified}, nothing was played: {message}"
        return _answer(500, Status.FAILED, text, request_id, code)
    text = f"The platform did not take it: {message}"
    if latency_ms is not None:
        text += f" (after {latency_ms:.0f} ms)"
    answer = _answer(502, Status.FAILED, text, request_id, code)
    answer.body["latencyMs"] = latency_ms
    return answer


def _answer(
    http_status: int, status: str, message: str, identifier: str, code: str, *, needs_location: bool = False
) -> Answer:
    body: dict[str, Any] = {"status": str(status), "message": message, "id": identifier}
    if code:
        body |= {"code": code, "remedy": REASONS[code].remedy}
    return Answer(http_status, body, needs_location)
