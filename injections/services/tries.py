"""What is written of one try: the intent before it, its answer or failure after it, and what follows from that."""

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit import services as audit
from audit.entry import Entry
from injections import gate
from injections.audit_events import answered_late, injection_facts, injection_moved, platform_names
from injections.callers import Caller
from injections.genesys import retry
from injections.genesys.errors import Ambiguous, GenesysError, NotSent, RateLimited, Unavailable
from injections.genesys.types import Accepted
from injections.lifecycle import Status
from injections.models import DispatchAttempt, InjectionRequest
from injections.models.dispatch_attempt import AttemptOutcome
from injections.models.fixed import ATTEMPTS
from injections.nudge import nudge
from injections.reasons import reason
from injections.services.completion import settle_from_events
from injections.services.stopwatch import Stopwatch
from injections.services.transitions import explained, move

# While it is asked whether it may be played: longer than both questions can take, and short enough that another can
# still go on before the usual deadline. Who is slower only loses his claim: nothing has been sent.
CHECK_LEASE: Final = timedelta(seconds=11)
# From the intent on: longer than the command can take with all its timeouts. Who holds a lapsed lease is dead.
LEASE: Final = timedelta(seconds=30)
CLOCK_SKEW: Final = timedelta(seconds=5)  # between the clocks of our own machines
_LONGEST_ID: Final = 100  # of the columns; the platform decides how long its ids are


def is_lapsed(*, now: datetime) -> Q:
    """Return the condition that whoever held a row is dead.

    No lease is longer than LEASE: one that still runs for longer was written before the clock was set back.
    """
    return Q(lease_until__lt=now) | Q(lease_until__gt=now + LEASE + CLOCK_SKEW)


def is_free(*, now: datetime) -> Q:
    """Return the condition that nobody works on a row."""
    return Q(lease_until__isnull=True) | is_lapsed(now=now)


def injection_checked(injection: InjectionRequest, *, details: Mapping[str, Any], **moved: Any) -> Entry:
    """Return the record of a move that rests on the platform's answers, to be found by the ids of these too."""
    entry = injection_moved(injection, details=details, **moved)
    names = [
        platform_names(interaction="", correlation=one) for one in details["evidence"]["correlation_ids"]
    ]
    other = " ".join(filter(None, (*names, entry.subject.other)))
    return replace(entry, subject=replace(entry.subject, other=other))


def intend(injection: InjectionRequest, *, evidence: dict[str, Any], by: Caller) -> DispatchAttempt | None:
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
            record=injection_checked,
            by=by,
            tries=number,
            sent_at=now,
            lease_until=now + LEASE,
            waited_ms=injection.waited_ms,
            checked_ms=injection.checked_ms,
            sent_ms=None,
            answered_ms=None,
            reason_code="",  # why it had to wait stands with the attempts
            error="",
        )
        if not claimed:
            return None
        attempt = DispatchAttempt(
            injection=injection,
            number=number,
            started_at=now,
            waited_ms=injection.waited_ms,
            checked_ms=injection.checked_ms,
        )
        ATTEMPTS.insert(attempt)
        return attempt


def hold_back(injection: InjectionRequest, hold: gate.Hold, *, by: Caller) -> None:
    """Let an injection whose lease the caller holds wait: nothing is asked of the platform, no try is used up."""
    now = timezone.now()
    message = reason(hold.code).sentence
    due_at = now + timedelta(seconds=hold.wait_s)
    if hold.code == "rate_limited" and due_at >= injection.deadline_at:
        expire(injection, message=f"{reason('deadline_passed').sentence}: {message}", by=by)
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
    _nudge(injection, at=now)


def _nudge(injection: InjectionRequest, *, at: datetime) -> None:
    if injection.due_at is not None:
        nudge(injection.pk, in_s=(injection.due_at - at).total_seconds())


def record_accepted(
    injection: InjectionRequest,
    accepted: Accepted,
    *,
    attempt: DispatchAttempt,
    stopwatch: Stopwatch,
    by: Caller,
) -> None:
    now = timezone.now()
    attempt.http_status = accepted.status
    attempt.correlation_id = (accepted.correlation_id or "")[:_LONGEST_ID]
    if accepted.interaction_id is not None and len(accepted.interaction_id) <= _LONGEST_ID:
        attempt.interaction_id = accepted.interaction_id
    attempt.sent_ms = stopwatch.at(accepted.sent_ms)
    attempt.answered_ms = stopwatch.at(accepted.answered_ms)
    changes: dict[str, Any] = {
        "correlation_id": attempt.correlation_id,
        "sent_ms": attempt.sent_ms,
        "answered_ms": attempt.answered_ms,
    }
    is_known = attempt.interaction_id != ""
    if is_known:
        changes |= {"interaction_id": attempt.interaction_id}
        to = Status.DISPATCHED
    else:
        attempt.error = "The platform accepted it without an interaction id, so its end cannot be followed."
        changes |= explained("outcome_unknown", attempt.error)
        to = Status.UNKNOWN
    outcome = AttemptOutcome.ACCEPTED if is_known else AttemptOutcome.UNKNOWN
    _finish(injection, to, attempt=attempt, outcome=outcome, at=now, changes=changes, by=by)


def record_failure(
    injection: InjectionRequest,
    error: GenesysError,
    *,
    attempt: DispatchAttempt | None,
    began_at: datetime | None = None,
    is_probe: bool = False,
    stopwatch: Stopwatch,
    by: Caller,
) -> None:
    """Write down a failed try and what follows from it: wait and try again, fail, expire, or `unknown`.

    `attempt` is None when the check itself failed, which began at `began_at`. `is_probe` says that the breaker is open:
    such a try is on record as every other, but is not one of the three.
    """
    now = timezone.now()
    tries = injection.tries + (1 if attempt is None else 0)
    if attempt is None:  # the check itself failed: the try is on record too, though no command left
        attempt = DispatchAttempt(
            injection=injection, number=tries, started_at=began_at or now, waited_ms=injection.waited_ms
        )
    attempt.http_status = error.status
    attempt.correlation_id = (error.correlation_id or "")[:_LONGEST_ID]
    attempt.error = str(error)[:1000]
    attempt.retry_after_s = error.retry_after
    if (
        error.sent is not None and attempt.checked_ms is not None
    ):  # else a question may have left, but no command
        attempt.sent_ms = stopwatch.at(error.sent * 1000)
        attempt.answered_ms = None if error.status is None else stopwatch.ms()
    probes = injection.probes + (1 if is_probe else 0)
    changes: dict[str, Any] = {
        "tries": tries,
        "probes": probes,
        "correlation_id": attempt.correlation_id,
        **{name: getattr(attempt, name) for name in ("waited_ms", "checked_ms", "sent_ms", "answered_ms")},
    }
    verdict = retry.decide(
        error,
        tries=tries - probes,
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
            "waited": _whole(attempt.waited_ms),
            "checked": _whole(attempt.checked_ms),
            "sent": _whole(attempt.sent_ms),
            "answered": _whole(attempt.answered_ms),
        },
    }
    with transaction.atomic(durable=True):
        is_moved = move(injection, to, lease=injection.lease_token, at=at, details=details, by=by, **changes)
        # A check that failed after another process had taken over is no try: the number is the other's.
        if attempt.pk is not None:
            ATTEMPTS.save(attempt)
            if not is_moved:
                _record_late(injection, attempt, details=details, at=at, by=by)
        elif is_moved:
            ATTEMPTS.insert(attempt)
    if not is_moved:
        injection.refresh_from_db()
    elif to is Status.QUEUED:
        _nudge(injection, at=at)
    # A doubt may be settled by an event that is here already. One that came before a clear answer is matched by the
    # next sweep: to look for it here would cost every click a query for what hardly ever happens.
    if injection.status == Status.UNKNOWN and settle_from_events(injection):
        injection.refresh_from_db()


def _record_late(
    injection: InjectionRequest,
    attempt: DispatchAttempt,
    *,
    details: dict[str, Any],
    at: datetime,
    by: Caller,
) -> None:
    """Record what came of a try whose request was settled or doubted meanwhile, and let its event find it."""
    if attempt.interaction_id:
        rows = InjectionRequest.objects.filter(pk=injection.pk, interaction_id="")
        rows.update(interaction_id=attempt.interaction_id)
    injection.refresh_from_db()
    entry = answered_late(injection, details=details, at=at, by=by)
    if attempt.outcome == AttemptOutcome.NOT_ACCEPTED and attempt.http_status is None:
        entry = replace(entry, summary="The command never left; its request had been given up as doubtful.")
    audit.append(entry)


def expire(
    injection: InjectionRequest, *, attempt: DispatchAttempt | None = None, message: str = "", by: Caller
) -> None:
    now = timezone.now()
    changes = {"sent_at": None, **explained("deadline_passed", message)}
    if attempt is None:
        with transaction.atomic(durable=True):
            move(injection, Status.EXPIRED, lease=injection.lease_token, at=now, by=by, **changes)
        return
    attempt.error = "The deadline passed before the command left."
    _finish(
        injection,
        Status.EXPIRED,
        attempt=attempt,
        outcome=AttemptOutcome.NOT_ACCEPTED,
        at=now,
        changes=changes,
        by=by,
    )


def _code(error: GenesysError) -> str:
    if isinstance(error, RateLimited):
        return "rate_limited"
    if isinstance(error, NotSent | Unavailable | Ambiguous):
        return "upstream_unreachable"
    return "upstream_refused"


def _whole(ms: float | None) -> int | None:
    return None if ms is None else round(ms)
