"""A wish to play a recording comes in: write it down once, check the call meanwhile, try at once."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit import services as audit
from audit.entry import Entry
from injections import gate, wiring
from injections.audit_events import injection_facts, injection_moved, injection_subject
from injections.callers import Caller
from injections.genesys.types import CallState
from injections.lifecycle import WAITING, Status
from injections.models import AudioClip, InjectionRequest, LiveCall
from injections.models.fixed import CALLS, INJECTIONS
from injections.reasons import reason
from injections.services.admission import Objection, is_fresh, objection
from injections.services.dispatch import Look, dispatch_injection, dispatch_taken, requests_a_try
from injections.services.stopwatch import Stopwatch
from injections.services.tries import CHECK_LEASE, hold_back

PATIENCE_S: Final = 2.0  # what must wait is waited for this long inside the request (contract: POST /inject)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What is asked for. Exactly one of `clip` and `audio_url` (already validated) names the recording.

    `clip` is as just read from the database: whether it may be played is decided by what it says.
    """

    conversation_id: UUID
    participant_id: UUID
    clip: AudioClip | None
    audio_url: str
    agent_mute: bool
    caller_mute: bool
    normalize_level: bool
    max_duration_ms: int
    reason: str
    seen_version: str
    is_from_page: bool
    deadline_s: float | None = None


@dataclass(frozen=True, slots=True)
class Injected:
    """The injection as it stands after its first try; `is_replay` when the key had been used for it before."""

    injection: InjectionRequest
    is_replay: bool


class KeyReused(Exception):
    """The idempotency key was used before, with another body."""


def inject(
    *, command: Command, key: str | None, fingerprint: str, received: float | None = None, by: Caller
) -> Injected:
    """Write the wish down, check the call, and try to play: the whole of it inside the caller's request.

    Must run outside a transaction. A refusal is an injection too, with status `refused`, a code and a sentence.

    Args:
        key: idempotency key of this caller; the same key and fingerprint give the same injection.
        fingerprint: SHA-256 of what the key stands for.
        received: `time.perf_counter()` when the request came in.

    Raises:
        KeyReused: this caller used `key` for something else. Recorded.
    """
    stopwatch = Stopwatch(received=received)
    earlier = _earlier(key, by=by)
    if earlier is not None:
        return _replay(earlier, fingerprint=fingerprint, by=by)
    now = timezone.now()
    call = CALLS.get(command.conversation_id)
    is_view_fresh = is_fresh(call, now=now)
    against = _objection(command, call=call, is_board_believed=is_view_fresh, now=now, by=by)
    # Both questions go out while the wish is being written down: they change nothing, and the commit costs no time.
    hold = None if against is not None else gate.ask(requests=requests_a_try(is_view_fresh=is_view_fresh))
    if hold is not None and _is_queue_full():
        # Who is told to come back comes with the same key: it stays free for that.
        hold, against, key = None, Objection("queue_full", reason("queue_full").sentence), None
    look = (
        None if against is not None or hold is not None else _start_look(command, is_view_fresh=is_view_fresh)
    )
    stored = _store(command, call=call, against=against, key=key, fingerprint=fingerprint, now=now, by=by)
    if look is not None and (stored.is_replay or stored.injection.status != Status.REQUESTED):
        gate.give_back()
    if stored.is_replay:
        return _replay(stored.injection, fingerprint=fingerprint, by=by)
    injection = stored.injection
    if injection.status == Status.REQUESTED:
        if look is not None:
            dispatch_taken(
                injection=injection,
                look=look,
                ruled_at=now if is_view_fresh else None,
                stopwatch=stopwatch,
                by=by,
            )
        elif hold is not None:
            hold_back(injection, hold, by=by)
        _wait_a_little(injection, stopwatch=stopwatch, by=by)
    return Injected(injection, is_replay=False)


def _objection(
    command: Command, *, call: LiveCall | None, is_board_believed: bool, now: datetime, by: Caller
) -> Objection | None:
    return objection(
        conversation_id=command.conversation_id,
        participant_id=command.participant_id,
        clip=command.clip,
        is_from_page=command.is_from_page,
        seen_version=command.seen_version,
        call=call,
        is_board_believed=is_board_believed,
        now=now,
        by=by,
    )


def _start_look(command: Command, *, is_view_fresh: bool) -> Look:
    driver = wiring.driver()
    future: Future[CallState] = _lookers().submit(
        driver.fetch_call_state,
        conversation_id=command.conversation_id,
        participant_id=command.participant_id,
        with_hindrances=not is_view_fresh,
    )
    return future.result


@cache
def _lookers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=32, thread_name_prefix="look")


def _earlier(key: str | None, *, by: Caller) -> InjectionRequest | None:
    if key is None:
        return None
    rows = InjectionRequest.objects.select_related("clip", "queue")
    return rows.filter(requested_by=by.user, idempotency_key=key).first()


def _is_queue_full() -> bool:
    """Tell so; asked only while requests are held back, for only then the queue grows."""
    waiting = InjectionRequest.objects.filter(status__in=sorted(WAITING))
    return waiting[: settings.INJECT_QUEUE_LIMIT].count() >= settings.INJECT_QUEUE_LIMIT


def _replay(earlier: InjectionRequest, *, fingerprint: str, by: Caller) -> Injected:
    if earlier.fingerprint == fingerprint:
        return Injected(earlier, is_replay=True)
    audit.append_refusal(
        Entry(
            action="injection.key_refused",
            outcome="refused",
            actor=by.actor,
            source=by.source,
            subject=injection_subject(earlier),
            reason_code="duplicate_key",
            summary=f"{by.actor.name} used an idempotency key again for another request; nothing was played.",
            occurred_at=timezone.now(),
        )
    )
    raise KeyReused


def _store(
    command: Command,
    *,
    call: LiveCall | None,
    against: Objection | None,
    key: str | None,
    fingerprint: str,
    now: datetime,
    by: Caller,
) -> Injected:
    """Insert the wish, or find that another process was first: with the same key, or in the same call."""
    for _ in range(3):
        injection = _row(
            command, call=call, against=against, key=key, fingerprint=fingerprint, now=now, by=by
        )
        try:
            with transaction.atomic(durable=True):
                INJECTIONS.insert(injection)
                audit.append(
                    injection_moved(injection, before=None, details=injection_facts(injection), at=now, by=by)
                )
            return Injected(injection, is_replay=False)
        except IntegrityError:
            earlier = _earlier(key, by=by)
            if earlier is not None:
                return Injected(earlier, is_replay=True)
            if not InjectionRequest.objects.filter(
                conversation_id=command.conversation_id, occupies_call=True
            ).exists():
                continue  # whoever was in the way has just ended
            against = Objection("call_busy", reason("call_busy").sentence)
    raise RuntimeError("the injection could not be written down")


def _row(
    command: Command,
    *,
    call: LiveCall | None,
    against: Objection | None,
    key: str | None,
    fingerprint: str,
    now: datetime,
    by: Caller,
) -> InjectionRequest:
    deadline_s = settings.INJECT_DEADLINE_S if command.deadline_s is None else command.deadline_s
    row = InjectionRequest(
        conversation_id=command.conversation_id,
        participant_id=command.participant_id,
        queue_id=None if call is None else call.queue_id,
        agent_name="" if call is None else call.agent_name,
        clip=command.clip,
        audio_url=command.audio_url,
        agent_mute=command.agent_mute,
        caller_mute=command.caller_mute,
        normalize_level=command.normalize_level,
        max_duration_ms=command.max_duration_ms,
        reason=command.reason,
        seen_version=command.seen_version,
        requested_by=by.user,
        channel="page" if command.is_from_page else "api",
        idempotency_key=key,
        fingerprint=fingerprint,
        requested_at=now,
        deadline_at=now + timedelta(seconds=deadline_s),
        occupies_call=False,
    )
    if against is not None:
        row.status, row.ended_at = Status.REFUSED, now
        row.reason_code, row.error = against.code, against.message
        return row
    row.status, row.occupies_call, row.due_at = Status.REQUESTED, True, now
    # Born in the hands of this request: should it die now, the lease lapses and a worker goes on.
    row.lease_token, row.lease_until = uuid4(), now + CHECK_LEASE
    return row


def _wait_a_little(injection: InjectionRequest, *, stopwatch: Stopwatch, by: Caller) -> None:
    """Stay with what has to wait, as long as a person may be kept waiting for an answer."""
    while injection.status in WAITING | {Status.DISPATCHING}:
        pause_s = 0.05
        if injection.due_at is not None:
            pause_s = max(pause_s, (injection.due_at - timezone.now()).total_seconds())
        if stopwatch.ms() / 1000 + pause_s > PATIENCE_S:
            return
        time.sleep(pause_s)
        dispatch_injection(injection_id=injection.pk, stopwatch=stopwatch, by=by)
        injection.refresh_from_db()
