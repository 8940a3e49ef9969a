"""What the platform reports of an interaction's end: kept first, then matched with the injection it belongs to.

Events come early (before the answer that names their interaction), late, twice, and for strangers. Whoever writes,
event or answer, commits first and matches afterwards: whichever of two is last sees the other.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit import services as audit
from audit.entry import Actor, Entry, Source, Subject
from injections.callers import Caller
from injections.lifecycle import SETTLEABLE, Status
from injections.models import CompletionEvent, InjectionRequest
from injections.services.transitions import explained, move

OUTCOMES: Final = ("completed", "failed", "cancelled", "call_ended")
_SETTLED: Final[dict[str, tuple[Status, str]]] = {
    "completed": (Status.COMPLETED, ""),
    "failed": (Status.FAILED, "playback_failed"),
    "cancelled": (Status.CANCELLED, "cancelled_upstream"),
    "call_ended": (Status.FAILED, "call_ended"),
}
# Clocks of platform and portal may differ by this much when an event is matched by its time.
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
    """Keep the event, then settle the injection it belongs to. A repeated event changes nothing."""
    with transaction.atomic(durable=True):
        event, is_new = CompletionEvent.objects.get_or_create(
            event_id=completion.event_id,
            defaults={
                "conversation_id": completion.conversation_id,
                "participant_id": completion.participant_id,
                "interaction_id": completion.interaction_id,
                "outcome": completion.outcome,
                "happened_at": completion.happened_at,
                "received_at": timezone.now(),
            },
        )
        if is_new:
            _record_reception(event, source=source)
    if event.injection_id is None:
        match_event(event_id=event.pk, source=source)


def match_event(*, event_id: str, source: Source) -> bool:
    """Settle the injection that a kept event belongs to; False when there is none, or not yet."""
    with transaction.atomic(durable=True):
        event = CompletionEvent.objects.select_for_update().get(pk=event_id)
        injection = _injection_of(event)
        return (
            event.injection_id is None and injection is not None and _settle(injection, event, source=source)
        )


def settle_from_events(injection: InjectionRequest) -> bool:
    """Settle an injection from an event that came before its answer, or while its answer was lost.

    Returns whether it did; `injection` itself is then old. Must run outside a transaction.
    """
    return any(match_event(event_id=event.pk, source=_PORTAL) for event in _events_of(injection))


_PORTAL: Final = Source(where="completion event kept earlier")


def _injection_of(event: CompletionEvent) -> InjectionRequest | None:
    rows = InjectionRequest.objects.select_related("clip").filter(status__in=sorted(SETTLEABLE))
    named = rows.filter(interaction_id=event.interaction_id).first()
    if named is not None:
        return named
    if InjectionRequest.objects.filter(interaction_id=event.interaction_id).exists():
        return None  # its end is known already
    # Only a request whose answer was lost may be found by call and time, and only when it is the only one.
    lost = rows.filter(
        status__in=(Status.UNKNOWN, Status.UNCONFIRMED),
        interaction_id="",
        conversation_id=event.conversation_id,
        participant_id=event.participant_id,
        sent_at__lte=event.happened_at + _CLOCK_SKEW,
    )[:2]
    return lost[0] if len(lost) == 1 else None


def _events_of(injection: InjectionRequest) -> QuerySet[CompletionEvent]:
    events = CompletionEvent.objects.filter(injection__isnull=True)
    if injection.interaction_id:
        return events.filter(interaction_id=injection.interaction_id)
    if injection.status != Status.UNKNOWN or injection.sent_at is None:
        return events.none()
    return events.filter(
        conversation_id=injection.conversation_id,
        participant_id=injection.participant_id,
        happened_at__gte=injection.sent_at - _CLOCK_SKEW,
    )


def _settle(injection: InjectionRequest, event: CompletionEvent, *, source: Source) -> bool:
    to, code = _SETTLED[event.outcome]
    now = timezone.now()
    is_moved = move(
        injection,
        to,
        at=now,
        details={
            "event_id": event.event_id,
            "interaction_id": event.interaction_id,
            "outcome": event.outcome,
            "happened_at": event.happened_at.isoformat(),
        },
        by=_platform(source),
        interaction_id=event.interaction_id,
        outcome=event.outcome,
        **(explained(code) if code else {"reason_code": "", "error": ""}),
    )
    if is_moved:
        event.injection = injection
        event.save(update_fields=["injection"])
    return is_moved


def _record_reception(event: CompletionEvent, *, source: Source) -> None:
    audit.append(
        Entry(
            action="completion.received",
            outcome="done",
            actor=_platform(source).actor,
            source=source,
            subject=Subject(conversation_id=event.conversation_id, participant_id=event.participant_id),
            summary=f"The platform reported an interaction as {event.outcome}.",
            details={"interaction_id": event.interaction_id, "event_id": event.event_id},
            occurred_at=event.happened_at,
        )
    )


def _platform(source: Source) -> Caller:
    return Caller(
        user=None, roles=frozenset(), actor=Actor(kind="platform", name="Genesys Cloud"), source=source
    )
