"""The naive service as a minimal Django view, to measure against: three requests in sequence, one row, no promise.

Served like the portal itself (uvicorn, the same gateway), on the same PostgreSQL, with one pooled session. It keeps no
intent, no record, no deadline, no key; a crash loses it, a repeated request plays twice.

    DATABASE_URL=... GENESYS_API_URL=... uvicorn tests.benchmarks.minimal_service:application
"""

import json
import os
import uuid

import dj_database_url
import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": dj_database_url.parse(os.environ["DATABASE_URL"], conn_max_age=600)},
    INSTALLED_APPS=[],
    MIDDLEWARE=[],
    ROOT_URLCONF=__name__,
    SECRET_KEY=uuid.uuid4().hex,
    USE_TZ=True,
    LOGGING_CONFIG=None,
)
django.setup()

import requests  # noqa: E402  needs nothing of the settings, but belongs to what is measured
from django.db import connection, models  # noqa: E402  needs the settings
from django.http import HttpRequest, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402

from bargeportal.gateway import Gateway  # noqa: E402

_API = os.environ["GENESYS_API_URL"]
_session = requests.Session()
_session.trust_env = False
_session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))


class Played(models.Model):
    """The one row."""

    conversation = models.UUIDField()
    interaction = models.CharField(max_length=100)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "minimal"

    def __str__(self) -> str:
        return self.interaction


def inject(request: HttpRequest) -> JsonResponse:
    """Ask, ask, send, write."""
    body = json.loads(request.body)
    call = f"{_API}/api/v2/conversations/voice/{body['conversationId']}"
    participant = f"{call}/participants/{body['participantId']}"
    state = _session.get(call, timeout=5).json()
    consent = _session.get(participant, timeout=5).json()
    attributes = consent.get("customAttributes") or {}
    if state.get("state") != "active" or attributes.get("supervision_consent") != "true":
        return JsonResponse({"status": "blocked"}, status=403)
    command = {
        "type": "play",
        "sourceType": "url",
        "sourceUrl": body["audioUrl"],
        "mute": body["streamMatrix"]["agentMute"] or body["streamMatrix"]["callerMute"],
        "maxDuration": f"PT{body['maxDurationMs'] // 1000}S",
    }
    answer = _session.post(f"{participant}/interactions", json=command, timeout=5)
    Played.objects.create(
        conversation=body["conversationId"], interaction=answer.headers.get("X-Interaction-Id", "")
    )
    return JsonResponse({"status": "success", "id": answer.headers.get("X-Interaction-Id")}, status=201)


def health(_: HttpRequest) -> JsonResponse:
    """Say that it is there."""
    return JsonResponse({"status": "ok"})


def token() -> None:
    """Fetch one token; it lives for the whole measurement."""
    answer = _session.post(
        f"{os.environ['GENESYS_LOGIN_URL']}/oauth/token",
        auth=(os.environ["GENESYS_CLIENT_ID"], os.environ["GENESYS_CLIENT_SECRET"]),
        data={"grant_type": "client_credentials"},
        timeout=5,
    )
    _session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


urlpatterns = [path("inject", inject), path("health", health)]
token()
if Played._meta.db_table not in connection.introspection.table_names():
    with connection.schema_editor() as editor:
        editor.create_model(Played)
application = Gateway(threads=16)
