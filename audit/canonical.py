"""Canonical bytes: one value, one text, one hash. A restricted RFC 8785 (JSON Canonicalization Scheme).

Allowed are objects with printable ASCII keys, arrays, strings, booleans, null, integers within ±(2^53 - 1)
and, on input only, aware times. Numbers with a fraction are refused, since two languages seldom print them
alike. What `encode` gives is stored and hashed as it is, and never serialised anew.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Json = str | int | bool | None | list[Any] | dict[str, Any]

LARGEST_INTEGER = 2**53 - 1  # RFC 8785 section 3.2.2.3 by way of RFC 7493 section 2.2
DEEPEST = 32  # levels; far more than any record needs, far less than the interpreter's stack

# NUL cannot be stored in PostgreSQL, a lone surrogate has no UTF-8, and a bidirectional control makes a
# reader see other words than those that were hashed (Unicode's property Bidi_Control).
_REFUSED = re.compile("[\x00\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# In text from outside the other control characters are shown as well: they would act in a terminal or a log.
_SHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_ELLIPSIS = "…"


class NotCanonical(ValueError):
    """A value without a canonical form, or a text not in it. `path` is a JSON path such as `$.a[0]`."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def encode(value: object) -> str:
    """Return the canonical text of `value`.

    Strings are normalised to NFC, times to UTC with six digits of a second.

    Raises:
        NotCanonical: a value that must not stand in a record; the message names its place.
    """
    # The standard encoder escapes exactly as RFC 8785 section 3.2.2.2 asks, and sorting ASCII keys by code
    # point is the same as the RFC's sorting by UTF-16 unit.
    return json.dumps(
        _plain(value, "$", 0), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )


def decode(text: str) -> Json:
    """Return the value of a canonical text.

    Raises:
        NotCanonical: not JSON, a key given twice, or a text other than the one that `encode` makes of its
            value.
    """
    try:
        raw = json.loads(
            text, object_pairs_hook=_Pairs, parse_float=_refuse_number, parse_constant=_refuse_number
        )
    except NotCanonical:
        raise
    except (ValueError, RecursionError) as error:
        raise NotCanonical("$", f"not JSON: {error}") from error
    value: Json = _unique(raw, "$", 0)
    if encode(value) != text:
        raise NotCanonical("$", "the text is not in canonical form")
    return value


def format_time(at: datetime) -> str:
    """Return `at` as UTC, `YYYY-MM-DDTHH:MM:SS.ffffffZ`, always with six digits.

    Raises:
        ValueError: `at` names no time zone.
    """
    if at.utcoffset() is None:
        raise ValueError("a time without a zone")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def clean_text(text: object, *, limit: int = 500) -> str:
    """Return `text` in a form that can be recorded, whatever it holds.

    Unrecordable characters are made visible as `\\u{202E}`, the text is NFC and at most `limit` characters
    long, of which the last is an ellipsis when it was cut. Applying it twice changes nothing.
    """
    whole = str(text)
    # Normalisation makes at most four characters one; the rest of megabytes is not looked at.
    head = whole[: 4 * limit]
    shown = _SHOWN.sub(lambda match: f"\\u{{{ord(match[0]):04X}}}", head)
    normal = unicodedata.normalize("NFC", shown)
    if len(normal) <= limit and len(head) == len(whole):
        return normal
    return normal[: limit - 1] + _ELLIPSIS


def clean_value(value: object, *, limit: int = 500, depth: int = 6) -> Json:
    """Return any JSON value from outside in a form that can be recorded.

    Texts are cut at `limit` characters, collections at 50 members, nesting at `depth` levels; numbers that
    have no canonical form become their text.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= LARGEST_INTEGER:
        return int(value)
    if depth > 0 and isinstance(value, Mapping):
        return {
            _clean_key(key): clean_value(member, limit=limit, depth=depth - 1)
            for key, member in list(value.items())[:50]
        }
    if depth > 0 and isinstance(value, list | tuple):
        return [clean_value(member, limit=limit, depth=depth - 1) for member in value[:50]]
    if isinstance(value, int):
        return f"{value:#x}"[:limit]  # hexadecimal: a long decimal is slow to print, or refused
    return clean_text(value, limit=limit)


class _Pairs(list[tuple[str, Any]]):
    """An object as it was read: its members in order, those of the same name not yet merged."""


def _refuse_number(text: str) -> None:
    raise NotCanonical("$", f"{text[:40]} is not an integer")


def _clean_key(key: object) -> str:
    return ascii(clean_text(key, limit=60))[1:-1]


def _plain(value: object, path: str, depth: int) -> Json:
    """Return `value` with only JSON's own types in it, checked and normalised."""
    if isinstance(value, str):
        return _text(value, path)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _integer(value, path)
    if depth >= DEEPEST:
        raise NotCanonical(path, f"deeper than {DEEPEST} levels")
    if isinstance(value, Mapping):
        return {_key(key, path): _plain(member, f"{path}.{key}", depth + 1) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member, f"{path}[{index}]", depth + 1) for index, member in enumerate(value)]
    return _scalar(value, path)


def _scalar(value: object, path: str) -> str:
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise NotCanonical(path, "a time without a zone")
        return format_time(value)
    if isinstance(value, float):
        raise NotCanonical(path, "numbers with a fraction are not allowed: use a smaller unit or a string")
    raise NotCanonical(path, f"{type(value).__name__} has no canonical form")


def _text(value: str, path: str) -> str:
    refused = _REFUSED.search(value)
    if refused is not None:
        raise NotCanonical(path, f"U+{ord(refused[0]):04X} at character {refused.start()} is not allowed")
    return unicodedata.normalize("NFC", value)


def _integer(value: int, path: str) -> int:
    if abs(value) > LARGEST_INTEGER:
        raise NotCanonical(path, "an integer beyond ±(2^53 - 1)")
    return int(value)


def _key(key: object, path: str) -> str:
    if not isinstance(key, str) or not key.isascii() or not key.isprintable():
        raise NotCanonical(path, f"the key {ascii(key)[:60]} is not printable ASCII")
    return key


def _unique(value: Any, path: str, depth: int) -> Any:
    """Turn what was read into dictionaries, refusing a name that is given twice."""
    if depth > DEEPEST:
        raise NotCanonical(path, f"deeper than {DEEPEST} levels")
    if isinstance(value, _Pairs):
        members: dict[str, Any] = {}
        for key, member in value:
            if key in members:
                raise NotCanonical(f"{path}.{key}", "the key is given twice")
            members[key] = _unique(member, f"{path}.{key}", depth + 1)
        return members
    if isinstance(value, list):
        return [_unique(member, f"{path}[{index}]", depth + 1) for index, member in enumerate(value)]
    return value
