"""What POST /inject takes and what it does not: named, with what to do, and on record."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory
from django.urls import resolve

from audit.models import AuditRecord
from injections import media
from injections.models import InjectionRequest
from tests.factories import AudioClipFactory
from tests.injections.api.posting import body_for, post, rejection
from tests.support.simulator_process import SimulatorProcess

pytestmark = pytest.mark.django_db


MATRIX = {"agentMute": True, "callerMute": False, "normalizeLevel": False}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"conversationId": None}, "conversationId"),
        ({"conversationId": False}, "conversationId"),
        ({"conversationId": 7}, "conversationId"),
        ({"conversationId": "not-a-uuid"}, "conversationId"),
        ({"conversationId": "{3f1c7a52-6d0e-4b8b-9a41-0c5d2e7f9b10}"}, "conversationId"),
        ({"conversationId": "x" * 9000}, "conversationId"),
        ({"participantId": ["a"]}, "participantId"),
        ({"participantId": "ünïcödé"}, "participantId"),
        ({"audioUrl": None}, "audioUrl"),
        ({"audioUrl": 5}, "audioUrl"),
        ({"audioUrl": ""}, "audioUrl"),
        ({"audioUrl": "https://cdn.example/" + "a" * 3000 + ".wav"}, "audioUrl"),
        ({"audioUrl": "http://cdn.example/a.wav"}, "audioUrl"),
        ({"audioUrl": "https://cdn.example/a.wavX"}, "audioUrl"),
        ({"audioUrl": "https://cdn.example/xmp3y"}, "audioUrl"),
        ({"audioUrl": "https://user:pw@cdn.example/a.wav"}, "audioUrl"),
        ({"audioUrl": "https://cdn.example/a\u202egnp.wav"}, "audioUrl"),
        ({"streamMatrix": None}, "streamMatrix"),
        ({"streamMatrix": []}, "streamMatrix"),
        ({"streamMatrix": {}}, "streamMatrix.agentMute"),
        ({"streamMatrix": MATRIX | {"callerMute": "true"}}, "streamMatrix.callerMute"),
        ({"streamMatrix": MATRIX | {"normalizeLevel": 1}}, "streamMatrix.normalizeLevel"),
        ({"streamMatrix": MATRIX | {"agentMuted": True}}, "streamMatrix.agentMuted"),
        ({"maxDurationMs": 0}, "maxDurationMs"),
        ({"maxDurationMs": -1}, "maxDurationMs"),
        ({"maxDurationMs": 30_001}, "maxDurationMs"),
        ({"maxDurationMs": 1.5}, "maxDurationMs"),
        ({"maxDurationMs": True}, "maxDurationMs"),
        ({"maxDurationMs": "15000"}, "maxDurationMs"),
        ({"maxDurationMs": 10**400}, "maxDurationMs"),
        ({"deadlineMs": 0}, "deadlineMs"),
        ({"durationMs": 5}, "durationMs"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_bad_field_is_400_named_and_on_record(
    token: str, simulator: SimulatorProcess, change: dict[str, Any], field: str
) -> None:
    call = {"conversationId": str(uuid4()), "agentParticipantId": str(uuid4())}
    answer = post(token, body_for(call, **change))
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert answer.json()["message"].startswith(field)
    assert f'"field":"{field}"' in rejection().body
    assert not InjectionRequest.objects.exists()
    assert simulator.ledger()["requests"] == {} or simulator.interactions() == []


@pytest.mark.parametrize(
    "missing", ["conversationId", "participantId", "audioUrl", "streamMatrix", "maxDurationMs"]
)
def test_a_missing_field_is_400_and_named(token: str, missing: str) -> None:
    body = body_for({"conversationId": str(uuid4()), "agentParticipantId": str(uuid4())})
    del body[missing]
    answer = post(token, body)
    assert (answer.status_code, answer.json()["field"]) == (400, missing)


@pytest.mark.parametrize(
    ("raw", "status_code"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b"null", 400),
        (b"NaN", 400),
        (b'{"a":1,"a":2}', 400),
        (b'{"maxDurationMs":' + b"9" * 5000 + b"}", 400),
        (b"\xff\xfe", 400),
        (b"[" * 60_000, 400),
        (b'{"a":"' + b"x" * 10_000_000 + b'"}', 413),
    ],
    ids=["empty", "cut", "list", "text", "null", "nan", "twice", "digits", "not-utf8", "deep", "10-MB"],
)
def test_a_body_that_is_no_command_is_refused_and_on_record(token: str, raw: bytes, status_code: int) -> None:
    answer = post(token, raw)
    assert answer.status_code == status_code
    message = answer.json()["message"]
    assert message.endswith(".")
    # what Python says of such bodies
    assert not any(words in message for words in ("Expect", "char", "sys.", "dict", "object_pairs", "str"))
    assert rejection().outcome == "refused"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_another_content_type_is_415(token: str, content_type: str) -> None:
    assert post(token, b"{}", content_type=content_type).status_code == 415


def test_a_matrix_that_is_no_object_is_told_in_our_own_words(token: str) -> None:
    answer = post(token, {"streamMatrix": "x"})
    assert answer.json()["field"] in {"conversationId", "streamMatrix"}
    body = body_for({"conversationId": str(uuid4()), "agentParticipantId": str(uuid4())}, streamMatrix="x")
    message = post(token, body).json()["message"]
    assert message == "streamMatrix: Must be a JSON object with named fields."


def test_a_recording_that_the_portal_does_not_have_is_told_where_to_find_one(token: str) -> None:
    address = media.public_url(AudioClipFactory())
    body = body_for({"conversationId": str(uuid4()), "agentParticipantId": str(uuid4())})
    clip_id = address.split("/media/clips/")[1].split("/")[0]
    answer = post(token, body | {"audioUrl": address.replace(clip_id, str(uuid4()))})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_recording")
    assert "from its page" in answer.json()["remedy"]


def test_a_body_that_was_not_read_is_refused_as_everything_else(token: str) -> None:
    view = resolve("/inject").func
    request = RequestFactory().post(
        "/inject", b"", content_type="application/json", headers={"Authorization": f"Token {token}"}
    )
    request.user = AnonymousUser()
    request.body_refused = (413, "The request is longer than 30 MB.")  # type: ignore[attr-defined]
    answer = view(request)
    assert (answer.status_code, answer.data["status"]) == (413, "refused")
    assert "30 MB" in rejection().summary


def test_an_unlisted_host_is_told_what_to_set(token: str, call: dict[str, Any]) -> None:
    answer = post(token, body_for(call, audioUrl="https://cdn.example/a.wav"))
    assert (answer.status_code, answer.json()["code"]) == (400, "host_not_allowed")
    assert "INJECT_AUDIO_HOSTS" in answer.json()["message"]


def test_a_listed_host_is_played_from(
    token: str, call: dict[str, Any], settings: Any, simulator: SimulatorProcess
) -> None:
    settings.INJECT_AUDIO_HOSTS = ["cdn.example"]
    answer = post(token, body_for(call, audioUrl="https://cdn.example/a.wav?v=2"))
    assert answer.status_code == 201
    assert simulator.interactions()[0]["body"]["sourceUrl"] == "https://cdn.example/a.wav?v=2&normalize=true"


def test_levelling_never_breaks_a_signed_address(
    token: str, call: dict[str, Any], settings: Any, simulator: SimulatorProcess
) -> None:
    settings.INJECT_AUDIO_HOSTS = ["cdn.example"]
    answer = post(token, body_for(call, audioUrl="https://cdn.example/a.wav?X-Amz-Signature=abc"))
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_audio_url")
    assert simulator.interactions() == []


def test_a_signature_in_an_audio_address_is_not_in_the_log(
    token: str, call: dict[str, Any], settings: Any
) -> None:
    settings.INJECT_AUDIO_HOSTS = ["cdn.example"]
    body = body_for(call, audioUrl="https://cdn.example/a.wav?X-Amz-Signature=s3cr3t", streamMatrix=MATRIX)
    assert post(token, body).status_code == 201
    assert not AuditRecord.objects.filter(body__contains="s3cr3t").exists()


@pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel"])
def test_a_bad_key_is_named(token: str, call: dict[str, Any], key: str) -> None:
    answer = post(token, body_for(call), **{"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")


def test_a_field_named_by_half_a_character_is_400(token: str) -> None:
    answer = post(token, b'{"\\ud800": 1}')
    assert answer.status_code == 400


def test_a_token_of_bytes_that_are_no_text_is_401(call: dict[str, Any]) -> None:
    answer = Client().post(
        "/inject", b"{}", content_type="application/json", HTTP_AUTHORIZATION="Token \xff\xfe"
    )
    assert answer.status_code == 401
