"""What POST /inject takes, and how an injection is shown."""

from typing import Any

from django.urls import reverse

from injections.api.fields import StrictBoolean, StrictInteger, StrictSerializer, StrictText, StrictUUID
from injections.models import DispatchAttempt, InjectionRequest
from injections.selectors import receipt_of


class StreamMatrix(StrictSerializer):
    """Who hears what."""

    agentMute = StrictBoolean()
    callerMute = StrictBoolean()
    normalizeLevel = StrictBoolean()


class InjectBody(StrictSerializer):
    """The body of POST /inject (contract: The service's own HTTP face); `deadlineMs` may be left out."""

    conversationId = StrictUUID()
    participantId = StrictUUID()
    audioUrl = StrictText(most=2048)
    streamMatrix = StreamMatrix()
    maxDurationMs = StrictInteger(least=1, most=30_000, unit="milliseconds")
    deadlineMs = StrictInteger(least=1_000, most=300_000, unit="milliseconds", required=False)


def shown_attempt(attempt: DispatchAttempt) -> dict[str, Any]:
    """Return one attempt for the API; milliseconds count from the reception of the request."""
    return {
        "number": attempt.number,
        "outcome": attempt.outcome,
        "startedAt": attempt.started_at,
        "finishedAt": attempt.finished_at,
        "stagesMs": {
            "waited": attempt.waited_ms,
            "checked": attempt.checked_ms,
            "sent": attempt.sent_ms,
            "answered": attempt.answered_ms,
        },
        "httpStatus": attempt.http_status,
        "interactionId": attempt.interaction_id or None,
        "correlationId": attempt.correlation_id or None,
        "retryAfterS": attempt.retry_after_s,
        "error": attempt.error or None,
    }


def shown_injection(injection: InjectionRequest) -> dict[str, Any]:
    """Return an injection for the API: status, code, reason, attempts with stages, times."""
    return {
        "id": str(injection.pk),
        "status": injection.status,
        "code": injection.reason_code or None,
        "reason": injection.error or None,
        "conversationId": str(injection.conversation_id),
        "participantId": str(injection.participant_id),
        "clipId": None if injection.clip_id is None else str(injection.clip_id),
        "streamMatrix": {
            "agentMute": injection.agent_mute,
            "callerMute": injection.caller_mute,
            "normalizeLevel": injection.normalize_level,
        },
        "maxDurationMs": injection.max_duration_ms,
        "interactionId": injection.interaction_id or None,
        "correlationId": injection.correlation_id or None,
        "outcome": injection.outcome or None,
        "stagesMs": {
            "waited": injection.waited_ms,
            "checked": injection.checked_ms,
            "sent": injection.sent_ms,
            "answered": injection.answered_ms,
        },
        "requestedAt": injection.requested_at,
        "deadlineAt": injection.deadline_at,
        "nextTryAt": injection.due_at,
        "sentAt": injection.sent_at,
        "endedAt": injection.ended_at,
        "attempts": [shown_attempt(attempt) for attempt in injection.attempts.all()],
        "receipt": receipt_of(injection),
    }


def location_of(injection: InjectionRequest) -> str:
    """Return the path at which an injection can be polled."""
    return reverse("api_injection", args=[injection.pk])
