"""How the log's pages write outcomes, times, codes and values."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

# State hue and shape beside the word: no outcome is told by colour alone.
_LOOKS = {"done": ("go", "✓"), "refused": ("stop", "✕"), "failed": ("stop", "▲"), "unknown": ("unknown", "?")}


def outcome_tag(outcome: str) -> SafeString:
    """Return an outcome as a word and a shape in its hue."""
    hue, shape = _LOOKS.get(outcome, ("plain", "?"))
    return format_html(
        '<span class="tag {}"><i aria-hidden="true">{}</i> {}</span>', hue, shape, outcome.capitalize()
    )


def time_in_utc(at: datetime, precision: str) -> SafeString:
    """Return a time with its zone. The database gives UTC."""
    shown = at.replace(tzinfo=None).isoformat(" ", timespec=precision)
    return format_html('<time datetime="{}">{} UTC</time>', at.isoformat(), shown)


def breakable(code: str) -> SafeString:
    """Return `code` with places where a narrow column may break it."""
    parts = re.findall(r"[^._/-]*[._/-]?", code)
    return format_html_join(SafeString("<wbr>"), "{}", ((part,) for part in parts if part))


def in_lines(values: Mapping[str, Any], *, within: str = "") -> dict[str, Any]:
    """Return the values of an object by readable names, those of objects in it under both names."""
    lines: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{within}{key.replace('_', ' ')}"
        if isinstance(value, dict) and value:
            lines |= in_lines(value, within=f"{name}: ")
        else:
            lines[name] = value
    return lines


def shown(value: object) -> str:
    """Return a value of a record in words."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value in ("", [], {}):
        return "empty"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
