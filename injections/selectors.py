"""Reads, with visibility: what is not returned to a caller may not be seen by them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Count, Min, Prefetch, Q, QuerySet

from audit import selectors as audit
from audit.receipts import receipt_for
from injections.callers import Caller
from injections.lifecycle import WAITING, Status
from injections.models import (
    AudioClip,
    CompletionRegistration,
    DispatchAttempt,
    FeedState,
    InjectionRequest,
    LiveCall,
    QaEvent,
    Queue,
)
from injections.models.audio_clip import ClipStatus
from injections.models.dispatch_attempt import AttemptOutcome
from injections.roles import Action

PAGE_SIZE: Final = 50
FEED_LATE_AFTER: Final = timedelta(seconds=10)
OPEN_QUESTIONS: Final = (Status.UNKNOWN, Status.UNCONFIRMED)  # somebody still has to find out
_RECENTLY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Feed:
    """How old the portal's knowledge of the calls is. `age_s` is None when nothing was ever read.

    `heard_s`: how long ago the push channel gave a sign of life, None when it never did.
    """

    age_s: float | None
    problem: str
    heard_s: float | None = None

    @property
    def is_late(self) -> bool:
        """Tell whether the page must say that it may be out of date."""
        return self.age_s is None or self.age_s > FEED_LATE_AFTER.total_seconds()


@dataclass(frozen=True, slots=True)
class InjectionFilter:
    """What a list of injections is narrowed to; an empty value narrows nothing.

    `before` is the id of the last injection already shown.
    """

    statuses: tuple[str, ...] = ()
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: UUID | None = None


@dataclass(frozen=True, slots=True)
class Doubts:
    """How many injections have an end that nobody knows."""

    unknown: int
    unconfirmed: int

    @property
    def count(self) -> int:
        """Return how many there are of both kinds."""
        return self.unknown + self.unconfirmed


@dataclass(frozen=True, slots=True)
class OpenDoubt:
    """What may have been heard in a call, and nobody knows. `is_audible`: it may be playing still."""

    title: str
    sent_at: datetime
    is_audible: bool


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a person settled what the platform never told; `reason` in the officer's words."""

    was_played: bool
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StatusSummary:
    """What the status page and the gauges tell, read from the portal's own tables.

    `left_behind`: attempts of the last day whose process ended between intent and answer. Of the events for QA,
    `qa_failed` were tried in vain, `qa_waiting` were not tried yet; `oldest_qa_at` is when the oldest came to be.
    """

    feed: Feed
    live_calls: int
    waiting: int
    oldest_due_at: datetime | None
    unknown: int
    unconfirmed: int
    left_behind: int
    qa_waiting: int
    qa_failed: int
    oldest_qa_at: datetime | None
    registered_at: datetime | None
    registration_problem: str


def queues(*, by: Caller) -> QuerySet[Queue]:
    """Return the queues that this supervisor may see, by name."""
    return Queue.objects.filter(pk__in=by.queue_ids)


def live_calls(*, by: Caller) -> QuerySet[LiveCall]:
    """Return the calls of this supervisor's queues, with their queue."""
    if not by.may(Action.SEE_CALLS):
        return LiveCall.objects.none()
    return LiveCall.objects.filter(queue_id__in=by.queue_ids).select_related("queue")


def live_call(*, conversation_id: UUID, by: Caller) -> LiveCall | None:
    """Return one call of this supervisor's queues, or None when it is not there or not theirs."""
    return live_calls(by=by).filter(pk=conversation_id).first()


def is_call_of_another_queue(*, conversation_id: UUID, by: Caller) -> bool:
    """Tell whether the call goes on in a queue that the caller may not see: a refusal, not a wrong address."""
    return LiveCall.objects.filter(pk=conversation_id).exclude(queue_id__in=by.queue_ids).exists()


def calls_seen(*, by: Caller) -> list[tuple[UUID, datetime]]:
    """Return id and time of each call of this supervisor's queues: the same list means that no call has changed."""
    if not by.may(Action.SEE_CALLS):
        return []
    rows = LiveCall.objects.filter(queue_id__in=by.queue_ids).order_by("pk")
    return list(rows.values_list("pk", "seen_at"))


def busy_conversations(*, among: Iterable[UUID] | None = None) -> frozenset[UUID]:
    """Return the conversations in which a recording of ours is playing or due."""
    rows = InjectionRequest.objects.filter(occupies_call=True)
    if among is not None:
        rows = rows.filter(conversation_id__in=list(among))
    return frozenset(rows.order_by().values_list("conversation_id", flat=True))


def open_doubts(*, now: datetime, among: Iterable[UUID] | None = None) -> dict[UUID, OpenDoubt]:
    """Return by conversation the last recording whose outcome nobody knows and nobody has settled.

    Whoever asked for it, and in whatever queue: it tells of the call. Only the last day counts, which an index
    answers; no call lasts longer.
    """
    rows = InjectionRequest.objects.filter(status=Status.UNKNOWN, requested_at__gte=now - _RECENTLY)
    if among is not None:
        rows = rows.filter(conversation_id__in=list(among))
    return {
        conversation_id: OpenDoubt(title or "A recording", sent_at or requested_at, is_audible)
        for conversation_id, title, sent_at, requested_at, is_audible in rows.order_by(
            "requested_at", "pk"
        ).values_list("conversation_id", "clip__title", "sent_at", "requested_at", "occupies_call")
    }


def feed(*, now: datetime) -> Feed:
    """Return how fresh the board is: only the last list of calls that was read vouches for it.

    A push channel that lives says nothing of calls that cannot be read.
    """
    state = FeedState.objects.filter(pk=1).first()
    if state is None:
        return Feed(age_s=None, problem="")
    return Feed(
        age_s=_age_s(state.snapshot_at, now=now),
        problem=state.problem,
        heard_s=_age_s(state.heard_at, now=now),
    )


def _age_s(at: datetime | None, *, now: datetime) -> float | None:
    return None if at is None else max(0.0, (now - at).total_seconds())


def playable_clips(*, by: Caller) -> QuerySet[AudioClip]:
    """Return the recordings that may be barged now, oldest approval first.

    Number keys follow this order: a recording that is approved later shifts none of those that people know by heart.
    """
    if not by.may(Action.SEE_CLIPS):
        return AudioClip.objects.none()
    return AudioClip.objects.filter(status=ClipStatus.APPROVED).order_by("decided_at", "uploaded_at", "pk")


def clips(*, status: str = "", text: str = "", by: Caller) -> QuerySet[AudioClip]:
    """Return the recordings, newest upload first, with the people who uploaded and decided."""
    if not by.may(Action.SEE_CLIPS):
        return AudioClip.objects.none()
    rows = AudioClip.objects.select_related("uploaded_by", "decided_by", "retired_by").order_by(
        "-uploaded_at", "-id"
    )
    if status:
        rows = rows.filter(status=status)
    if text:
        rows = rows.filter(Q(title__icontains=text) | Q(transcript__icontains=text))
    return rows


def clip(*, clip_id: UUID, by: Caller) -> AudioClip | None:
    """Return one recording, or None when it is not there or may not be seen."""
    return clips(by=by).filter(pk=clip_id).first()


def injections(*, narrowed: InjectionFilter | None = None, by: Caller) -> QuerySet[InjectionRequest]:
    """Return the injections that may be seen, newest first: all, or one's own and those of one's queues."""
    rows = _visible_injections(by=by).select_related("clip", "queue", "requested_by")
    return rows if narrowed is None else _narrow(rows, narrowed, by=by)


def injection(*, injection_id: UUID, by: Caller) -> InjectionRequest | None:
    """Return one injection with its attempts in order, or None when it is not there or may not be seen."""
    attempts = Prefetch("attempts", queryset=DispatchAttempt.objects.order_by("number"))
    return injections(by=by).filter(pk=injection_id).prefetch_related(attempts).first()


def injection_by_key(*, key: str, by: Caller) -> InjectionRequest | None:
    """Return the injection that this caller has already made with this idempotency key, if any."""
    return injections(by=by).filter(requested_by=by.user, idempotency_key=key).first()


def doubts(*, by: Caller) -> Doubts:
    """Return how many of the injections that may be seen have an end that nobody knows."""
    return _doubts(_visible_injections(by=by))


def settlement(injection: InjectionRequest) -> Settlement | None:
    """Return how a person settled `injection`, from the log; None when it ended by itself or not yet."""
    is_by_hand = injection.reason_code == "settled_not_played" or is_played_by_word(injection)
    if not is_by_hand:
        return None
    record = audit.search(action="injection.settled", injection_id=injection.pk).first()
    if record is None:
        return None
    details = json.loads(record.body)["details"]
    return Settlement(
        was_played=details["settled_as"] == "played",
        reason=details["reason_given"],
        by=record.actor_name,
        at=record.occurred_at,
    )


def is_played_by_word(injection: InjectionRequest) -> bool:
    """Tell whether it counts as played by an officer's word: the platform never reported its end."""
    return injection.status == Status.COMPLETED and not injection.outcome


def deliveries(*, state: str = "", before: int | None = None, by: Caller) -> QuerySet[QaEvent]:
    """Return the events for the QA system, newest first, with their injection.

    `state` narrows them to `failed` (tried in vain), `waiting` (not tried yet) or `delivered`; `before` is the number
    of the last event already shown.
    """
    if not by.may(Action.RESEND_EVENT):
        return QaEvent.objects.none()
    rows = QaEvent.objects.select_related("injection__clip").order_by("-number")
    if state:
        rows = rows.filter(_DELIVERIES[state])
    return rows if before is None else rows.filter(number__lt=before)


_FAILED: Final = Q(due_at__isnull=False, tries__gt=0)
_UNTRIED: Final = Q(due_at__isnull=False, tries=0)
_DELIVERIES: Final = {
    "failed": _FAILED,
    "waiting": _UNTRIED,
    "delivered": Q(delivered_at__isnull=False),
}


def status_summary(*, now: datetime) -> StatusSummary:
    """Return how the portal fares, in a handful of small queries."""
    waiting = InjectionRequest.objects.filter(status__in=WAITING).aggregate(
        count=Count("pk"), due=Min("due_at")
    )
    open_ = _doubts(InjectionRequest.objects.all())
    qa = QaEvent.objects.filter(due_at__isnull=False).aggregate(
        waiting=Count("pk", filter=_UNTRIED), failed=Count("pk", filter=_FAILED), oldest=Min("created_at")
    )
    registration = CompletionRegistration.objects.filter(pk=1).first()
    return StatusSummary(
        feed=feed(now=now),
        live_calls=LiveCall.objects.count(),
        waiting=waiting["count"],
        oldest_due_at=waiting["due"],
        unknown=open_.unknown,
        unconfirmed=open_.unconfirmed,
        left_behind=_left_behind(since=now - _RECENTLY),
        qa_waiting=qa["waiting"],
        qa_failed=qa["failed"],
        oldest_qa_at=qa["oldest"],
        registered_at=None if registration is None else registration.confirmed_at,
        registration_problem="" if registration is None else registration.problem,
    )


def _doubts(rows: QuerySet[InjectionRequest]) -> Doubts:
    # No order: it would keep the database from counting within an index.
    counts = dict(
        rows.filter(status__in=OPEN_QUESTIONS).order_by().values_list("status").annotate(count=Count("pk"))
    )
    return Doubts(unknown=counts.get(Status.UNKNOWN, 0), unconfirmed=counts.get(Status.UNCONFIRMED, 0))


def _left_behind(*, since: datetime) -> int:
    """Count the attempts that nobody ended, among the few injections that became doubtful since then."""
    doubted = audit.search(action=f"injection.{Status.UNKNOWN}", since=since).order_by()
    return DispatchAttempt.objects.filter(
        outcome=AttemptOutcome.INTENDED, injection_id__in=doubted.values("injection_id")
    ).count()


def _visible_injections(*, by: Caller) -> QuerySet[InjectionRequest]:
    rows = InjectionRequest.objects.all()
    if by.may(Action.SEE_ALL_INJECTIONS):
        return rows
    if by.user is None or not by.may(Action.SEE_OWN_INJECTIONS):
        return rows.none()
    # An API client has no queues: it sees what it asked for itself.
    return rows.filter(Q(requested_by=by.user) | Q(queue_id__in=by.queue_ids))


def _narrow(
    rows: QuerySet[InjectionRequest], to: InjectionFilter, *, by: Caller
) -> QuerySet[InjectionRequest]:
    if to.statuses:
        rows = rows.filter(status__in=to.statuses)
    if to.text:
        rows = rows.filter(Q(agent_name__icontains=to.text) | Q(clip__title__icontains=to.text))
    if to.since is not None:
        rows = rows.filter(requested_at__gte=to.since)
    if to.until is not None:
        rows = rows.filter(requested_at__lt=to.until)
    if to.before is not None:
        rows = _after(rows, to.before, by=by)
    return rows


def _after(rows: QuerySet[InjectionRequest], last: UUID, *, by: Caller) -> QuerySet[InjectionRequest]:
    found = _visible_injections(by=by).filter(pk=last).values_list("requested_at", "pk").first()
    if found is None:
        return rows
    at, pk = found
    return rows.filter(Q(requested_at__lt=at) | Q(requested_at=at, pk__lt=pk))


def receipt_of(injection: InjectionRequest) -> str | None:
    """Return the receipt of the newest record of `injection`, as a signed note; None where none can be signed.

    Ask after the commit: it promises that the record is in the log.
    """
    record = injection.last_record or audit.search(injection_id=injection.pk).first()
    return None if record is None else receipt_for(record)
