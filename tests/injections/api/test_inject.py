"""POST /inject over HTTP, against a real simulator: the contract's table, row by row."""

import logging
from typing import Any

import pytest
from django.core.cache import cache
from django.db import DataError, InterfaceError, OperationalError
from django.test import Client
from knox.models import AuthToken

from audit.models import AuditRecord
from injections import gate, media
from injections.models import InjectionRequest
from injections.models.audio_clip import ClipStatus
from injections.roles import Role
from tests.factories import AudioClipFactory, InjectionFactory, UserFactory
from tests.injections.api.posting import body_for, post, rejection
from tests.support.simulator_process import SimulatorProcess

pytestmark = pytest.mark.django_db


def test_a_dispatched_one_answers_201_with_the_interaction_id(
    token: str, call: dict[str, Any], simulator: SimulatorProcess
) -> None:
    answer = post(token, body_for(call))
    assert answer.status_code == 201
    assert answer.json()["status"] == "dispatched"
    assert answer.json()["id"] == simulator.interactions()[0]["interactionId"]


def test_the_platform_gets_exactly_the_contract_s_payload(
    token: str, call: dict[str, Any], simulator: SimulatorProcess
) -> None:
    post(token, body_for(call, maxDurationMs=500))
    body = simulator.interactions()[0]["body"]
    assert {key: body[key] for key in body if key != "sourceUrl"} == {
        "type": "play",
        "sourceType": "url",
        "mute": True,
        "maxDuration": "PT0.5S",
    }
    assert body["sourceUrl"].endswith(".wav?normalize=true")


def test_without_a_token_it_is_401_and_on_record(call: dict[str, Any]) -> None:
    answer = post(None, body_for(call))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert "create_api_client" in answer.json()["remedy"]
    assert rejection().reason_code == "not_authenticated"


def test_with_a_wrong_token_it_is_401_and_on_record(call: dict[str, Any]) -> None:
    answer = post("wrongtoken" * 6, body_for(call))
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert "wrongtoken" not in rejection().body


@pytest.mark.parametrize("token", [None, "wrongtoken" * 6])
def test_without_a_valid_token_twenty_are_on_record_a_minute_for_each_who_is_connected(
    call: dict[str, Any], token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("injections.services.refusals.MINUTE_S", 10**10)  # no minute begins within the test
    for address in ("10.0.0.1", "10.0.0.2"):
        for number in range(25):
            claimed = {"X-Forwarded-For": f"198.51.100.{number}"}
            assert post(token, body_for(call), address=address, **claimed).status_code == 401
    assert AuditRecord.objects.filter(reason_code="not_authenticated").count() == 2 * 20


def test_a_token_of_another_role_is_403_and_on_record(call: dict[str, Any]) -> None:
    _, plain = AuthToken.objects.create(UserFactory(role=Role.SUPERVISOR))
    assert post(str(plain), body_for(call)).status_code == 403
    assert rejection().outcome == "refused"


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_only_post_is_answered(method: str) -> None:
    assert getattr(Client(), method)("/inject").status_code == 405


def test_another_method_is_told_so_before_anybody_asks_for_token_or_rate(
    token: str, call: dict[str, Any], settings: Any
) -> None:
    settings.INJECT_RATE_PER_MINUTE = 1
    for sent in (token, token, "wrongtoken" * 6):
        answer = Client().get("/inject", headers={"Authorization": f"Token {sent}"})
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert not AuditRecord.objects.filter(action="injection.request_refused").exists()
    assert post(token, body_for(call)).status_code == 201


def test_a_blocked_one_says_why(token: str, simulator: SimulatorProcess) -> None:
    answer = post(token, body_for(simulator.create_call(consent="false")))
    assert answer.status_code == 403
    assert answer.json()["message"] == "Injection blocked: consent denied"


def test_an_unapproved_recording_is_blocked(token: str, call: dict[str, Any]) -> None:
    clip = AudioClipFactory(status=ClipStatus.DRAFT, decided_at=None, decided_by=None)
    answer = post(token, body_for(call, audioUrl=media.public_url(clip)))
    assert (answer.status_code, answer.json()["code"]) == (403, "clip_not_approved")


def test_a_second_recording_in_one_call_is_409(token: str, call: dict[str, Any]) -> None:
    post(token, body_for(call))
    answer = post(token, body_for(call))
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
    answer = post(token, body_for(call))
    assert (answer.status_code, answer.json()["status"]) == (status_code, status)
    assert ("Location" in answer.headers) == (status_code == 202)


def test_the_location_shows_attempts_and_times(
    token: str, call: dict[str, Any], simulator: SimulatorProcess
) -> None:
    simulator.plant("status", method="POST", path="/interactions$", status=429, headers={"Retry-After": "7"})
    location = post(token, body_for(call)).headers["Location"]
    shown = Client().get(location, headers={"Authorization": f"Token {token}"}).json()
    assert shown["status"] == "queued"
    assert shown["code"] == "rate_limited"
    assert shown["attempts"][0]["httpStatus"] == 429
    assert shown["attempts"][0]["retryAfterS"] == 7
    assert shown["deadlineAt"] > shown["requestedAt"]


def test_another_client_cannot_read_it(token: str, call: dict[str, Any]) -> None:
    post(token, body_for(call))
    _, other = AuthToken.objects.create(UserFactory(role=Role.API_CLIENT))
    path = f"/api/v1/injections/{InjectionRequest.objects.get().pk}"
    assert Client().get(path, headers={"Authorization": f"Token {other}"}).status_code == 404
    record = AuditRecord.objects.get(action="access.refused")
    assert (record.reason_code, record.injection_id) == ("out_of_scope", InjectionRequest.objects.get().pk)


def test_an_id_in_capitals_is_the_same_id(token: str, call: dict[str, Any]) -> None:
    post(token, body_for(call))
    path = f"/api/v1/injections/{str(InjectionRequest.objects.get().pk).upper()}"
    assert Client().get(path, headers={"Authorization": f"Token {token}"}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v2/x", "/api/v1/injections/no-id", "/webhooks/x", "/webhooks/completion/"]
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_address_for_machines_that_leads_nowhere_is_told_to_machines(path: str, method: str) -> None:
    answer = getattr(Client(enforce_csrf_checks=True), method)(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_found"


def test_unverifiable_state_is_500_and_nothing_is_sent(
    token: str, call: dict[str, Any], simulator: SimulatorProcess
) -> None:
    simulator.plant("status", method="GET", path="/conversations/voice/", status=500, times=None)
    answer = post(token, body_for(call))
    assert (answer.status_code, answer.json()["status"]) == (500, "failed")
    assert simulator.interactions() == []


def test_a_repeat_with_the_same_key_is_replayed(
    token: str, call: dict[str, Any], simulator: SimulatorProcess
) -> None:
    body = body_for(call)
    first = post(token, body, **{"Idempotency-Key": "k-1"})
    again = post(token, body, **{"Idempotency-Key": "k-1"})
    assert again.json()["id"] == first.json()["id"]
    assert again.status_code == 201
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(simulator.interactions()) == 1


def test_the_same_key_with_another_body_is_409(token: str, call: dict[str, Any]) -> None:
    body = body_for(call)
    post(token, body, **{"Idempotency-Key": "k-1"})
    answer = post(token, body | {"maxDurationMs": 1}, **{"Idempotency-Key": "k-1"})
    assert (answer.status_code, answer.json()["code"]) == (409, "duplicate_key")


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "text/xml;q=0.5", "nonsense", ""])
def test_whatever_the_client_would_like_the_answer_is_json(
    token: str, call: dict[str, Any], accept: str
) -> None:
    answer = post(token, body_for(call), Accept=accept)
    assert (answer.status_code, answer.json()["status"]) == (201, "dispatched")
    refused = post(token, b"{", Accept=accept)
    assert (refused.status_code, refused.json()["status"]) == (400, "refused")


def test_an_answer_that_is_no_fault_of_ours_is_one_warning_that_names_the_injection(
    token: str, call: dict[str, Any], simulator: SimulatorProcess, caplog: pytest.LogCaptureFixture
) -> None:
    simulator.plant("status", method="POST", path="/interactions$", status=403)
    assert post(token, body_for(call)).status_code == 502
    [line] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.levelno == logging.WARNING
    assert str(InjectionRequest.objects.get().pk) in line.getMessage()


def test_a_client_over_its_rate_is_told_when_to_come_back(
    token: str, call: dict[str, Any], settings: Any
) -> None:
    settings.INJECT_RATE_PER_MINUTE = 1
    cache.clear()
    body = body_for(call)
    assert post(token, body).status_code == 201
    answers = [post(token, body) for _ in range(3)]
    cache.clear()
    assert [answer.status_code for answer in answers] == [429] * 3
    assert 1 <= int(answers[0].headers["Retry-After"]) <= 60
    assert (
        AuditRecord.objects.filter(
            action="injection.request_refused", reason_code="too_many_requests"
        ).count()
        == 1
    )
    assert "Retry-After" in answers[0].json()["remedy"]
    assert answers[0].json()["message"] == "This client sent more than 1 requests in a minute."


def test_a_full_queue_is_429_with_retry_after(token: str, call: dict[str, Any], settings: Any) -> None:
    settings.INJECT_QUEUE_LIMIT = 1
    gate.force_open(by="Ada")
    InjectionFactory()
    answer = post(token, body_for(call))
    assert (answer.status_code, answer.json()["code"]) == (429, "queue_full")
    assert int(answer.headers["Retry-After"]) > 0


def test_who_was_told_to_come_back_is_taken_when_he_comes_with_the_same_key(
    token: str, call: dict[str, Any], settings: Any
) -> None:
    settings.INJECT_QUEUE_LIMIT = 0
    gate.force_open(by="Ada")
    key, body = {"Idempotency-Key": "one-wish"}, body_for(call)
    assert post(token, body, **key).status_code == 429
    gate.close()
    answer = post(token, body, **key)
    assert (answer.status_code, "Idempotent-Replayed" in answer.headers) == (201, False)


@pytest.mark.parametrize(
    ("error", "status"), [(OperationalError, 503), (InterfaceError, 503), (DataError, 500)]
)
def test_only_a_database_that_cannot_be_used_is_called_away(
    token: str,
    call: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: type[Exception],
    status: int,
) -> None:
    def fail(**_: Any) -> None:
        raise error("what the database said")

    monkeypatch.setattr("injections.api.inject.inject", fail)
    answer = post(token, body_for(call))
    assert answer.status_code == status
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert "what the database said" in caplog.text
    assert "what the database said" not in answer.content.decode()


def test_options_is_not_answered(call: dict[str, Any]) -> None:
    answer = Client().options("/inject")
    assert (answer.status_code, answer.json()["status"]) == (405, "refused")
