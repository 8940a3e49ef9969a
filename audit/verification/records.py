"""A record against its own hash, its columns, and its neighbours."""

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from json.encoder import encode_basestring
from operator import itemgetter
from types import SimpleNamespace
from typing import Any, cast

from django.db import connection

from audit import canonical
from audit.entry import IDENTIFIERS, body, columns, leaf_hash
from audit.models import AuditRecord

# A row is compared as text: what its columns say is written as the body writes it, which takes a third of the time
# of making objects of either. What differs is looked at again by `faults_of`, which says how.
_IDENTIFIERS = ("id", *IDENTIFIERS)
_FREE = ("after", "before", "details")  # stand in no column
# How a database writes an identifier and a time; `{0}` is the column.
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


def _layout() -> tuple[str, list[str], str, list[str]]:
    """Return what the body has before and behind the free part: texts with %s, and the columns that go there.

    Found by writing a body whose values are the names of their columns.
    """
    times = {"recorded_at": datetime.min.replace(tzinfo=UTC)}
    times["occurred_at"] = times["recorded_at"] + timedelta(days=1)

    def named(prefix: str, *names: str) -> SimpleNamespace:
        return SimpleNamespace(**{name: f"@{prefix}{name}@" for name in names})

    entry = named("", "action", "outcome", "reason_code", "summary", *_FREE)
    entry.actor = named("actor_", "kind", "id", "name", "role")
    entry.source = named("source_", "ip", "user_agent", "request_id", "where")
    entry.subject = named("subject_", "other")
    entry.subject.identifiers = lambda: {name: f"@{name}@" for name in IDENTIFIERS}
    entry.occurred_at = times["occurred_at"]
    place = named("", "id", "number_in_conversation", "previous_in_conversation")
    place.recorded_at = times["recorded_at"]
    text = canonical.encode(body(cast(Any, entry), place=cast(Any, place)))
    for name, at in times.items():
        text = text.replace(canonical.format_time(at), f"@{name}@")
    head, _, rest = text.partition('"@after@"')
    tail = rest.partition('"@details@"')[2]
    slot = re.compile('"@([a-z_]+)@"')
    return slot.sub("%s", head), slot.findall(head), slot.sub("%s", tail), slot.findall(tail)


_HEAD, _HEAD_COLUMNS, _TAIL, _TAIL_COLUMNS = _layout()
# What may hold anything is quoted here, the rest by the database.
_NOT_TEXT = {
    *_IDENTIFIERS,
    "recorded_at",
    "occurred_at",
    "number_in_conversation",
    "previous_in_conversation",
}
_TEXT = [name for name in (*_HEAD_COLUMNS, *_TAIL_COLUMNS) if name not in _NOT_TEXT]
_COLUMNS = (*_TEXT, *sorted(_NOT_TEXT))
_of_head = itemgetter(*(_COLUMNS.index(name) for name in _HEAD_COLUMNS))
_of_tail = itemgetter(*(_COLUMNS.index(name) for name in _TAIL_COLUMNS))
_QUOTED_BELOW = 2 + len(_TEXT)
WIDTH = 2 + len(_COLUMNS)  # columns that `columns_as_text` selects


def columns_as_text(alias: str) -> str:
    """Return the SQL for the columns of a record, body and hash first, as `is_whole` takes them."""
    identifier, time = _FORMS[connection.vendor]
    forms = {
        **dict.fromkeys(_IDENTIFIERS, f"coalesce('\"' || {identifier} || '\"', 'null')"),
        **dict.fromkeys(("recorded_at", "occurred_at"), f"'\"' || {time} || '\"'"),
        "number_in_conversation": "coalesce(cast({0} AS text), 'null')",
        "previous_in_conversation": "coalesce('\"' || {0} || '\"', 'null')",
    }
    return ", ".join(
        forms.get(name, "{0}").format(f"{alias}.{name}") for name in ("body", "leaf_hash", *_COLUMNS)
    )


def is_whole(row: Sequence[Any]) -> bool:
    """Tell whether a row fits itself: body and hash, columns, canonical form. Fast, and says no when in doubt."""
    text = row[0]
    if not isinstance(text, str) or hashlib.sha256(b"\x00" + text.encode()).hexdigest() != row[1]:
        return False
    try:
        values = (*map(encode_basestring, row[2:_QUOTED_BELOW]), *row[_QUOTED_BELOW:])
    except TypeError:  # no text where there is always one
        return False
    head, tail = _HEAD % _of_head(values), _TAIL % _of_tail(values)
    if len(head) + len(tail) >= len(text) or not text.startswith(head) or not text.endswith(tail):
        return False
    free = f'{{"after":{text[len(head) : len(text) - len(tail)]}}}'
    try:
        content = _decode(free)
    except (ValueError, RecursionError):
        return False
    return tuple(content) == _FREE and bool(_encode(content) == free)


def _refuse(text: str) -> None:
    raise ValueError(text)


_decode = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse).decode
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def faults_of(record: AuditRecord) -> list[str]:
    """Return a sentence for each way in which the stored record contradicts itself; none when it is whole."""
    faults = []
    if not isinstance(record.body, str):  # SQLite keeps anything in any column
        return ["The text of the record is no text."]
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
