"""A receipt goes with each injection: in the answer, at its address, on its page and in the event for QA."""

from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import AuditRecord
from audit.notes import parse_public_key
from audit.places import places
from audit.receipts import Receipt, open_receipt
from injections.models import InjectionRequest, QaEvent
from injections.services.qa import shown_event
from tests.factories import InjectionFactory
from tests.injections.api.posting import body_for, post

pytestmark = pytest.mark.django_db(transaction=True)


def _opened(note: str) -> Receipt:
    keys = [parse_public_key(line) for line in places().receipt_keys.read_text().split()]
    return open_receipt(note, keys=keys)


def _newest() -> AuditRecord:
    return AuditRecord.objects.exclude(injection_id=None)[0]


def test_the_answer_to_an_accepted_one_has_the_receipt_of_its_acceptance(
    token: str, call: dict[str, Any]
) -> None:
    answer = post(token, body_for(call)).json()
    assert (answer["status"], _newest().action) == ("dispatched", "injection.dispatched")
    promised = _opened(answer["receipt"])
    assert (promised.record_id, promised.leaf_hash) == (_newest().pk, _newest().leaf_hash)


def test_the_answer_to_a_refused_one_has_the_receipt_of_its_refusal(token: str, simulator: Any) -> None:
    answer = post(token, body_for(simulator.create_call(consent="false"))).json()
    assert answer["status"] == "refused"
    assert _opened(answer["receipt"]).record_id == _newest().pk


def test_a_repeated_request_has_the_receipt_of_the_present_state(token: str, call: dict[str, Any]) -> None:
    body = body_for(call)
    first, again = (post(token, body, **{"Idempotency-Key": "k"}).json() for _ in range(2))
    assert again["receipt"] == first["receipt"]


def test_the_address_of_an_injection_has_it_too(token: str, call: dict[str, Any]) -> None:
    answer = post(token, body_for(call)).json()
    row = InjectionRequest.objects.get()
    shown = Client().get(f"/api/v1/injections/{row.pk}", headers={"Authorization": f"Token {token}"}).json()
    assert shown["receipt"] == answer["receipt"]


def test_the_event_for_qa_has_the_receipt_of_the_end(token: str, call: dict[str, Any], settings: Any) -> None:
    import json

    post(token, body_for(call))
    row = InjectionRequest.objects.get()
    event = {
        "id": "e-1",
        "event": "conversation:voice:interaction:completed",
        "conversationId": str(row.conversation_id),
        "participantId": str(row.participant_id),
        "interactionId": row.interaction_id,
        "outcome": "completed",
        "timestamp": timezone.now().isoformat(),
    }
    path = f"/webhooks/completion/{settings.COMPLETION_SECRET}"
    assert Client().post(path, json.dumps(event), content_type="application/json").status_code == 200
    shown = shown_event(QaEvent.objects.get())
    ended = AuditRecord.objects.get(action="injection.completed")
    assert (UUID(shown["recordId"]), _opened(shown["receipt"]).leaf_hash) == (ended.pk, ended.leaf_hash)


def test_an_event_from_before_there_were_receipts_has_none() -> None:
    event = QaEvent.objects.create(
        number=1, injection=InjectionFactory(), body={"status": "completed"}, created_at=timezone.now()
    )
    assert shown_event(event)["receipt"] is None
