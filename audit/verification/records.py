"""A record against its own hash, its columns, and its neighbours."""

import hashlib
import json
from typing import Any

from django.db import connection

from audit import canonical
from audit.entry import columns, leaf_hash
from audit.models import AuditRecord

# The columns as the body writes their values, so that a row can be compared without making objects of it. What
# differs is looked at again by `faults_of`, which says how.
_TEXTS = (
    *("action", "outcome", "reason_code", "summary", "actor_kind", "actor_id", "actor_name", "actor_role"),
    *("source_ip", "source_user_agent", "source_request_id", "source_where", "subject_other"),
    *("number_in_conversation", "previous_in_conversation"),
)
_IDENTIFIERS = ("id", "conversation_id", "participant_id", "clip_id", "injection_id")
_TIMES = ("recorded_at", "occurred_at")
_FORMS = {
    "sqlite": (
        "substr({0}, 1, 8) || '-' || substr({0}, 9, 4) || '-' || substr({0}, 13, 4) || '-' || substr({0}, 17, 4)"
        " || '-' || substr({0}, 21)",
        "substr({0}, 1, 10) || 'T' || substr({0}, 12) || iif(length({0}) = 19, '.000000', '') || 'Z'",
    ),
    "postgresql": (
        "{0}::text",
        """to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
    ),
}
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def _refuse(text: str) -> None:
    raise ValueError(text)


_decode = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse).decode


def columns_as_text(alias: str) -> str:
    """Return the SQL for the columns of a record, body and hash first, as `is_whole` takes them."""
    identifier, time = _FORMS[connection.vendor]
    return ", ".join(
        [
            *(f"{alias}.{name}" for name in ("body", "leaf_hash")),
            *(identifier.format(f"{alias}.{name}") for name in _IDENTIFIERS),
            *(time.format(f"{alias}.{name}") for name in _TIMES),
            *(f"{alias}.{name}" for name in _TEXTS),
        ]
    )


WIDTH = 2 + len(_IDENTIFIERS) + len(_TIMES) + len(_TEXTS)  # columns that `columns_as_text` selects


def is_whole(row: tuple[Any, ...]) -> bool:
    """Tell whether a row fits itself: body and hash, canonical form, columns. Fast, and says no when in doubt."""
    body: str = row[0]
    if hashlib.sha256(b"\x00" + body.encode()).hexdigest() != row[1]:
        return False
    try:
        content = _decode(body)
        return row[2:] == _expected(content) and bool(_encode(content) == body)
    except (KeyError, TypeError, ValueError, RecursionError):
        return False


def _expected(content: dict[str, Any]) -> tuple[Any, ...]:
    actor, source, subject = content["actor"], content["source"], content["subject"]
    return (
        content["id"],
        *(subject[name] for name in _IDENTIFIERS[1:]),
        *(content[name] for name in _TIMES),
        *(content[name] for name in _TEXTS[:4]),
        *(actor[name] for name in ("kind", "id", "name", "role")),
        *(source[name] for name in ("ip", "user_agent", "request_id", "where")),
        subject["other"],
        content["number_in_conversation"],
        content["previous_in_conversation"],
    )


def faults_of(record: AuditRecord) -> list[str]:
    """Return a sentence for each way in which the stored record contradicts itself; none when it is whole."""
    faults = []
    if leaf_hash(record.body) != record.leaf_hash:
        faults.append("The text of the record does not fit its hash.")
    try:
        expected = columns(canonical.decode(record.body))  # type: ignore[arg-type]  # other shapes are caught below
    except canonical.NotCanonical as error:
        return [*faults, f"The text of the record is not canonical: {error}."]
    except (KeyError, TypeError, ValueError):
        return [*faults, "The text of the record lacks what each record has."]
    differing = [name for name, value in expected.items() if getattr(record, name) != value]
    return [*faults, *(f"The column {name} differs from the text of the record." for name in differing)]


def faults_in_chain(record: AuditRecord, *, previous: AuditRecord | None) -> list[str]:
    """Return a sentence for each way in which `record` does not follow `previous` in its conversation."""
    if record.number_in_conversation is None or record.number_in_conversation == 1:
        return []
    if previous is None:
        return [f"Record {record.number_in_conversation - 1} of this call is missing."]
    if previous.leaf_hash != record.previous_in_conversation:
        return ["The record before this one in the call is not the one that this record names."]
    return []
