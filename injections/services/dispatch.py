"""One try to play: look, decide, write down the intent, send with no transaction open, write down what came of it.

Who dies where: before the intent, nothing was sent and the lapsed lease lets another go on; after it, the sweep
makes the request `unknown`, and nobody ever sends it again.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from injections import gate, media, wiring
from injections.callers import Caller
from injections.consent_policy import POLICY_VERSION, ConsentDecision, decide
from injections.genesys import payload
from injections.genesys.errors import GenesysError, NotSent, NotWanted, Refused
from injections.genesys.types import CallState, PlayCommand
from injections.lifecycle import WAITING, Status
from injections.models import DispatchAttempt, FeedState, InjectionRequest, Queue
from injections.models.fixed import CALLS
from injections.reasons import reason
from injections.services.admission import Objection, is_fresh, objection
from injections.services.handover import holding
from injections.services.stopwatch import Stopwatch
from injections.services.transitions import explained, move
from injections.services.tries import (
    CHECK_LEASE,
    CLOCK_SKEW,
    expire,
    hold_back,
    injection_checked,
    intend,
    is_free,
    record_accepted,
    record_failure,
)

_NO_CONSENT: Final = frozenset({"attributes_missing", "consent_missing", "consent_denied"})
Look = Callable[[], CallState]
_OLDEST_RULING: Final = timedelta(seconds=1)
_LONGEST_COMMAND: Final = timedelta(seconds=12)  # connecting, sending, waiting for the answer


def dispatch_injection(
    *, injection_id: UUID, stopwatch: Stopwatch | None = None, by: Caller
) -> InjectionRequest | None:
    """Take up a waiting injection that is due and try it once; None when somebody else has it or it is done.

    Must run outside a transaction.
    """
    now = timezone.now()
    taken = InjectionRequest.objects.filter(
        is_free(now=now), pk=injection_id, status__in=sorted(WAITING), due_at__lte=now
    )
    if taken.update(lease_token=uuid4(), lease_until=now + CHECK_LEASE) != 1:
        return None
    injection = InjectionRequest.objects.select_related("clip", "queue").get(pk=injection_id)
    is_view_fresh = is_fresh(CALLS.get(injection.conversation_id), now=now)
    hold = gate.ask(requests=requests_a_try(is_view_fresh=is_view_fresh))
    if hold is not None:
        hold_back(injection, hold, by=by)
        return injection
    if stopwatch is None:
        stopwatch = Stopwatch(elapsed_ms=(now - injection.requested_at).total_seconds() * 1000)
    injection.waited_ms = stopwatch.ms()
    dispatch_taken(
        injection=injection,
        look=lambda: wiring.driver().fetch_call_state(
            conversation_id=injection.conversation_id,
            participant_id=injection.participant_id,
            with_hindrances=not is_view_fresh,
        ),
        stopwatch=stopwatch,
        by=by,
    )
    return injection


def requests_a_try(*, is_view_fresh: bool) -> int:
    """Return how many requests one try makes: call, participant, command, and hindrances where the board is behind."""
    return gate.REQUESTS_A_TRY if is_view_fresh else gate.REQUESTS_A_TRY + 1


def dispatch_taken(
    *,
    injection: InjectionRequest,
    look: Look,
    ruled_at: datetime | None = None,
    stopwatch: Stopwatch,
    by: Caller,
) -> None:
    """Try an injection whose lease the caller holds; `look` answers what the platform knows of the call now.

    The gate has let it through; what the platform answers is reported to the gate. `ruled_at` is when the portal's own
    rules allowed it: within a second that still holds, later they are asked again.
    """
    with holding(injection.lease_token):
        _try(injection, look=look, ruled_at=ruled_at, stopwatch=stopwatch, by=by)


def _try(
    injection: InjectionRequest, *, look: Look, ruled_at: datetime | None, stopwatch: Stopwatch, by: Caller
) -> None:
    began_at = timezone.now()
    if not _is_in_time(injection, stopwatch):
        gate.give_back()
        expire(injection, by=by)
        return
    try:
        state = look()
        decision = decide(state, key=settings.GENESYS_CONSENT_KEY)
        if decision.allowed:
            _require_told(state)
    except GenesysError as error:
        is_probe = gate.report(error)
        record_failure(
            injection,
            error,
            attempt=None,
            began_at=began_at,
            is_probe=is_probe,
            stopwatch=stopwatch,
            by=by,
        )
        return
    injection.checked_ms = stopwatch.ms()
    is_ruled = ruled_at is not None and timezone.now() - ruled_at < _OLDEST_RULING
    against = None if is_ruled else _objection(injection, is_board_believed=state.hindrances is None)
    if not decision.allowed or against is not None:
        _refuse(injection, decision, against, evidence=_evidence(state), by=by)
        gate.report(None)  # a probe, perhaps: the platform works
        return
    attempt = intend(injection, evidence=_evidence(state), by=by)
    if attempt is None:
        gate.report(None)
        injection.refresh_from_db()
    else:
        _send(injection, attempt, stopwatch=stopwatch, by=by)


def _send(injection: InjectionRequest, attempt: DispatchAttempt, *, stopwatch: Stopwatch, by: Caller) -> None:
    """Send the command and write down what came of it. No transaction is open: a slow platform must hold no lock."""
    try:
        accepted = wiring.driver().play(
            conversation_id=injection.conversation_id,
            participant_id=injection.participant_id,
            command=_command(injection),
            is_wanted=lambda: _is_mine(injection) and _is_in_time(injection, stopwatch),
        )
    except NotWanted:
        gate.give_back()
        if _is_in_time(injection, stopwatch):
            delayed = NotSent("This process was held up; it did not send the command.")
            record_failure(injection, delayed, attempt=attempt, stopwatch=stopwatch, by=by)
        else:
            expire(injection, attempt=attempt, by=by)
    except GenesysError as error:
        is_probe = gate.report(error)
        record_failure(injection, error, attempt=attempt, is_probe=is_probe, stopwatch=stopwatch, by=by)
    else:
        record_accepted(injection, accepted, attempt=attempt, stopwatch=stopwatch, by=by)
        gate.report(None)


def _is_mine(injection: InjectionRequest) -> bool:
    """Tell whether the lease lasts for the whole command.

    Whoever sends when his lease is about to lapse may be doubted, and the call given free, before he is heard.
    """
    return injection.lease_until is not None and timezone.now() < injection.lease_until - _LONGEST_COMMAND


def _is_in_time(injection: InjectionRequest, stopwatch: Stopwatch) -> bool:
    """Tell whether it may still start, by both clocks.

    The time of day may be set back under our hands; what has passed on the monotonic clock has passed all the same, and
    a day on which the request has not been made yet is no day to play it.
    """
    now = timezone.now()
    allowed_ms = (injection.deadline_at - injection.requested_at).total_seconds() * 1000
    is_sane = now > injection.requested_at - CLOCK_SKEW
    return is_sane and now < injection.deadline_at and stopwatch.ms() < allowed_ms


def _require_told(state: CallState) -> None:
    """Raise Refused where `state`, which allows it otherwise, does not tell what has to be known.

    A gateway may offer the voice-interactions profile alone: then nobody knows of hold and secure pause. But a platform
    whose calls the board has read can tell, and when it does not, nothing may be played.
    """
    if state.are_hindrances_asked and state.hindrances is None and _can_platform_tell():
        raise Refused(
            "The state of the call could not be verified: the platform does not tell of hold and secure pause.",
            remedy="Nothing was played. An administrator has to see whether the portal's OAuth client may read it.",
        )


def _can_platform_tell() -> bool:
    """Tell whether the board has heard from this platform; a snapshot without queues has asked it nothing."""
    feed = FeedState.objects.filter(pk=1).first()
    if feed is None:
        return False
    return feed.heard_at is not None or (feed.snapshot_at is not None and Queue.objects.exists())


def _objection(injection: InjectionRequest, *, is_board_believed: bool) -> Objection | None:
    """Return what the portal's rules have against it now, whatever they said before."""
    if injection.clip is not None:
        injection.clip.refresh_from_db(fields=["status"])
    return objection(
        conversation_id=injection.conversation_id,
        participant_id=injection.participant_id,
        clip=injection.clip,
        is_from_page=injection.channel == "page",
        seen_version=injection.seen_version,
        call=CALLS.get(injection.conversation_id),
        is_board_believed=is_board_believed,
        now=timezone.now(),
        by=None,
    )


def _refuse(
    injection: InjectionRequest,
    decision: ConsentDecision,
    against: Objection | None,
    *,
    evidence: dict[str, Any],
    by: Caller,
) -> None:
    """Refuse what the platform's answers (first) or the portal's rules forbid."""
    code, message = ("", "") if against is None else (against.code, against.message)
    if not decision.allowed:
        code = decision.reasons[0]
        # At an earlier try, or nothing would have been sent; or when it was armed, or that had been refused.
        was_given = injection.sent_at is not None or injection.channel == "page"
        if code in _NO_CONSENT and was_given:
            code = "consent_withdrawn"
        message = reason(code).sentence
    with transaction.atomic(durable=True):
        move(
            injection,
            Status.REFUSED,
            lease=injection.lease_token,
            at=timezone.now(),
            details={"evidence": evidence, "reasons": list(decision.reasons)},
            record=injection_checked,
            by=by,
            waited_ms=injection.waited_ms,
            checked_ms=injection.checked_ms,
            **explained(code, message),
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


def _teller(state: CallState) -> str:
    """Return who told of hold, secure pause and barges: `nobody` where the platform was asked and cannot."""
    if state.hindrances is not None:
        return "platform"
    return "nobody" if state.are_hindrances_asked else "board"


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
        "hindrances": None if state.hindrances is None else list(state.hindrances),
        "hindrances_from": _teller(state),
        "policy_version": POLICY_VERSION,
        "correlation_ids": list(state.correlation_ids),
    }
