"""`manage.py curl_example`: a request to /inject that would work now, to be pasted into a shell."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from bargeportal.management.needs_database import DatabaseCommand
from injections.media import public_url
from injections.models import AudioClip, LiveCall
from injections.models.audio_clip import ClipStatus


class Command(DatabaseCommand):
    """Print a curl command with the ids of a call that goes on now and the address of an approved recording."""

    help = (
        "Print a curl command for /inject that fits a call and a recording of this moment; $TOKEN stays open."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012  declared so by Django; needs no platform

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Find a call and a recording, and print."""
        call = LiveCall.objects.filter(
            state="connected", is_held=False, is_secure_paused=False, barged_by="", consent_reason=""
        ).first()
        if call is None:
            raise CommandError("No call that may be barged goes on now. Is the portal running? (make run)")
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
