"""POST /inject over HTTP, against a real simulator: the contract's table, row by row."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.test import Client
from knox.models import AuthToken

from audit.models import AuditRecord
from injections import gate, media
from injections.models import InjectionRequest
from injections.models.audio_clip import ClipStatus
from injections.roles import Role
from tests.factories import AudioClipFactory, InjectionFactory, UserFactory
from tests.support.simulator_process import SimulatorProcess

pytestmark = pytest.mark.django_db


@pytest.fixture
def token() -> str:
    """A valid token of an API client."""
    _, plain = AuthToken.objects.create(UserFactory(role=Role.API_CLIENT))
    return str(plain)


@pytest.fixture
def call(simulator: SimulatorProcess) -> dict[str, Any]:
    """A consenting call."""
    return simulator.create_call()


def _body(call: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "conversationId": call["conversationId"],
        "participantId": call["agentParticipantId"],
        "audioUrl": media.public_url(AudioClipFactory()),
        "streamMatrix": {"agentMute": True, "callerMute": False, "normalizeLevel": True},
        "maxDurationMs": 15000,
    } | changes


def _post(token: str | None, body: Any, **headers: str) -> Any:
    if token is not None:
        headers["Authorization"] = f"Token {token}"
    data = body if isinstance(body, bytes | str) else json.dumps(body)
    content_type = headers.pop("content_type", "application/json")
    return Client(raise_request_exception=False).post(
        "/inject", data, content_type=content_type, headers=headers
    )


def _rejection() -> AuditRecord:
    return AuditRecord.objects.get(action="injection.rejected")


def test_a_dispatched_one_answers_201_with_the_interaction_id(
    token: str, call: dict[str, Any], simulator: SimulatorProcess
) -> None:
    answer = _post(token, _body(call))
    assert answer.status_code == 201
    assert answer.json()["status"] == "dispatched"
    assert answer.json()["id"] == simulator.interactions()[0]["interactionId"]


def test_the_platform_gets_exactly_the_contract_s_payload(
    token: str, call: dict[str, Any], simulator: SimulatorProcess
) -> None:
    _post(token, _body(call, maxDurationMs=500))
    body = simulator.interactions()[0]["body"]
    assert {key: body[key] for key in body if key != "sourceUrl"} == {
        "type": "play",
        "sourceType": "url",
        "mute": True,
        "maxDuration": "PT0.5S",
    }
    assert body["sourceUrl"].endswith(".wav?normalize=true")


def test_without_a_token_it_is_401_and_on_record(call: dict[str, Any]) -> None:
    assert _post(None, _body(call)).status_code == 401
    assert _rejection().reason_code == "not_permitted"


def test_with_a_wrong_token_it_is_401_and_on_record(call: dict[str, Any]) -> None:
    answer = _post("wrongtoken" * 6, _body(call))
    assert (answer.status_code, answer.json()["code"]) == (401, "not_permitted")
    assert "wrongtoken" not in _rejection().body


def test_a_token_of_another_role_is_403_and_on_record(call: dict[str, Any]) -> None:
    _, plain = AuthToken.objects.create(UserFactory(role=Role.SUPERVISOR))
    assert _post(str(plain), _body(call)).status_code == 403
    assert _rejection().outcome == "refused"


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_only_post_is_answered(method: str) -> None:
    assert getattr(Client(), method)("/inject").status_code == 405


def test_a_blocked_one_says_why(token: str, simulator: SimulatorProcess) -> None:
    answer = _post(token, _body(simulator.create_call(consent="false")))
    assert answer.status_code == 403
    assert answer.json()["message"] == "Injection blocked: consent denied"


def test_an_unapproved_recording_is_blocked(token: str, call: dict[str, Any]) -> None:
    clip = AudioClipFactory(status=ClipStatus.DRAFT, decided_at=None, decided_by=None)
    answer = _post(token, _body(call, audioUrl=media.public_url(clip)))
    assert (answer.status_code, answer.json()["code"]) == (403, "clip_not_approved")


def test_a_second_recording_in_one_call_is_409(token: str, call: dict[str, Any]) -> None:
    _post(token, _body(call))
    answer = _post(token, _body(call))
    assert (answer.status_code, answer.json()["code"]) == (409, "call_busy")


@pytest.mark.parametrize(
    ("fault", "status_code", "status"),
    [
        ({"kind": "status", "status": 403}, 502, "failed"),
        ({"kind": "status", "status": 500}, 202, "unknown"),
        ({"kind": "status", "status": 429, "headers": {"Retry-After": "7"}}, 202, "queued"),
        ({"kind": "status", "status": 503, "headers": {"Retry-After": "60"}}, 504, "expired"),
        ({"kind": "reset"}, 202, "unknown"),
    ],
    ids=["refused", "doubtful", "must-wait", "too-late", "reset"],
)
def test_what_the_platform_does_has_its_status(
    token: str,
    call: dict[str, Any],
    simulator: SimulatorProcess,
    fault: dict[str, Any],
    status_code: int,
    status: str,
) -> None:
    simulator.plant(fault.pop("kind"), method="POST", path="/interactions$", times=None, **fault)
    answer = _post(token, _body(call))
    assert (answer.status_code, answer.json()["status"]) == (status_code, status)
    assert ("Location" in answer.headers) == (status_code == 202)


def test_the_location_shows_attempts_and_times(
    token: str, call: dict[str, Any], simulator: SimulatorProcess
) -> None:
    simulator.plant("status", method="POST", path="/interactions$", status=429, headers={"Retry-After": "7"})
    location = _post(token, _body(call)).headers["Location"]
    shown = Client().get(location, headers={"Authorization": f"Token {token}"}).json()
    assert shown["status"] == "queued"
    assert shown["code"] == "rate_limited"
    assert shown["attempts"][0]["httpStatus"] == 429
    assert shown["attempts"][0]["retryAfterS"] == 7
    assert shown["deadlineAt"] > shown["requestedAt"]


def test_another_client_cannot_read_it(token: str, call: dict[str, Any]) -> None:
    _post(token, _body(call))
    _, other = AuthToken.objects.create(UserFactory(role=Role.API_CLIENT))
    path = f"/api/v1/injections/{InjectionRequest.objects.get().pk}"
    assert Client().get(path, headers={"Authorization": f"Token {other}"}).status_code == 404


def test_unverifiable_state_is_500_and_nothing_is_sent(
    token: str, call: dict[str, Any], simulator: SimulatorProcess
) -> None:
    simulator.plant("status", method="GET", path="/conversations/voice/", status=500, times=None)
    answer = _post(token, _body(call))
    assert (answer.status_code, answer.json()["status"]) == (500, "failed")
    assert simulator.interactions() == []


def test_a_repeat_with_the_same_key_is_replayed(
    token: str, call: dict[str, Any], simulator: SimulatorProcess
) -> None:
    body = _body(call)
    first = _post(token, body, **{"Idempotency-Key": "k-1"})
    again = _post(token, body, **{"Idempotency-Key": "k-1"})
    assert again.json()["id"] == first.json()["id"]
    assert again.status_code == 201
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(simulator.interactions()) == 1


def test_the_same_key_with_another_body_is_409(token: str, call: dict[str, Any]) -> None:
    body = _body(call)
    _post(token, body, **{"Idempotency-Key": "k-1"})
    answer = _post(token, body | {"maxDurationMs": 1}, **{"Idempotency-Key": "k-1"})
    assert (answer.status_code, answer.json()["code"]) == (409, "duplicate_key")


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
    answer = _post(token, _body(call, **change))
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert answer.json()["message"].startswith(field)
    assert f'"field":"{field}"' in _rejection().body
    assert not InjectionRequest.objects.exists()
    assert simulator.ledger()["requests"] == {} or simulator.interactions() == []


@pytest.mark.parametrize(
    "missing", ["conversationId", "participantId", "audioUrl", "streamMatrix", "maxDurationMs"]
)
def test_a_missing_field_is_400_and_named(token: str, missing: str) -> None:
    body = _body({"conversationId": str(uuid4()), "agentParticipantId": str(uuid4())})
    del body[missing]
    answer = _post(token, body)
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
        (b"\xff\xfe", 400),
        (b"[" * 60_000, 400),
        (b'{"a":"' + b"x" * 10_000_000 + b'"}', 413),
    ],
    ids=["empty", "cut", "list", "text", "null", "nan", "twice", "not-utf8", "deep", "10-MB"],
)
def test_a_body_that_is_no_command_is_refused_and_on_record(token: str, raw: bytes, status_code: int) -> None:
    answer = _post(token, raw)
    assert answer.status_code == status_code
    assert answer.json()["message"] != ""
    assert _rejection().outcome == "refused"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_another_content_type_is_415(token: str, content_type: str) -> None:
    assert _post(token, b"{}", content_type=content_type).status_code == 415


def test_an_unlisted_host_is_told_what_to_set(token: str, call: dict[str, Any]) -> None:
    answer = _post(token, _body(call, audioUrl="https://cdn.example/a.wav"))
    assert (answer.status_code, answer.json()["code"]) == (400, "host_not_allowed")
    assert "INJECT_AUDIO_HOSTS" in answer.json()["message"]


def test_a_listed_host_is_played_from(
    token: str, call: dict[str, Any], settings: Any, simulator: SimulatorProcess
) -> None:
    settings.INJECT_AUDIO_HOSTS = ["cdn.example"]
    answer = _post(token, _body(call, audioUrl="https://cdn.example/a.wav?v=2"))
    assert answer.status_code == 201
    assert simulator.interactions()[0]["body"]["sourceUrl"] == "https://cdn.example/a.wav?v=2&normalize=true"


def test_levelling_never_breaks_a_signed_address(
    token: str, call: dict[str, Any], settings: Any, simulator: SimulatorProcess
) -> None:
    settings.INJECT_AUDIO_HOSTS = ["cdn.example"]
    answer = _post(token, _body(call, audioUrl="https://cdn.example/a.wav?X-Amz-Signature=abc"))
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_audio_url")
    assert simulator.interactions() == []


def test_a_signature_in_an_audio_address_is_not_in_the_log(
    token: str, call: dict[str, Any], settings: Any
) -> None:
    settings.INJECT_AUDIO_HOSTS = ["cdn.example"]
    body = _body(call, audioUrl="https://cdn.example/a.wav?X-Amz-Signature=s3cr3t", streamMatrix=MATRIX)
    assert _post(token, body).status_code == 201
    assert not AuditRecord.objects.filter(body__contains="s3cr3t").exists()


@pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel"])
def test_a_bad_key_is_named(token: str, call: dict[str, Any], key: str) -> None:
    answer = _post(token, _body(call), **{"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")


def test_a_client_over_its_rate_is_told_when_to_come_back(
    token: str, call: dict[str, Any], settings: Any
) -> None:
    settings.INJECT_RATE_PER_MINUTE = 1
    cache.clear()
    body = _body(call)
    assert _post(token, body).status_code == 201
    answers = [_post(token, body) for _ in range(3)]
    cache.clear()
    assert [answer.status_code for answer in answers] == [429] * 3
    assert 1 <= int(answers[0].headers["Retry-After"]) <= 60
    assert AuditRecord.objects.filter(action="injection.rejected", reason_code="rate_limited").count() == 1


def test_a_full_queue_is_429_with_retry_after(token: str, call: dict[str, Any], settings: Any) -> None:
    settings.INJECT_QUEUE_LIMIT = 1
    gate.force_open(by="Ada")
    InjectionFactory()
    answer = _post(token, _body(call))
    assert (answer.status_code, answer.json()["code"]) == (429, "queue_full")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_field_named_by_half_a_character_is_400(token: str) -> None:
    answer = _post(token, b'{"\\ud800": 1}')
    assert answer.status_code == 400


def test_options_is_not_answered(call: dict[str, Any]) -> None:
    answer = Client().options("/inject")
    assert (answer.status_code, answer.json()["status"]) == (405, "refused")


def test_a_token_of_bytes_that_are_no_text_is_401(call: dict[str, Any]) -> None:
    answer = Client().post(
        "/inject", b"{}", content_type="application/json", HTTP_AUTHORIZATION="Token \xff\xfe"
    )
    assert answer.status_code == 401
