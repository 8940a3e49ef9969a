"""`manage.py curl_example`: a request to /inject that would work now, to be pasted into a shell."""

import json
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from bargeportal.management.needs_database import DatabaseCommand
from injections.media import public_url
from injections.models import AudioClip, LiveCall
from injections.models.audio_clip import ClipStatus
from injections.selectors import busy_conversations

_SEEN_WITHIN: Final = timedelta(minutes=1)  # the watcher takes a snapshot every 15 seconds at least


class Command(DatabaseCommand):
    """Print a curl command with the ids of a call that goes on now and the address of an approved recording."""

    help = (
        "Print a curl command for /inject that fits a call and a recording of this moment; $TOKEN stays open."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012  declared so by Django; needs no platform

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Find a call and a recording, and print."""
        call = _steady_call(now=timezone.now())
        if call is None:
            raise CommandError(
                "No call that may be barged goes on now and has no recording in it. Is the portal running? (make run)"
            )
        clip = AudioClip.objects.filter(status=ClipStatus.APPROVED).first()
        if clip is None:
            raise CommandError("No recording is approved yet.")
        body = {
            "conversationId": str(call.conversation_id),
            "participantId": str(call.agent_participant_id),
            "audioUrl": public_url(clip),
            "streamMatrix": {"agentMute": False, "callerMute": False, "normalizeLevel": True},
            "maxDurationMs": min(clip.duration_ms, 30_000),
        }
        self.stdout.write(f"curl -i {settings.PORTAL_BASE_URL}/inject \\")
        self.stdout.write('  -H "Authorization: Token $TOKEN" -H "Content-Type: application/json" \\')
        self.stdout.write(f"  -d '{json.dumps(body)}'")


def _steady_call(*, now: datetime) -> LiveCall | None:
    """Return the call that has gone on longest of those that the platform vouched for just now and none is in."""
    calls = LiveCall.objects.filter(
        state="connected",
        is_held=False,
        is_secure_paused=False,
        barged_by="",
        consent_reason="",
        agent_participant_id__isnull=False,
        connected_at__isnull=False,
        seen_at__gt=now - _SEEN_WITHIN,
    )
    return calls.exclude(pk__in=busy_conversations()).order_by("connected_at", "conversation_id").first()
