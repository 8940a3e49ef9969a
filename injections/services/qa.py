"""Delivers the numbered events to the QA system: signed, at least once, with growing pauses up to a day."""

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any, Final

import requests
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit import services as audit
from audit.entry import Entry
from audit.models import AuditRecord
from audit.receipts import receipt_for
from injections.audit_events import injection_subject
from injections.callers import Caller
from injections.models import QaEvent
from injections.roles import Action
from injections.services.refusals import require

_LONGEST_PAUSE: Final = timedelta(days=1)
_LEASE: Final = timedelta(seconds=60)


def due_events(*, limit: int = 100) -> list[int]:
    """Return the numbers of undelivered events that may be sent now, in their order; none without an address."""
    if not settings.QA_WEBHOOK_URL:
        return []
    rows = QaEvent.objects.filter(due_at__lte=timezone.now())
    return list(rows.order_by("number").values_list("number", flat=True)[:limit])


def deliver_event(*, number: int) -> bool:
    """Send one event if it is due and nobody else is sending it; return whether it was delivered."""
    now = timezone.now()
    # The claim pushes the due time on, so that a second worker leaves it alone and a dead one loses it.
    claimed = QaEvent.objects.filter(pk=number, due_at__lte=now)
    if claimed.update(due_at=now + _LEASE) != 1:
        return False
    event = QaEvent.objects.get(pk=number)
    try:
        problem = _send(event, now=now)
    except ValueError:  # check portal.E009
        problem = "not sent: QA_WEBHOOK_SECRET cannot be read"
    rows = QaEvent.objects.filter(pk=number, delivered_at__isnull=True)
    if problem is None:
        return rows.update(delivered_at=timezone.now(), due_at=None, error="") == 1
    pause = min(timedelta(seconds=2 ** min(event.tries, 17)), _LONGEST_PAUSE)
    rows.update(tries=event.tries + 1, due_at=timezone.now() + pause, error=problem[:300])
    return False


def resend_event(*, number: int, by: Caller) -> None:
    """Have an event sent once more, whether it was delivered or not. Recorded.

    Raises NotPermitted, QaEvent.DoesNotExist.
    """
    require(Action.RESEND_EVENT, attempt=f"send event {number} again", by=by)
    with transaction.atomic(durable=True):
        event = QaEvent.objects.select_related("injection").select_for_update().get(pk=number)
        before = {"delivered": event.delivered_at is not None, "tries": event.tries}
        event.due_at, event.delivered_at, event.tries, event.error = timezone.now(), None, 0, ""
        event.save()
        audit.append(
            Entry(
                action="qa_event.resent",
                outcome="done",
                actor=by.actor,
                source=by.source,
                subject=injection_subject(event.injection),
                summary=f"{by.label} had event {number} sent to the QA system again.",
                before=before,
                after={"delivered": False, "tries": 0},
                occurred_at=event.due_at,
            )
        )


def shown_event(event: QaEvent) -> dict[str, Any]:
    """Return an event as the QA system gets it, delivered or asked for, with the receipt of the record it tells of."""
    record = AuditRecord.objects.filter(pk=event.body.get("recordId")).first()
    receipt = None if record is None else receipt_for(record)
    return {"number": event.number, "id": f"evt_{event.number}", **event.body, "receipt": receipt}


def signature(*, event_id: str, timestamp: int, body: bytes, secret: str) -> str:
    """Return the `webhook-signature` value (Standard Webhooks: HMAC-SHA256 of `id.timestamp.body`, base64).

    A secret in the usual `whsec_` form is base64; any other is taken as its UTF-8 bytes.
    """
    key = secret.encode()
    if secret.startswith("whsec_"):
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    signed = b".".join((event_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _send(event: QaEvent, *, now: datetime) -> str | None:
    """Send once; return None when it was taken, else what went wrong."""
    event_id, timestamp = f"evt_{event.number}", int(now.timestamp())
    body = json.dumps(shown_event(event), separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(
            event_id=event_id, timestamp=timestamp, body=body, secret=settings.QA_WEBHOOK_SECRET
        ),
    }
    try:
        with requests.Session() as session:
            session.trust_env = False
            with session.post(
                settings.QA_WEBHOOK_URL,
                data=body,
                headers=headers,
                timeout=(2, 5),
                allow_redirects=False,
                stream=True,  # the status is all we want: a body without end must not hold the worker
            ) as answer:
                status = answer.status_code
    except requests.RequestException as error:
        return f"not delivered: {type(error).__name__}"
    return None if 200 <= status < 300 else f"answered {status}"
