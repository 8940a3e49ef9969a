"""The receiver of completion events over HTTP."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import AuditRecord
from audit.services import NotRecorded
from injections.callers import system_caller
from injections.lifecycle import Status
from injections.models import CompletionEvent, InjectionRequest
from injections.services import completion as service
from tests.factories import InjectionFactory

pytestmark = pytest.mark.django_db
WORKER = system_caller(where="test")


@pytest.fixture(autouse=True)
def nobody_has_knocked(settings: Any, tmp_path: Path) -> None:
    """Forget how often others came with a wrong secret in this minute."""
    settings.PORTAL_DATA_DIR = tmp_path


@pytest.fixture
def injection(db: None) -> InjectionRequest:
    """One that the platform accepted a moment ago."""
    row: InjectionRequest = InjectionFactory(
        status="dispatched", interaction_id="i-1", sent_at=timezone.now()
    )
    return row


@pytest.fixture
def address(settings: Any) -> str:
    """The receiver's path, which only the platform knows."""
    return f"/webhooks/completion/{settings.COMPLETION_SECRET}"


def _event(injection: InjectionRequest | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "event": "conversation:voice:interaction:completed",
        "conversationId": str(uuid4() if injection is None else injection.conversation_id),
        "participantId": str(uuid4() if injection is None else injection.participant_id),
        "interactionId": "i-1",
        "outcome": "completed",
        "timestamp": "2026-11-22T08:00:15.120Z",
    } | changes


def _post(address: str, body: Any, **headers: str) -> Any:
    data = body if isinstance(body, bytes | str) else json.dumps(body)
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    return client.post(address, data, content_type="application/json", headers=headers)


def test_an_event_settles_its_injection(address: str, injection: InjectionRequest) -> None:
    answer = _post(address, _event(injection))
    assert (answer.status_code, answer.json()) == (200, {"status": "recorded"})
    injection.refresh_from_db()
    assert (injection.status, injection.outcome) == (Status.COMPLETED, "completed")
    event = CompletionEvent.objects.get()
    assert event.injection == injection
    assert event.happened_at.isoformat() == "2026-11-22T08:00:15.120000+00:00"


def test_a_repeated_event_is_taken_again_and_changes_nothing(
    address: str, injection: InjectionRequest
) -> None:
    body = _event(injection)
    answers = [_post(address, body).status_code for _ in range(3)]
    assert answers == [200, 200, 200]
    assert CompletionEvent.objects.count() == 1
    assert [record.action for record in AuditRecord.objects.all()] == ["injection.completed"]


def test_a_stranger_s_event_is_taken_and_kept(address: str) -> None:
    assert _post(address, _event()).status_code == 200
    assert CompletionEvent.objects.get().injection is None


def test_the_records_tell_where_it_came_from_but_not_the_secret(
    address: str, injection: InjectionRequest, settings: Any
) -> None:
    _post(address, _event(injection), **{"User-Agent": "the platform"})
    _post(address, _event(), **{"User-Agent": "the platform"})
    records = list(AuditRecord.objects.filter(action__in=("completion.received", "injection.completed")))
    assert len(records) == 2
    assert {record.actor_kind for record in records} == {"platform"}
    assert {record.source_user_agent for record in records} == {"the platform"}
    assert not any(settings.COMPLETION_SECRET in record.body for record in AuditRecord.objects.all())


def test_fields_that_a_later_version_adds_are_left_alone(address: str, injection: InjectionRequest) -> None:
    assert _post(address, _event(injection, duration=15120, nested={"a": 1})).status_code == 200


@pytest.mark.parametrize("wrong", ["x", "", "a-third-key-for-tests-alone", "%00", "%F0%9F%94%91", "é" * 60])
def test_a_wrong_secret_is_404_and_on_record_without_it(
    injection: InjectionRequest, wrong: str, settings: Any
) -> None:
    path = f"/webhooks/completion/{wrong or 'z' + settings.COMPLETION_SECRET}"
    assert _post(path, _event(injection)).status_code == 404
    injection.refresh_from_db()
    assert injection.status == Status.DISPATCHED
    assert not CompletionEvent.objects.exists()
    record = AuditRecord.objects.get()
    assert (record.action, record.outcome) == ("completion.refused", "refused")
    assert record.source_where == "completion receiver"
    assert settings.COMPLETION_SECRET not in record.body


def test_wrong_secrets_are_on_record_once_a_minute_for_each_who_is_connected() -> None:
    for address in ("10.0.0.1", "10.0.0.2"):
        for claimed in ("198.51.100.1", "198.51.100.2", "198.51.100.3"):
            answer = Client(REMOTE_ADDR=address, HTTP_X_FORWARDED_FOR=claimed).post(
                "/webhooks/completion/wrong", b"{}", content_type="application/json"
            )
            assert answer.status_code == 404
    # a minute may begin between two of them
    assert 2 <= AuditRecord.objects.filter(action="completion.refused").count() <= 4


def test_a_wrong_secret_s_body_is_not_even_read(address: str) -> None:
    assert _post("/webhooks/completion/x", b"{").status_code == 404


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head"])
def test_only_post_is_answered(address: str, method: str) -> None:
    assert getattr(Client(), method)(address).status_code == 405


NAMED: list[tuple[str, Any]] = [
    ("id", ""),
    ("id", "x" * 101),
    ("id", 7),
    ("id", "a\u0000b"),
    ("id", "a\ud800b"),
    ("event", "conversation:voice:ended"),
    ("event", None),
    ("conversationId", "not-a-uuid"),
    ("conversationId", "{5e9d2c00-cccc-4d4d-8e8e-0000000000c3}"),
    ("conversationId", 5),
    ("conversationId", None),
    ("participantId", "x"),
    ("participantId", ["5e9d2c00-cccc-4d4d-8e8e-0000000000c3"]),
    ("interactionId", ""),
    ("interactionId", "x" * 101),
    ("interactionId", False),
    ("interactionId", "a\u0000b"),
    ("interactionId", "\udfff"),
    ("outcome", "played"),
    ("outcome", ""),
    ("outcome", True),
    ("outcome", ["completed"]),
    ("outcome", {}),
    ("timestamp", "yesterday"),
    ("timestamp", 1764576015),
    ("timestamp", "2026-13-40T08:00:00Z"),
    ("timestamp", "0001-01-01T00:00:00+14:00"),
    ("timestamp", "9999-12-31T23:59:59-14:00"),
    ("timestamp", "0001-01-01T00:00:30Z"),
    ("timestamp", None),
    ("timestamp", []),
]


@pytest.mark.parametrize(("field", "value"), NAMED, ids=[f"{name}-{value!r:.20}" for name, value in NAMED])
def test_a_field_that_cannot_be_read_is_named(
    address: str, injection: InjectionRequest, field: str, value: Any
) -> None:
    answer = _post(address, _event(injection, **{field: value}))
    assert answer.status_code == 400
    assert field in answer.json()["message"]
    assert not CompletionEvent.objects.exists()
    assert field in AuditRecord.objects.get(action="completion.refused").summary


@pytest.mark.parametrize("field", list(_event()))
def test_a_field_that_is_missing_is_named(address: str, injection: InjectionRequest, field: str) -> None:
    body = _event(injection)
    del body[field]
    answer = _post(address, body)
    assert (answer.status_code, field in answer.json()["message"]) == (400, True)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"7", b'"text"', b"\xff\xfe", b"{}" + b" " * 70_000, b"[" * 60_000, b"NaN"],
    ids=["empty", "cut", "list", "null", "number", "text", "not UTF-8", "huge", "deep", "NaN"],
)
def test_a_body_that_is_no_event_is_400_and_on_record(address: str, body: bytes) -> None:
    answer = _post(address, body)
    assert answer.status_code == 400
    assert AuditRecord.objects.get().action == "completion.refused"
    assert not CompletionEvent.objects.exists()


def test_it_is_acknowledged_only_after_it_was_written(
    address: str, injection: InjectionRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_entry: Any) -> None:
        raise NotRecorded("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(service.audit, "append", fail)
        assert _post(address, _event(injection)).status_code == 500
    assert not CompletionEvent.objects.exists()
    injection.refresh_from_db()
    assert injection.status == Status.DISPATCHED


def test_what_was_not_acknowledged_settles_when_it_is_repeated(
    address: str, injection: InjectionRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Settling fails and takes the event along: the platform repeats it, and the repetition settles.
    def fail(*_: Any, **__: Any) -> None:
        raise NotRecorded("the disk is full")

    body = _event(injection)
    with monkeypatch.context() as patch:
        patch.setattr(service, "move", fail)
        assert _post(address, body).status_code == 500
    assert not CompletionEvent.objects.exists()
    assert _post(address, body).status_code == 200
    injection.refresh_from_db()
    assert injection.status == Status.COMPLETED
