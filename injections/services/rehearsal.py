"""Goes through the motions of an injection once at start, so that the first click is as quick as the next.

All of it happens in one transaction that is rolled back: nothing is written, nothing is recorded, nothing is sent.
"""

from datetime import timedelta
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from audit import services as audit
from injections import gate
from injections.audit_events import injection_facts, injection_moved
from injections.callers import system_caller
from injections.lifecycle import Status
from injections.models import DispatchAttempt, InjectionRequest
from injections.models.fixed import ATTEMPTS, CALLS, CLIPS, INJECTIONS
from injections.services.transitions import move


def rehearse() -> None:
    """Have every query of an injection compiled and every module of it loaded."""
    by, now = system_caller(where="start"), timezone.now()
    CALLS.get(uuid4())
    CLIPS.get(uuid4())
    gate.view()
    with transaction.atomic(durable=True):
        row = InjectionRequest(
            conversation_id=uuid4(),
            participant_id=uuid4(),
            audio_url="https://rehearsal.invalid/silence.wav",
            agent_mute=False,
            caller_mute=False,
            normalize_level=False,
            max_duration_ms=1,
            requested_by_id=0,  # nobody: the reference would be checked at a commit that never comes
            channel="api",
            status=Status.REQUESTED,
            occupies_call=True,
            requested_at=now,
            deadline_at=now + timedelta(seconds=1),
            due_at=now,
        )
        INJECTIONS.insert(row)
        audit.append(injection_moved(row, before=None, details=injection_facts(row), at=now, by=by))
        move(row, Status.DISPATCHING, at=now, by=by, tries=1, sent_at=now)
        attempt = DispatchAttempt(injection=row, number=1, started_at=now)
        ATTEMPTS.insert(attempt)
        ATTEMPTS.save(attempt)
        move(row, Status.DISPATCHED, at=now, by=by, interaction_id="rehearsal")
        transaction.set_rollback(True)
