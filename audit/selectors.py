"""Reads of the log."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import CharField, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from audit.canonical import format_time
from audit.entry import HEARTBEAT
from audit.models import AuditLeaf, AuditRecord
from audit.uuid7 import first_uuid7

_TEXTS = ("summary", "actor_name", "actor_id", "reason_code", "action", "source_request_id", "subject_other")
_IDENTIFIERS = ("id", "conversation_id", "participant_id", "clip_id", "injection_id")
_HEXADECIMAL = frozenset("0123456789abcdef")
MOST_COUNTED = 10_000  # counting on costs seconds in a log of millions, and says no more
# One step down the index for each action that occurs; DISTINCT would read the whole log.
_ACTIONS = f"""WITH RECURSIVE found(action) AS (
  SELECT MIN(action) FROM {AuditRecord._meta.db_table}
  UNION ALL
  SELECT (SELECT MIN(record.action) FROM {AuditRecord._meta.db_table} AS record WHERE record.action > found.action)
  FROM found WHERE found.action IS NOT NULL
) SELECT action FROM found WHERE action IS NOT NULL"""  # noqa: S608  a name of our own


def search(
    *,
    text: str = "",
    action: str = "",
    outcome: str = "",
    actor: str = "",
    conversation_id: UUID | None = None,
    clip_id: UUID | None = None,
    injection_id: UUID | None = None,
    reason_code: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before: UUID | None = None,
) -> QuerySet[AuditRecord]:
    """Return the records that meet every given condition, newest first.

    `text` is looked for in the sentence, the actor, the codes, the request id and the names that other systems
    gave (`Subject.other`), or it is an identifier or the first eight or more digits of one; `actor` is an actor's
    id or whole name. `since` (included) and `until` (excluded) are times of recording; `before` is the record at
    which to go on to older ones. A person is found by full name and by username alike, whichever of them the
    record holds. The heartbeats of the log, 1,440 a day, are found only where their action is asked for.
    """
    exact = {
        "action": action or None,
        "outcome": outcome or None,
        "conversation_id": conversation_id,
        "clip_id": clip_id,
        "injection_id": injection_id,
        "reason_code": reason_code or None,
        # Identifiers begin with the time of recording, so bounds on them need no index of their own.
        "id__gte": None if since is None else first_uuid7(at=since),
        "id__lt": None if until is None else first_uuid7(at=until),
    }
    given = {name: value for name, value in exact.items() if value is not None}
    records = AuditRecord.objects.filter(**given)
    if not action:
        records = records.exclude(action=HEARTBEAT)
    if actor:
        records = records.filter(
            Q(actor_id=actor) | Q(actor_name=actor) | _by_person(Q(name__iexact=actor), actor)
        )
    if before is not None:
        records = records.filter(id__lt=before)
    if text.strip():
        records = records.filter(containing(text.strip()))
    return records.order_by("-id")


def containing(text: str) -> Q:
    """Return the condition of the free-text search, see `search`."""
    text = text.replace("\x00", "")  # PostgreSQL refuses to be asked for it
    condition = _by_person(Q(name__icontains=text), text)
    for field in _TEXTS:
        condition |= Q(**{f"{field}__icontains": text})
    digits = text.lower().replace("-", "")
    if 8 <= len(digits) <= 32 and _HEXADECIMAL.issuperset(digits):
        first, last = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
        for field in _IDENTIFIERS:
            condition |= Q(**{f"{field}__range": (first, last)})
    return condition


def _by_person(named: Q, username: str) -> Q:
    """Return the condition "by somebody of this full name or username", in whatever words it was recorded then."""
    user = get_user_model()
    people = user.objects.annotate(name=Concat("first_name", Value(" "), "last_name")).filter(
        named | Q(**{f"{user.USERNAME_FIELD}__iexact": username})
    )
    ids = people.values_list(Cast("pk", CharField(max_length=64)))
    return Q(actor_kind__in=("user", "api_client"), actor_id__in=ids)


def actions() -> list[str]:
    """Return the actions that occur in the log, in alphabetical order."""
    with connection.cursor() as cursor:
        cursor.execute(_ACTIONS)
        return [action for (action,) in cursor.fetchall()]


def count_of(records: QuerySet[AuditRecord]) -> int:
    """Return the number of `records`, or one more than `MOST_COUNTED` where there are more."""
    return records[: MOST_COUNTED + 1].count()


def indexes(records: Iterable[AuditRecord]) -> dict[UUID, int]:
    """Return the place in the log of each record that has one."""
    leaves = AuditLeaf.objects.filter(record_id__in=[record.pk for record in records])
    return dict(leaves.values_list("record_id", "index"))


def shown(record: AuditRecord, index: int | None) -> dict[str, Any]:
    """Return a record as other programs get it: its text as hashed, and its place, None while it waits for one."""
    return {
        "id": str(record.pk),
        "recordedAt": format_time(record.recorded_at),
        "index": index,
        "leafHash": record.leaf_hash,
        "body": record.body,
    }


def length_of_chain(conversation_id: UUID) -> int:
    """Return how many records the chain of a conversation has by its last number."""
    numbers = AuditRecord.objects.filter(conversation_id=conversation_id).order_by("-number_in_conversation")
    return numbers.values_list("number_in_conversation", flat=True).first() or 0


def neighbours(record: AuditRecord) -> tuple[AuditRecord | None, AuditRecord | None]:
    """Return the records before and after in the same conversation, None where there is none."""
    if record.number_in_conversation is None:
        return None, None
    number = record.number_in_conversation
    found = {
        neighbour.number_in_conversation: neighbour
        for neighbour in AuditRecord.objects.filter(
            conversation_id=record.conversation_id, number_in_conversation__in=(number - 1, number + 1)
        )
    }
    return found.get(number - 1), found.get(number + 1)
