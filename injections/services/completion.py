"""What the platform reports of an interaction's end: kept first, then matched with the injection it belongs to.

Events come early (before the answer that names their interaction), late, twice, and for strangers. All are kept; those
that found nobody are matched again by the sweep and by whoever writes down a lost answer.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from audit import services as audit
from audit.entry import Actor, Entry, Source, Subject
from injections.audit_events import injection_subject, platform_names, recording_facts
from injections.callers import Caller
from injections.lifecycle import SETTLEABLE, Status
from injections.models import CompletionEvent, InjectionRequest
from injections.models.fixed import CLIPS, EVENTS, INJECTIONS
from injections.services.transitions import LONGEST_PLAYING, explained, longest_playing, move

OUTCOMES: Final = ("completed", "failed", "cancelled", "call_ended")
_SETTLED: Final[dict[str, tuple[Status, str]]] = {
    "completed": (Status.COMPLETED, ""),
    "failed": (Status.FAILED, "playback_failed"),
    "cancelled": (Status.CANCELLED, "cancelled_upstream"),
    "call_ended": (Status.FAILED, "call_ended"),
}
# Clocks of platform and portal may differ by this much when an event is matched by its time.
_ANSWER_LOST: Final = (Status.UNKNOWN, Status.UNCONFIRMED)
_CLOCK_SKEW: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One event as received (contract: Completion). `outcome` is one of OUTCOMES."""

    event_id: str
    conversation_id: UUID
    participant_id: UUID
    interaction_id: str
    outcome: str
    happened_at: datetime


def record_completion(*, completion: Completion, source: Source) -> None:
    """Keep the event and settle the injection it belongs to. A repeated event changes nothing.

    One transaction: an event that cannot be kept, since it is here already, takes along what it would have changed
    again. Where event and answer pass each other unseen, the next sweep matches them.
    """
    event = CompletionEvent(
        event_id=completion.event_id,
        conversation_id=completion.conversation_id,
        participant_id=completion.participant_id,
        interaction_id=completion.interaction_id,
        outcome=completion.outcome,
        happened_at=completion.happened_at,
        received_at=timezone.now(),
    )
    with suppress(_Repeated), transaction.atomic(durable=True):
        named = _named(event)
        injection = _injection_of(event, named)
        others = _of_another_call(named, event)
        # Every move locks its row first and the call's chain of records second; several chains are locked in one order.
        if others:
            _record_reception(event, mismatched=others, source=source)
        # The record of what an event ended tells of the event as well.
        if injection is not None and _end(injection, event, source=source):
            event.injection = injection
        elif not others:
            _record_reception(event, mismatched=[], source=source)
        _keep(event)


class _Repeated(Exception):
    """The event was here before."""


def _keep(event: CompletionEvent) -> None:
    try:
        EVENTS.insert(event)
    except IntegrityError:
        raise _Repeated from None


def match_event(*, event_id: str, source: Source) -> bool:
    """Settle the injection that a kept event belongs to; False when there is none, or not yet."""
    with transaction.atomic(durable=True):
        event = CompletionEvent.objects.select_for_update().get(pk=event_id)
        injection = _injection_of(event, _named(event)) if event.injection_id is None else None
        is_settled = injection is not None and _end(injection, event, source=source)
        if is_settled:
            event.injection = injection
            event.save(update_fields=["injection"])
        return is_settled


def settle_from_events(injection: InjectionRequest) -> bool:
    """Settle an injection from an event that came before its answer, or while its answer was lost.

    Returns whether it did; `injection` itself is then old. Must run outside a transaction.
    """
    return any(match_event(event_id=event.pk, source=_PORTAL) for event in _events_of(injection))


_PORTAL: Final = Source(where="completion event kept earlier")


def _named(event: CompletionEvent) -> list[InjectionRequest]:
    """Return the injections whose interaction the event names: one, but for a platform that gives an id twice."""
    rows = INJECTIONS.find("interaction_id", event.interaction_id, is_locked=True)
    for row in rows:
        row.clip = None if row.clip_id is None else CLIPS.get(row.clip_id)
    return sorted(rows, key=lambda row: row.requested_at)


def _of_another_call(named: list[InjectionRequest], event: CompletionEvent) -> list[InjectionRequest]:
    return [row for row in named if row.conversation_id != event.conversation_id]


def _injection_of(event: CompletionEvent, named: list[InjectionRequest]) -> InjectionRequest | None:
    if named:
        # Nothing is settled by half a match: the call must be the same too. And what has ended stays as it ended.
        fitting = [row for row in named if row.conversation_id == event.conversation_id]
        return next((row for row in fitting if row.status in SETTLEABLE), None)
    # Only a request whose answer was lost may be found by call and time, and only when no other can be meant: whatever
    # else was sent into this call since, or is on its way now, has a better claim to an event without a known id.
    sent = (
        InjectionRequest.objects.select_related("clip")
        .select_for_update(of=("self",))
        .filter(
            conversation_id=event.conversation_id,
            participant_id=event.participant_id,
            sent_at__gte=event.happened_at - LONGEST_PLAYING - _CLOCK_SKEW,
        )
    )
    open_ones = sent.filter(Q(interaction_id="", status__in=_ANSWER_LOST) | Q(status=Status.DISPATCHING))[:2]
    if len(open_ones) != 1 or open_ones[0].status not in _ANSWER_LOST:
        return None
    lost = open_ones[0]
    is_in_its_time = (
        lost.sent_at is not None
        and lost.sent_at - _CLOCK_SKEW
        <= event.happened_at
        <= lost.sent_at + longest_playing(lost) + _CLOCK_SKEW
    )
    is_last = not sent.filter(sent_at__gt=lost.sent_at).exists()
    return lost if is_in_its_time and is_last else None


def _events_of(injection: InjectionRequest) -> QuerySet[CompletionEvent]:
    events = CompletionEvent.objects.filter(injection__isnull=True)
    if injection.interaction_id:
        return events.filter(
            interaction_id=injection.interaction_id, conversation_id=injection.conversation_id
        )
    if injection.status != Status.UNKNOWN or injection.sent_at is None:
        return events.none()
    return events.filter(
        conversation_id=injection.conversation_id,
        participant_id=injection.participant_id,
        happened_at__gte=injection.sent_at - _CLOCK_SKEW,
    )


def match_recent_events(*, since: datetime, limit: int, source: Source) -> int:
    """Match the events since `since` that found no injection when they came; return how many found theirs."""
    # Strangers' events stay loose for good, and may be many: only those of calls in which somebody waits are looked at.
    awaited = InjectionRequest.objects.filter(status__in=sorted(SETTLEABLE)).values("conversation_id")
    loose = CompletionEvent.objects.filter(
        conversation_id__in=awaited, injection__isnull=True, received_at__gt=since
    )
    ids = list(loose.values_list("pk", flat=True)[:limit])
    return sum(match_event(event_id=event_id, source=source) for event_id in ids)


def _end(injection: InjectionRequest, event: CompletionEvent, *, source: Source) -> bool:
    to, code = _SETTLED[event.outcome]
    now = timezone.now()
    return move(
        injection,
        to,
        at=now,
        details={
            "event_id": event.event_id,
            "interaction_id": event.interaction_id,
            "outcome": event.outcome,
            "happened_at": event.happened_at.isoformat(),
            "recording": recording_facts(injection),
        },
        by=_platform(source),
        interaction_id=event.interaction_id,
        outcome=event.outcome,
        **(explained(code) if code else {"reason_code": "", "error": ""}),
    )


def _record_reception(event: CompletionEvent, *, mismatched: list[InjectionRequest], source: Source) -> None:
    """Record that the event came; and with each injection that it names though that was played into another call."""
    received = Entry(
        action="completion.received",
        outcome="done",
        actor=_platform(source).actor,
        source=source,
        subject=Subject(
            conversation_id=event.conversation_id,
            participant_id=event.participant_id,
            other=platform_names(interaction=event.interaction_id),
        ),
        summary=f"The platform reported an interaction as {event.outcome}.",
        details={"interaction_id": event.interaction_id, "event_id": event.event_id},
        occurred_at=event.happened_at,
    )
    of_other_calls = [
        replace(
            received,
            action="completion.mismatched",
            outcome="refused",
            subject=injection_subject(named),
            summary=f"The platform reported this interaction as {event.outcome}, but of another call; "
            "nothing was changed.",
            details={**received.details, "conversation_id": str(event.conversation_id)},
        )
        for named in mismatched
    ]
    # The chains of the calls are locked in one order, or two events that name each other's call wait for ever.
    for entry in sorted([received, *of_other_calls], key=lambda entry: str(entry.subject.conversation_id)):
        audit.append(entry)


def _platform(source: Source) -> Caller:
    return Caller(
        user=None, roles=frozenset(), actor=Actor(kind="platform", name="Genesys Cloud"), source=source
    )
