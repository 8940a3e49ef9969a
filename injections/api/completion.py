"""The receiver of completion events: only the platform knows its address."""

import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from rest_framework import serializers

from audit.entry import Source
from audit.provenance import source_of
from injections.api.fields import StrictId, StrictUUID
from injections.callers import anonymous_caller
from injections.services.completion import OUTCOMES, Completion, record_completion
from injections.services.refusals import record_refusal

_LARGEST_EVENT = 64 * 1024  # bytes
_EARLIEST: Final = datetime(1970, 1, 2, tzinfo=UTC)  # before it no clock of a platform stands


class _Event(serializers.Serializer[Any]):
    """A completion event (contract: Completion). Fields that a later version may add are left alone."""

    id = StrictId(most=100)
    event = serializers.ChoiceField(choices=["conversation:voice:interaction:completed"])
    conversationId = StrictUUID()
    participantId = StrictUUID()
    interactionId = StrictId(most=100)
    outcome = serializers.ChoiceField(choices=OUTCOMES)
    timestamp = serializers.DateTimeField(default_timezone=UTC)

    def validate_timestamp(self, value: datetime) -> datetime:
        """Return the time; one from which nothing can be subtracted is none."""
        if value < _EARLIEST:
            raise serializers.ValidationError("Must be the time at which the interaction ended.")
        return value


@csrf_exempt
@require_POST
def completion(request: HttpRequest, secret: str) -> HttpResponse:
    """Keep a completion event; 2xx only after it is written, so that the sender repeats what was not."""
    if not hmac.compare_digest(secret.encode(), settings.COMPLETION_SECRET.encode()):
        message = "An event came to a receiver address that is not the registered one."
        # What counts is who is connected: a header may claim any source.
        peer = request.META.get("REMOTE_ADDR", "")
        return _refuse(request, 404, "not_permitted", message, counted_for=peer)
    body = request.read(_LARGEST_EVENT + 1)
    try:
        data = json.loads(body) if len(body) <= _LARGEST_EVENT else None
    except (ValueError, RecursionError):
        data = None
    event = _Event(data=data)
    if not isinstance(data, dict) or not event.is_valid():
        faults = ", ".join(sorted(event.errors)) if isinstance(data, dict) else "the body"
        return _refuse(request, 400, "bad_request", f"A completion event could not be read: {faults}.")
    record_completion(completion=_completion(event.validated_data), source=_source(request))
    return JsonResponse({"status": "recorded"})


def _completion(data: dict[str, Any]) -> Completion:
    happened_at: datetime = data["timestamp"]
    conversation_id: UUID = data["conversationId"]
    return Completion(
        event_id=data["id"],
        conversation_id=conversation_id,
        participant_id=data["participantId"],
        interaction_id=data["interactionId"],
        outcome=data["outcome"],
        happened_at=happened_at,
    )


def _source(request: HttpRequest) -> Source:
    # The path holds the secret: the record names the route instead.
    return replace(source_of(request), where="completion receiver")


def _refuse(
    request: HttpRequest, status: int, code: str, message: str, *, counted_for: str | None = None
) -> HttpResponse:
    record_refusal(
        action="completion.refused",
        code=code,
        summary=message,
        counted_for=counted_for,
        by=replace(anonymous_caller(request), source=_source(request)),
    )
    return JsonResponse({"status": "refused", "message": message}, status=status)
