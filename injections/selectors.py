"""Reads, with visibility: what is not returned to a caller may not be seen by them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Count, Min, Prefetch, Q, QuerySet

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
from injections.roles import Action

PAGE_SIZE: Final = 50
FEED_LATE_AFTER: Final = timedelta(seconds=10)
OPEN_QUESTIONS: Final = (Status.UNKNOWN, Status.UNCONFIRMED)  # somebody still has to find out


@dataclass(frozen=True, slots=True)
class Feed:
    """How old the portal's knowledge of the calls is. `age_s` is None when nothing was ever read."""

    age_s: float | None
    problem: str

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
class StatusSummary:
    """What the status page tells, read from the portal's own tables."""

    feed: Feed
    live_calls: int
    waiting: int
    oldest_due_at: datetime | None
    unknown: int
    unconfirmed: int
    qa_pending: int
    oldest_qa_due_at: datetime | None
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


def busy_conversations(*, among: Iterable[UUID] | None = None) -> frozenset[UUID]:
    """Return the conversations in which a recording of ours is playing or due."""
    rows = InjectionRequest.objects.filter(occupies_call=True)
    if among is not None:
        rows = rows.filter(conversation_id__in=list(among))
    return frozenset(rows.order_by().values_list("conversation_id", flat=True))


def feed(*, now: datetime) -> Feed:
    """Return how fresh the board is: the later of the last snapshot and the last sign of life counts."""
    state = FeedState.objects.filter(pk=1).first()
    if state is None:
        return Feed(age_s=None, problem="")
    times = [at for at in (state.snapshot_at, state.heard_at) if at is not None]
    age_s = max(0.0, (now - max(times)).total_seconds()) if times and state.snapshot_at is not None else None
    return Feed(age_s=age_s, problem=state.problem)


def playable_clips(*, by: Caller) -> QuerySet[AudioClip]:
    """Return the recordings that may be barged now, by title."""
    if not by.may(Action.SEE_CLIPS):
        return AudioClip.objects.none()
    return AudioClip.objects.filter(status=ClipStatus.APPROVED)


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


def status_summary(*, now: datetime) -> StatusSummary:
    """Return how the portal fares, in a handful of small queries."""
    waiting = InjectionRequest.objects.filter(status__in=WAITING).aggregate(
        count=Count("pk"), due=Min("due_at")
    )
    open_ = InjectionRequest.objects.filter(status__in=OPEN_QUESTIONS).aggregate(
        unknown=Count("pk", filter=Q(status=Status.UNKNOWN)),
        unconfirmed=Count("pk", filter=Q(status=Status.UNCONFIRMED)),
    )
    qa = QaEvent.objects.filter(delivered_at__isnull=True).aggregate(count=Count("pk"), due=Min("due_at"))
    registration = CompletionRegistration.objects.filter(pk=1).first()
    return StatusSummary(
        feed=feed(now=now),
        live_calls=LiveCall.objects.count(),
        waiting=waiting["count"],
        oldest_due_at=waiting["due"],
        unknown=open_["unknown"],
        unconfirmed=open_["unconfirmed"],
        qa_pending=qa["count"],
        oldest_qa_due_at=qa["due"],
        registered_at=None if registration is None else registration.confirmed_at,
        registration_problem="" if registration is None else registration.problem,
    )


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
