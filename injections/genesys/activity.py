"""The snapshot of live calls and the push channel: what is asked, and how the answers are read. Pure.

Shapes: ConversationActivityQuery, ConversationActivityResponse and Channel of the vendor's public SDK.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .types import LiveObservation, NotificationChannel

METRICS = ("oInteracting", "oAlerting")


@dataclass(frozen=True, slots=True)
class ActivityPage:
    """One page; `size` is the larger of its groups and its lines, whichever the page size counts.

    `is_cut` says of each queue with lines on this page whether the platform holds back more of it: on
    an early page that may only mean "turn the page".
    """

    observations: tuple[LiveObservation, ...]
    is_cut: Mapping[str, bool]
    size: int


def activity_query(queue_ids: Sequence[str]) -> dict[str, Any]:
    """Return the query for voice calls of these queues, one line for each person in one."""
    return {
        "metrics": [{"metric": metric, "details": True} for metric in METRICS],
        "groupBy": ["queueId"],
        "filter": {
            "type": "and",
            "clauses": [{"type": "or", "predicates": [_equals("queueId", one) for one in queue_ids]}],
            "predicates": [_equals("mediaType", "voice")],
        },
    }


def parse_activity(raw: Mapping[str, Any]) -> ActivityPage:
    """Read one page; lines without a conversation are left out."""
    groups = dicts_of(raw.get("results"))
    lines = [(group, line) for group in groups for line in dicts_of(group.get("entities"))]
    observations = tuple(
        _observation(group, line) for group, line in lines if text_at(line, "conversationId")
    )
    return ActivityPage(
        observations=observations,
        is_cut={_queue_of(group): group.get("truncated") is True for group, _ in lines},
        size=max(len(groups), len(lines)),
    )


def parse_channel(raw: Mapping[str, Any]) -> NotificationChannel | None:
    """Read a new channel; None when it has no id or address."""
    channel = NotificationChannel(text_at(raw, "id"), text_at(raw, "connectUri"), moment_at(raw, "expires"))
    return channel if channel.id and channel.connect_uri else None


def call_topics(queue_ids: Sequence[str]) -> list[str]:
    """Return the topics that report every change of the voice calls of these queues."""
    return [f"v2.routing.queues.{queue_id}.conversations.calls" for queue_id in queue_ids]


def dicts_of(value: object) -> list[dict[str, Any]]:
    """Return the objects of a JSON array; anything else gives none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text_at(raw: Mapping[str, Any], key: str) -> str:
    """Return the text of a key; anything else gives an empty one."""
    value = raw.get(key)
    return value if isinstance(value, str) else ""


def moment_at(raw: Mapping[str, Any], key: str) -> datetime | None:
    """Return the time of a key (ISO 8601, UTC where no zone is named), or None."""
    try:
        moment = datetime.fromisoformat(text_at(raw, key))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _equals(dimension: str, value: str) -> dict[str, str]:
    return {"type": "dimension", "dimension": dimension, "operator": "matches", "value": value}


def _queue_of(group: Mapping[str, Any]) -> str:
    shared = group.get("group")
    return text_at(shared, "queueId") if isinstance(shared, dict) else ""


def _observation(group: Mapping[str, Any], line: Mapping[str, Any]) -> LiveObservation:
    return LiveObservation(
        conversation_id=text_at(line, "conversationId"),
        queue_id=text_at(line, "queueId") or _queue_of(group) or None,
        user_id=text_at(line, "userId") or None,
        metric=text_at(line, "metric"),
        direction=text_at(line, "direction") or None,
        observed_at=moment_at(line, "activityDate"),
    )
