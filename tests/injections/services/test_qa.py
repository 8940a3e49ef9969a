"""Events for the QA system, to a real receiver on this machine: signed, at least once, with growing pauses."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from injections.models import QaEvent
from injections.services.qa import deliver_event, due_events, signature
from tests.factories import QaEventFactory
from tests.support.at_once import at_once
from tests.support.scripted_server import Request, ScriptedServer, closed_port, drop, reply, scripted_server

pytestmark = pytest.mark.django_db
SECRET = "whsec_" + base64.b64encode(b"a secret of the tests alone").decode()


@pytest.fixture
def receiver(settings: Any) -> Iterator[ScriptedServer]:
    """A QA system that takes every event."""
    with scripted_server(with_token=False) as server:
        server.on("POST", "/qa", reply(204))
        settings.QA_WEBHOOK_URL = f"{server.url}/qa"
        settings.QA_WEBHOOK_SECRET = SECRET
        yield server


def _event(**changes: Any) -> QaEvent:
    body = {"event": "conversation:voice:interaction:completed", "note": "naïve – “quoted”"}
    made: QaEvent = QaEventFactory(**({"body": body} | changes))
    return made


def _stored(event: QaEvent) -> QaEvent:
    return QaEvent.objects.get(pk=event.pk)


def _verify(request: Request, key: bytes) -> None:
    """Check the signature as the Standard Webhooks specification says, without the portal's code."""
    signed = (
        f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    )
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(request.headers["webhook-timestamp"]) - timezone.now().timestamp()) < 60


def test_a_delivered_event_can_be_verified_by_its_receiver(receiver: ScriptedServer) -> None:
    event = _event()
    assert deliver_event(number=event.number)
    [request] = receiver.seen("POST", "/qa")
    _verify(request, b"a secret of the tests alone")
    assert request.headers["webhook-id"] == f"evt_{event.number}"
    assert request.headers["content-type"] == "application/json"


def test_its_body_is_what_was_written_with_the_change_and_its_number(receiver: ScriptedServer) -> None:
    event = _event()
    deliver_event(number=event.number)
    [request] = receiver.seen("POST", "/qa")
    identity = {"number": event.number, "id": f"evt_{event.number}", "receipt": None}
    assert json.loads(request.body) == event.body | identity


def test_a_secret_in_another_form_is_taken_as_its_bytes(receiver: ScriptedServer, settings: Any) -> None:
    settings.QA_WEBHOOK_SECRET = "plain words"
    deliver_event(number=_event().number)
    _verify(receiver.seen("POST", "/qa")[0], b"plain words")


def test_the_signature_is_that_of_the_specification_s_example() -> None:
    # The example of the Standard Webhooks reference libraries.
    assert (
        signature(
            event_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp=1614265330,
            body=b'{"test": 2432232314}',
            secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        )
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_a_delivered_one_is_finished_and_never_sent_again(receiver: ScriptedServer) -> None:
    event = _event()
    deliver_event(number=event.number)
    row = _stored(event)
    assert (row.due_at, row.error) == (None, "")
    assert row.delivered_at is not None
    assert not deliver_event(number=event.number)
    assert due_events() == []
    assert len(receiver.requests) == 1


def test_due_events_come_in_their_order_and_no_sooner(receiver: ScriptedServer) -> None:
    now = timezone.now()
    first, second = _event(due_at=now - timedelta(seconds=1)), _event(due_at=now - timedelta(seconds=9))
    _event(due_at=now + timedelta(seconds=9))
    assert due_events() == [first.number, second.number]
    assert due_events(limit=1) == [first.number]


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (reply(500), "answered 500"),
        (reply(400), "answered 400"),
        (reply(410), "answered 410"),
        (drop, "not delivered: ConnectionError"),
    ],
    ids=["500", "400", "410", "dropped"],
)
def test_what_is_not_taken_is_tried_again_later(receiver: ScriptedServer, script: Any, problem: str) -> None:
    receiver.on("POST", "/qa", script)
    event = _event()
    assert not deliver_event(number=event.number)
    row = _stored(event)
    assert (row.tries, row.error, row.delivered_at) == (1, problem, None)
    assert row.due_at is not None
    assert row.due_at > timezone.now()
    assert due_events() == []


def test_a_receiver_that_is_down_is_a_problem_and_no_error(settings: Any) -> None:
    settings.QA_WEBHOOK_URL = f"http://127.0.0.1:{closed_port()}/qa"
    event = _event()
    assert not deliver_event(number=event.number)
    assert _stored(event).error == "not delivered: ConnectionError"


def test_a_receiver_that_was_taken_out_of_the_settings_is_a_problem_and_no_error(settings: Any) -> None:
    settings.QA_WEBHOOK_URL = ""
    event = _event()
    assert not deliver_event(number=event.number)
    assert _stored(event).error


def test_the_pauses_grow_up_to_a_day(receiver: ScriptedServer) -> None:
    receiver.on("POST", "/qa", reply(503))
    event, pauses = _event(), []
    for tries in (0, 1, 2, 3, 10, 16, 17, 30_000):
        QaEvent.objects.filter(pk=event.pk).update(tries=tries, due_at=timezone.now())
        deliver_event(number=event.number)
        row = _stored(event)
        assert row.due_at is not None
        pauses.append(round((row.due_at - timezone.now()).total_seconds()))
    assert pauses == [1, 2, 4, 8, 1024, 65_536, 86_400, 86_400]


def test_a_later_success_forgets_the_problem(receiver: ScriptedServer) -> None:
    receiver.on("POST", "/qa", reply(503), reply(200))
    event = _event()
    deliver_event(number=event.number)
    QaEvent.objects.filter(pk=event.pk).update(due_at=timezone.now())
    assert deliver_event(number=event.number)
    assert _stored(event).error == ""
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: ScriptedServer, status: int) -> None:
    receiver.on("POST", "/qa", reply(status, headers={"Location": f"{receiver.url}/elsewhere"}))
    receiver.on("POST", "/elsewhere", reply(200))
    receiver.on("GET", "/elsewhere", reply(200))
    event = _event()
    assert not deliver_event(number=event.number)
    assert [request.path for request in receiver.requests] == ["/qa"]
    assert _stored(event).error == f"answered {status}"


def test_an_environment_s_proxy_is_not_used(
    receiver: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("no_proxy", "")
    assert deliver_event(number=_event().number)


def test_an_answer_without_end_does_not_hold_the_worker(receiver: ScriptedServer) -> None:
    head = reply(200, headers={"Content-Length": "1000000"})
    receiver.on("POST", "/qa", head)
    started = timezone.now()
    assert deliver_event(number=_event().number)
    assert timezone.now() - started < timedelta(seconds=2)


def test_what_a_dead_worker_had_claimed_is_due_again_after_a_minute(receiver: ScriptedServer) -> None:
    event = _event(due_at=timezone.now() + timedelta(seconds=59))
    assert not deliver_event(number=event.number)
    QaEvent.objects.filter(pk=event.pk).update(due_at=timezone.now())
    assert deliver_event(number=event.number)


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_the_same_moment_send_it_once(receiver: ScriptedServer) -> None:
    receiver.on("POST", "/qa", reply(200, after_s=0.2))
    event = _event()
    raised = at_once(*(lambda: deliver_event(number=event.number) for _ in range(4)))
    assert raised == [None] * 4
    assert len(receiver.requests) == 1
    assert _stored(event).delivered_at is not None
