"""Requests to POST /inject as a client sends them."""

import json
from typing import Any

from django.test import Client

from audit.models import AuditRecord
from injections import media
from tests.factories import AudioClipFactory


def body_for(call: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "conversationId": call["conversationId"],
        "participantId": call["agentParticipantId"],
        "audioUrl": media.public_url(AudioClipFactory()),
        "streamMatrix": {"agentMute": True, "callerMute": False, "normalizeLevel": True},
        "maxDurationMs": 15000,
    } | changes


def post(token: str | None, body: Any, *, address: str = "127.0.0.1", **headers: str) -> Any:
    if token is not None:
        headers["Authorization"] = f"Token {token}"
    data = body if isinstance(body, bytes | str) else json.dumps(body)
    content_type = headers.pop("content_type", "application/json")
    return Client(raise_request_exception=False, REMOTE_ADDR=address).post(
        "/inject", data, content_type=content_type, headers=headers
    )


def rejection() -> AuditRecord:
    return AuditRecord.objects.get(action="injection.request_refused")
