"""Keeps the projection of live calls: what the platform said last, call by call, and what is gone."""

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from audit.canonical import clean_text
from injections.consent_policy import consent_reason
from injections.genesys.types import LiveCallState
from injections.models import FeedState, LiveCall, Queue

_FIELDS = (
    "queue_id",
    "agent_participant_id",
    "agent_user_id",
    "agent_name",
    "customer_participant_id",
    "caller",
    "direction",
    "state",
    "connected_at",
    "is_held",
    "is_secure_paused",
    "barged_by",
    "consent_reason",
    "version",
    "seen_at",
)


def store_calls(states: Iterable[LiveCallState], *, consent_key: str, seen_at: datetime) -> int:
    """Write what was seen of some calls; return how many. Calls of queues unknown to the portal are left out."""
    known = set(Queue.objects.values_list("pk", flat=True))
    rows = [
        row
        for row in (_row(state, consent_key, seen_at) for state in states)
        if row and row.queue_id in known
    ]
    LiveCall.objects.bulk_create(
        rows, update_conflicts=True, update_fields=_FIELDS, unique_fields=["conversation_id"]
    )
    return len(rows)


def forget_calls(conversation_ids: Collection[UUID]) -> None:
    """Drop calls that have ended."""
    LiveCall.objects.filter(pk__in=conversation_ids).delete()


def keep_only(
    conversation_ids: Collection[UUID], *, unsure: Collection[UUID] = (), seen_at: datetime
) -> None:
    """Close a snapshot taken at `seen_at`: those named are still there, all other older rows are gone.

    `unsure` are there too, but what is known of them may be old: they keep their age.
    """
    kept = {*conversation_ids, *unsure}
    with transaction.atomic():
        LiveCall.objects.filter(pk__in=conversation_ids, seen_at__lt=seen_at).update(seen_at=seen_at)
        LiveCall.objects.exclude(pk__in=kept).filter(seen_at__lt=seen_at).delete()
        note_feed(snapshot_at=seen_at, problem="")


def note_feed(**values: datetime | str | None) -> None:
    """Write down how the watcher fares: `snapshot_at`, `heard_at`, `problem`."""
    FeedState.objects.update_or_create(pk=1, defaults=values)


def _row(state: LiveCallState, consent_key: str, seen_at: datetime) -> LiveCall | None:
    queue_id = _uuid(state.queue_id)
    conversation_id = _uuid(state.conversation_id)
    if conversation_id is None or queue_id is None:
        return None
    return LiveCall(
        conversation_id=conversation_id,
        queue_id=queue_id,
        agent_participant_id=_uuid(state.agent_participant_id),
        agent_user_id=_uuid(state.agent_user_id),
        # One name that no database can hold must not hide all other calls.
        agent_name=clean_text(state.agent_name, limit=200),
        customer_participant_id=_uuid(state.customer_participant_id),
        caller=clean_text(state.caller_address.removeprefix("tel:"), limit=100),
        direction=clean_text(state.direction, limit=10),
        state=clean_text(state.state, limit=12),
        connected_at=state.connected_at,
        is_held=state.held or state.confined,
        is_secure_paused=state.secure_pause,
        barged_by=clean_text(state.barged_by or "", limit=200),
        # The public API shows an empty map where the profile shows none at all.
        consent_reason=consent_reason(state.agent_attributes or None, key=consent_key) or "",
        version=state.version,
        seen_at=seen_at,
    )


def _uuid(value: str | None) -> UUID | None:
    try:
        return None if value is None else UUID(value)
    except ValueError:
        return None
