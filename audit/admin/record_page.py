"""What the page of one record shows."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db import connection
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit import canonical, selectors, verification
from audit.admin.words import breakable, in_lines, outcome_tag, shown, time_in_utc
from audit.models import AuditRecord

Answer = tuple[str, object]
_MEANINGS = {
    "done": "It was done as the sentence says.",
    "refused": "It was not allowed, so it was not done.",
    "failed": "It was tried and did not succeed.",
    "unknown": "Nobody knew at that time whether it happened.",
}
# How closely the clock of the database tells the time of recording.
_ACCURACY = {
    "sqlite": ("milliseconds", "by the database’s clock, to the millisecond, rounded up"),
    "postgresql": ("microseconds", "by the database’s clock, to the microsecond"),
}
_ABSENT = object()
_REASONS = ("reason", "reason_given")


def record_context(record: AuditRecord) -> dict[str, Any]:
    """Return what the page of one record shows."""
    previous, following = selectors.neighbours(record)
    content = _content(record)
    return {
        "record": record,
        "outcome": outcome_tag(record.outcome),
        "time": time_in_utc(record.occurred_at, "seconds"),
        "questions": _six_questions(record, content),
        "details": [(name, shown(value)) for name, value in sorted(_details(content).items())],
        "changes": _changes(content.get("before"), content.get("after")),
        "body": json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) if content else record.body,
        "previous": previous,
        "following": following,
        "chain_length": _chain_length(record),
        "faults": [
            *verification.faults_of(record),
            *verification.faults_in_chain(record, previous=previous),
        ],
    }


def _content(record: AuditRecord) -> dict[str, Any]:
    """Return the body as an object; an empty one where a forged body is none."""
    try:
        content = canonical.decode(record.body)
    except canonical.NotCanonical:
        return {}
    return content if isinstance(content, dict) else {}


def _chain_length(record: AuditRecord) -> int:
    return 0 if record.conversation_id is None else selectors.length_of_chain(record.conversation_id)


def _six_questions(record: AuditRecord, content: dict[str, Any]) -> list[tuple[str, list[Answer]]]:
    """Return each question with its answers, those without a value left out."""
    return [
        (question, [(label, value) for label, value in given if value not in (None, "")])
        for question, given in (
            ("Who", _who(record)),
            ("What", _what(record)),
            ("When", _when(record)),
            (
                "What came of it",
                [("Outcome", outcome_tag(record.outcome)), ("", _MEANINGS.get(record.outcome))],
            ),
            ("Where from", _where_from(record)),
            ("Why", _why(record, content)),
        )
    ]


def _who(record: AuditRecord) -> list[Answer]:
    kind = record.actor_kind.replace("_", " ")
    return [
        ("Name", record.actor_name or f"nobody known ({kind})"),
        ("Role at the time", record.actor_role.replace("_", " ")),
        ("Kind", kind),
        ("Id", record.actor_id),
    ]


def _what(record: AuditRecord) -> list[Answer]:
    return [
        ("Action", breakable(record.action)),
        ("Call", _records_of("conversation_id", record.conversation_id)),
        ("Injection", _records_of("injection_id", record.injection_id)),
        ("Recording", _records_of("clip_id", record.clip_id)),
        ("Participant", _code(record.participant_id)),
        ("Other", record.subject_other),
    ]


def _when(record: AuditRecord) -> list[Answer]:
    precision, accuracy = _ACCURACY[connection.vendor]
    ahead = record.occurred_at - record.recorded_at
    return [
        ("Took place", time_in_utc(record.occurred_at, "microseconds")),
        ("Recorded", time_in_utc(record.recorded_at, precision)),
        ("", accuracy),
        # Two machines, two clocks. To hide that would be to change a record.
        (
            "",
            f"The clock of whoever acted was {_milliseconds(ahead)} ahead of the database’s."
            if ahead > timedelta(0)
            else "",
        ),
    ]


def _where_from(record: AuditRecord) -> list[Answer]:
    return [
        ("Address", record.source_ip),
        ("Path or command", breakable(record.source_where)),
        ("Request", _code(record.source_request_id)),
        ("Program", record.source_user_agent),
    ]


def _why(record: AuditRecord, content: dict[str, Any]) -> list[Answer]:
    details = content.get("details")
    given = details if isinstance(details, dict) else {}
    return [
        ("Reason code", breakable(record.reason_code)),
        *(("Reason given", given.get(name)) for name in _REASONS),
    ]


def _details(content: dict[str, Any]) -> dict[str, Any]:
    """Return the details that say something, but the reason, which stands above."""
    details = content.get("details")
    if not isinstance(details, dict):
        return {}
    told = in_lines({name: value for name, value in details.items() if name not in _REASONS})
    return {name: value for name, value in told.items() if value not in (None, "", [], {})}


def _milliseconds(span: timedelta) -> str:
    return f"{span / timedelta(milliseconds=1):.1f} ms"


def _code(value: UUID | str | None) -> SafeString | None:
    return format_html('<span class="mono">{}</span>', value) if value else None


def _records_of(field: str, value: UUID | str | None) -> SafeString | None:
    """Return a link to all records with this `value`."""
    if not value:
        return None
    address = reverse("admin:audit_auditrecord_changelist")
    return format_html('<a class="mono" href="{}?{}">{}</a>', address, urlencode({field: value}), value)


def _changes(before: object, after: object) -> list[dict[str, Any]]:
    """Return a line for each value on either side of a change."""
    old = in_lines(before) if isinstance(before, dict) else {}
    new = in_lines(after) if isinstance(after, dict) else {}
    is_change = isinstance(before, dict) and isinstance(after, dict)  # else it came, or went, as a whole
    return [
        {
            "name": name,
            "before": shown(old[name]) if name in old else "–",
            "after": shown(new[name]) if name in new else "–",
            "is_changed": is_change and old.get(name, _ABSENT) != new.get(name, _ABSENT),
        }
        for name in sorted({*old, *new})
    ]
