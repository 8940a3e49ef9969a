"""Reads of the log."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from audit.models import AuditRecord
from audit.uuid7 import first_uuid7

_TEXTS = ("summary", "actor_name", "actor_id", "reason_code", "action", "source_request_id", "subject_other")
_IDENTIFIERS = ("id", "conversation_id", "participant_id", "clip_id", "injection_id")
_HEXADECIMAL = frozenset("0123456789abcdef")


def search(
    *,
    text: str = "",
    action: str = "",
    outcome: str = "",
    actor: str = "",
    conversation_id: UUID | None = None,
    clip_id: UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditRecord]:
    """Return the records that meet every given condition, newest first.

    `text` is looked for in the sentence, the actor, the codes and the request id, or it is an identifier or
    the first eight or more digits of one; `actor` is an actor's id or whole name. `since` (included) and
    `until` (excluded) are times of recording.
    """
    exact = {
        "action": action or None,
        "outcome": outcome or None,
        "conversation_id": conversation_id,
        "clip_id": clip_id,
        # Identifiers begin with the time of recording, so bounds on them need no index of their own.
        "id__gte": None if since is None else first_uuid7(at=since),
        "id__lt": None if until is None else first_uuid7(at=until),
    }
    given = {name: value for name, value in exact.items() if value is not None}
    records = AuditRecord.objects.filter(**given)
    if actor:
        records = records.filter(Q(actor_id=actor) | Q(actor_name=actor))
    if text.strip():
        records = records.filter(containing(text.strip()))
    return records.order_by("-id")


def containing(text: str) -> Q:
    """Return the condition of the free-text search, see `search`."""
    text = text.replace("\x00", "")  # PostgreSQL refuses to be asked for it
    condition = Q()
    for field in _TEXTS:
        condition |= Q(**{f"{field}__icontains": text})
    digits = text.lower().replace("-", "")
    if 8 <= len(digits) <= 32 and _HEXADECIMAL.issuperset(digits):
        first, last = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
        for field in _IDENTIFIERS:
            condition |= Q(**{f"{field}__range": (first, last)})
    return condition


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
