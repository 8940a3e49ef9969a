"""One try to play: look, decide, write down the intent, send with no transaction open, write down what came of it.

Who dies where: before the intent, nothing was sent and the lapsed lease lets another go on; after it, the sweep
makes the request `unknown`, and nobody ever sends it again.
"""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from injections import gate, media, wiring
from injections.audit_events import injection_facts
from injections.callers import Caller
from injections.consent_policy import POLICY_VERSION, ConsentDecision, decide
from injections.genesys import payload, retry
from injections.genesys.errors import Ambiguous, GenesysError, NotSent, RateLimited, Unavailable
from injections.genesys.types import Accepted, CallState, PlayCommand
from injections.lifecycle import WAITING, Status
from injections.models import DispatchAttempt, InjectionRequest, LiveCall
from injections.models.dispatch_attempt import AttemptOutcome
from injections.reasons import reason
from injections.services.admission import objection
from injections.services.completion import settle_from_events
from injections.services.stopwatch import Stopwatch
from injections.services.transitions import explained, move

# Longer than one try can take with all its timeouts: who holds a lapsed lease is dead.
LEASE: Final = timedelta(seconds=30)

Look = Callable[[], CallState]


def dispatch_injection(
    *, injection_id: UUID, stopwatch: Stopwatch | None = None, by: Caller
) -> InjectionRequest | None:
    """Take up a waiting injection that is due and try it once; None when somebody else has it or it is done.

    Must run outside a transaction.
    """
    now = timezone.now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    taken = InjectionRequest.objects.filter(
        free, pk=injection_id, status__in=sorted(WAITING), due_at__lte=now
    )
    if taken.update(lease_token=uuid4(), lease_until=now + LEASE) != 1:
        return None
    injection = InjectionRequest.objects.select_related("clip", "queue").get(pk=injection_id)
    hold = gate.ask()
    if hold is not None:
        hold_back(injection, hold, by=by)
        return injection
    elapsed_ms = (now - injection.requested_at).total_seconds() * 1000
    dispatch_taken(
        injection=injection,
        look=lambda: wiring.driver().fetch_call_state(
            conversation_id=injection.conversation_id, participant_id=injection.participant_id
        ),
        stopwatch=Stopwatch(elapsed_ms=elapsed_ms) if stopwatch is None else stopwatch,
        by=by,
    )
    return injection


def hold_back(injection: InjectionRequest, hold: gate.Hold, *, by: Caller) -> None:
    """Let an injection whose lease the caller holds wait: nothing is asked of the platform, no try is used up."""
    now = timezone.now()
    message = reason(hold.code).sentence
    due_at = now + timedelta(seconds=hold.wait_s)
    if hold.code == "rate_limited" and due_at >= injection.deadline_at:
        _expire(injection, message=f"{reason('deadline_passed').sentence}: {message}", by=by)
        return
    if injection.status == Status.QUEUED and injection.reason_code == hold.code:
        # It waits for the same thing as before: no change of state, so no further record.
        rows = InjectionRequest.objects.filter(pk=injection.pk, lease_token=injection.lease_token)
        rows.update(due_at=due_at, lease_until=None, lease_token=None)
        return
    with transaction.atomic(durable=True):
        move(
            injection,
            Status.QUEUED,
            lease=injection.lease_token,
            at=now,
            by=by,
            due_at=due_at,
            **explained(hold.code, message),
        )


def dispatch_taken(*, injection: InjectionRequest, look: Look, stopwatch: Stopwatch, by: Caller) -> None:
    """Try an injection whose lease the caller holds; `look` answers what the platform knows of the call now.

    The gate has let it through; what the platform answers is reported to the gate.
    """
    if timezone.now() >= injection.deadline_at:
        _expire(injection, by=by)
        return
    try:
        state = look()
    except GenesysError as error:
        gate.report(error)
        _record_failure(injection, error, attempt=None, stopwatch=stopwatch, by=by)
        return
    injection.checked_ms = stopwatch.ms()
    decision = decide(state, key=settings.GENESYS_CONSENT_KEY)
    if not _is_allowed(injection, decision, evidence=_evidence(state), by=by):
        return
    attempt = _intend(injection, evidence=_evidence(state), by=by)
    if attempt is None:
        injection.refresh_from_db()
        return
    # From here to the answer no transaction is open: a slow platform must not hold a lock.
    if timezone.now() >= injection.deadline_at:
        _expire(injection, attempt=attempt, by=by)
        return
    try:
        accepted = wiring.driver().play(
            conversation_id=injection.conversation_id,
            participant_id=injection.participant_id,
            command=_command(injection),
        )
    except GenesysError as error:
        gate.report(error)
        _record_failure(injection, error, attempt=attempt, stopwatch=stopwatch, by=by)
    else:
        gate.report(None)
        _record_accepted(injection, accepted, attempt=attempt, stopwatch=stopwatch, by=by)


def _is_allowed(
    injection: InjectionRequest, decision: ConsentDecision, *, evidence: dict[str, Any], by: Caller
) -> bool:
    """Refuse what the platform's answers or the portal's rules forbid now, whatever they said before."""
    now = timezone.now()
    if injection.clip is not None:
        injection.clip.refresh_from_db(fields=["status"])
    against = objection(
        conversation_id=injection.conversation_id,
        participant_id=injection.participant_id,
        clip=injection.clip,
        is_from_page=injection.channel == "page",
        seen_version=injection.seen_version,
        call=LiveCall.objects.filter(pk=injection.conversation_id).first(),
        now=now,
        by=None,
    )
    if decision.allowed and against is None:
        return True
    if decision.allowed and against is not None:
        code, message = against.code, against.message
    else:
        code = decision.reasons[0]
        if code in {"consent_missing", "consent_denied"} and injection.tries > 0:
            code = "consent_withdrawn"
        message = reason(code).sentence
    with transaction.atomic(durable=True):
        move(
            injection,
            Status.REFUSED,
            lease=injection.lease_token,
            at=now,
            details={"evidence": evidence, "reasons": list(decision.reasons)},
            by=by,
            checked_ms=injection.checked_ms,
            **explained(code, message),
        )
    return False


def _intend(injection: InjectionRequest, *, evidence: dict[str, Any], by: Caller) -> DispatchAttempt | None:
    """Claim the right to send and write down that it is about to happen; None when the claim is lost."""
    now = timezone.now()
    number = injection.tries + 1
    with transaction.atomic(durable=True):
        claimed = move(
            injection,
            Status.DISPATCHING,
            lease=injection.lease_token,
            at=now,
            details=injection_facts(injection) | {"evidence": evidence, "attempt": number},
            by=by,
            tries=number,
            sent_at=now,
            lease_until=now + LEASE,
            checked_ms=injection.checked_ms,
        )
        if not claimed:
            return None
        return DispatchAttempt.objects.create(
            injection=injection, number=number, started_at=now, checked_ms=injection.checked_ms
        )


def _command(injection: InjectionRequest) -> PlayCommand:
    """Return the command; the portal's own link is signed now, so that it is fresh at each try."""
    if injection.clip is not None:
        url = media.clip_url(
            injection.clip, normalize=injection.normalize_level, now_s=timezone.now().timestamp()
        )
    elif injection.normalize_level:
        url = payload.level_url(injection.audio_url)
    else:
        url = injection.audio_url
    # The platform knows one flag; the portal's own record keeps both wishes.
    return PlayCommand(
        source_url=url,
        mute=injection.agent_mute or injection.caller_mute,
        max_duration_ms=injection.max_duration_ms,
    )


def _record_accepted(
    injection: InjectionRequest,
    accepted: Accepted,
    *,
    attempt: DispatchAttempt,
    stopwatch: Stopwatch,
    by: Caller,
) -> None:
    now = timezone.now()
    attempt.http_status = accepted.status
    attempt.correlation_id = accepted.correlation_id or ""
    attempt.interaction_id = accepted.interaction_id or ""
    attempt.sent_ms = stopwatch.at(accepted.sent_ms)
    attempt.answered_ms = stopwatch.at(accepted.answered_ms)
    changes: dict[str, Any] = {
        "correlation_id": attempt.correlation_id,
        "sent_ms": attempt.sent_ms,
        "answered_ms": attempt.answered_ms,
    }
    is_known = accepted.interaction_id is not None
    if is_known:
        changes |= {"interaction_id": attempt.interaction_id}
        to = Status.DISPATCHED
    else:
        attempt.error = "The platform accepted it without an interaction id, so its end cannot be followed."
        changes |= explained("outcome_unknown", attempt.error)
        to = Status.UNKNOWN
    outcome = AttemptOutcome.ACCEPTED if is_known else AttemptOutcome.UNKNOWN
    _finish(injection, to, attempt=attempt, outcome=outcome, at=now, changes=changes, by=by)


def _record_failure(
    injection: InjectionRequest,
    error: GenesysError,
    *,
    attempt: DispatchAttempt | None,
    stopwatch: Stopwatch,
    by: Caller,
) -> None:
    """Write down a failed try and what follows from it: wait and try again, fail, expire, or `unknown`."""
    now = timezone.now()
    tries = injection.tries + (1 if attempt is None else 0)
    if attempt is None:  # the check itself failed: the try is on record too, though no command left
        attempt = DispatchAttempt(injection=injection, number=tries, started_at=now)
    attempt.http_status = error.status
    attempt.correlation_id = error.correlation_id or ""
    attempt.error = str(error)[:1000]
    attempt.retry_after_s = error.retry_after
    attempt.answered_ms = stopwatch.ms()
    changes: dict[str, Any] = {
        "tries": tries,
        "correlation_id": attempt.correlation_id,
        "answered_ms": attempt.answered_ms,
    }
    verdict = retry.decide(
        error,
        tries=tries,
        now=now,
        deadline=injection.deadline_at,
        jitter=random.random(),  # noqa: S311  spreads load
    )
    if isinstance(verdict, retry.Retry):
        to = Status.QUEUED
        changes |= explained(_code(error), attempt.error) | {
            "due_at": now + timedelta(seconds=verdict.delay_s)
        }
    elif verdict.kind == "unknown":
        to = Status.UNKNOWN
        changes |= explained("outcome_unknown", attempt.error)
    elif verdict.kind == "expired":
        to = Status.EXPIRED
        changes |= explained("deadline_passed", f"{reason('deadline_passed').sentence}: {attempt.error}")
    else:
        to = Status.FAILED
        changes |= explained(_code(error), attempt.error)
    _finish(injection, to, attempt=attempt, outcome=_outcome(error, attempt), at=now, changes=changes, by=by)


def _outcome(error: GenesysError, attempt: DispatchAttempt) -> AttemptOutcome:
    if error.may_have_been_sent:
        return AttemptOutcome.UNKNOWN
    if error.retryable:
        return AttemptOutcome.NOT_ACCEPTED
    return AttemptOutcome.UNVERIFIED if attempt.pk is None else AttemptOutcome.REFUSED


def _finish(
    injection: InjectionRequest,
    to: Status,
    *,
    attempt: DispatchAttempt,
    outcome: AttemptOutcome,
    at: datetime,
    changes: dict[str, Any],
    by: Caller,
) -> None:
    """Write the end of one try. When the sweep was quicker (the lease had lapsed), only the attempt is written."""
    attempt.outcome, attempt.finished_at = outcome, at
    details = {
        "attempt": attempt.number,
        "http_status": attempt.http_status,
        "correlation_id": attempt.correlation_id,
        "interaction_id": attempt.interaction_id,
        "error": attempt.error,
        "stages_ms": {
            "checked": _whole(injection.checked_ms),
            "sent": _whole(attempt.sent_ms),
            "answered": _whole(attempt.answered_ms),
        },
    }
    with transaction.atomic(durable=True):
        attempt.save()
        is_moved = move(injection, to, lease=injection.lease_token, at=at, details=details, by=by, **changes)
        if not is_moved and attempt.interaction_id:
            # Settled or doubted meanwhile: what the late answer tells still lets its event find it.
            InjectionRequest.objects.filter(pk=injection.pk, interaction_id="").update(
                interaction_id=attempt.interaction_id
            )
    if settle_from_events(injection) or not is_moved:
        injection.refresh_from_db()


def _expire(
    injection: InjectionRequest, *, attempt: DispatchAttempt | None = None, message: str = "", by: Caller
) -> None:
    now = timezone.now()
    with transaction.atomic(durable=True):
        if attempt is not None:
            attempt.outcome, attempt.finished_at = AttemptOutcome.NOT_ACCEPTED, now
            attempt.error = "The deadline passed before the command left."
            attempt.save()
        move(
            injection,
            Status.EXPIRED,
            lease=injection.lease_token,
            at=now,
            by=by,
            sent_at=None,
            **explained("deadline_passed", message),
        )


def _evidence(state: CallState) -> dict[str, Any]:
    """Return what the platform said of call and consent, for the record: only what the decision rests on."""
    key = settings.GENESYS_CONSENT_KEY
    attributes = None if state.participant is None else state.participant.custom_attributes
    return {
        "conversation_state": None if state.conversation is None else state.conversation.state,
        "participant_state": None if state.participant is None else state.participant.state,
        "consent_key": key,
        "consent_value": None if attributes is None else attributes.get(key),
        "has_attributes": attributes is not None,
        "policy_version": POLICY_VERSION,
        "correlation_ids": list(state.correlation_ids),
    }


def _code(error: GenesysError) -> str:
    if isinstance(error, RateLimited):
        return "rate_limited"
    if isinstance(error, NotSent | Unavailable | Ambiguous):
        return "upstream_unreachable"
    return "upstream_refused"


def _whole(ms: float | None) -> int | None:
    return None if ms is None else round(ms)
