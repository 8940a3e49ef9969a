"""The table is the queue: find what is due, what was left behind by a dead process, what ran out of time."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from injections.callers import Caller
from injections.lifecycle import WAITING, Status
from injections.models import InjectionRequest
from injections.services.completion import match_recent_events, settle_from_events
from injections.services.transitions import explained, longest_playing, move
from injections.services.tries import CLOCK_SKEW, is_free, is_lapsed

log = logging.getLogger(__name__)
_BATCH = 200


def due_injections(*, limit: int = _BATCH) -> list[UUID]:
    """Return the ids of waiting injections that may be tried now, soonest first."""
    now = timezone.now()
    rows = _free().filter(status__in=sorted(WAITING), due_at__lte=now, deadline_at__gt=now)
    return list(rows.order_by("due_at").values_list("pk", flat=True)[:limit])


def is_any_waiting() -> bool:
    """Tell whether anything still waits to be played; it probes an open breaker itself."""
    return InjectionRequest.objects.filter(
        status__in=sorted(WAITING), deadline_at__gt=timezone.now()
    ).exists()


def expire_overdue(*, by: Caller) -> int:
    """Give up what could not start before its deadline; return how many.

    What has not even been made yet, by a clock that was set back, would otherwise wait until the clock comes round
    again, and then be played as if no time had passed.
    """
    now = timezone.now()
    is_over = Q(deadline_at__lte=now) | Q(requested_at__gt=now + CLOCK_SKEW)
    overdue = _free().filter(is_over, status__in=sorted(WAITING))
    # Only from waiting: between this look and the move another process may have begun to send it.
    return sum(
        _move(row, Status.EXPIRED, code="deadline_passed", only_from=WAITING, by=by)
        for row in overdue[:_BATCH]
    )


def doubt_abandoned(*, by: Caller) -> int:
    """Make `unknown` what a process left between intent and answer; return how many. Never sent again."""
    now = timezone.now()
    abandoned = _rows().filter(is_lapsed(now=now), status=Status.DISPATCHING)[:_BATCH]
    count = 0
    for row in abandoned:
        if _move(row, Status.UNKNOWN, code="outcome_unknown", lease=row.lease_token, by=by):
            count += 1
            settle_from_events(row)
    return count


def close_unreported(*, by: Caller) -> int:
    """Make `unconfirmed` what was accepted but whose end was not reported in its length plus 30 s; return how many."""
    now = timezone.now()
    silent = _rows().filter(status=Status.DISPATCHED, sent_at__lt=now - timedelta(seconds=30))
    return sum(
        _move(row, Status.UNCONFIRMED, code="no_completion", by=by)
        for row in silent.order_by("sent_at")[:_BATCH]
        if _is_over(row, now=now)
    )


def free_calls() -> int:
    """Let other recordings into a call whose `unknown` one can no longer be heard; return how many.

    The doubt itself stays until it is settled.
    """
    now = timezone.now()
    old = InjectionRequest.objects.filter(
        status=Status.UNKNOWN, occupies_call=True, sent_at__lt=now - timedelta(seconds=30)
    )
    silent = [row.pk for row in old.order_by("sent_at")[:_BATCH] if _is_over(row, now=now)]
    return InjectionRequest.objects.filter(pk__in=silent, status=Status.UNKNOWN).update(occupies_call=False)


def match_events(*, by: Caller) -> int:
    """Match the recent events that found no injection when they came; return how many found theirs."""
    since = timezone.now() - timedelta(minutes=10)
    return match_recent_events(since=since, limit=_BATCH, source=by.source)


def sweep(*, by: Caller) -> dict[str, int]:
    """Do all of the above but the trying itself; return the counts. A step that fails does not stop the others."""
    steps: dict[str, Callable[[], int]] = {
        "expired": lambda: expire_overdue(by=by),
        "unknown": lambda: doubt_abandoned(by=by),
        "unconfirmed": lambda: close_unreported(by=by),
        "freed": free_calls,
        "matched": lambda: match_events(by=by),
    }
    counts = dict.fromkeys(steps, 0)
    for name, step in steps.items():
        try:
            counts[name] = step()
        except Exception:
            log.exception("sweep: the step that counts %s failed", name)
    return counts


def _move(
    row: InjectionRequest,
    to: Status,
    *,
    code: str,
    lease: UUID | None = None,
    only_from: frozenset[Status] | None = None,
    by: Caller,
) -> bool:
    with transaction.atomic(durable=True):
        return move(row, to, at=timezone.now(), lease=lease, only_from=only_from, by=by, **explained(code))


def _is_over(row: InjectionRequest, *, now: datetime) -> bool:
    return row.sent_at is not None and row.sent_at + longest_playing(row) < now


def _rows() -> QuerySet[InjectionRequest]:
    return InjectionRequest.objects.select_related("clip")


def _free() -> QuerySet[InjectionRequest]:
    return _rows().filter(is_free(now=timezone.now()))
