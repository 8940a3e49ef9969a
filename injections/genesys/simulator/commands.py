"""The play command: what the voice-interactions profile lets through, field by field."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from injections.genesys.simulator.api_errors import invalid_value

_LONGEST_MS = 30_000
_LONGEST_URL = 4096
_EXTENSIONS = (".wav", ".mp3", ".ogg")
_DURATION = re.compile(
    r"PT(?=[0-9])(?:(?P<h>[0-9]{1,4})H)?(?:(?P<m>[0-9]{1,4})M)?(?:(?P<s>[0-9]{1,6})(?:\.(?P<f>[0-9]{1,3}))?S)?\Z"
)
_FIELDS = ("type", "sourceType", "sourceUrl", "mute", "maxDuration")


@dataclass(frozen=True, slots=True)
class PlayOrder:
    """A command that was let through."""

    source_url: str
    mute: bool
    max_duration_ms: int


def parse_play_order(body: Mapping[str, Any]) -> PlayOrder:
    """Check a command strictly.

    Raises:
        ApiError: 400 naming the field that is wrong, missing or unknown.
    """
    for name in body:
        if name not in _FIELDS:
            raise invalid_value(name, body[name], "no such field")
    if body.get("type") != "play":
        raise invalid_value("type", body.get("type"), "play")
    if body.get("sourceType") != "url":
        raise invalid_value("sourceType", body.get("sourceType"), "url")
    if not isinstance(body.get("mute"), bool):
        raise invalid_value("mute", body.get("mute"), "true, false")
    return PlayOrder(
        source_url=_source_url(body.get("sourceUrl")),
        mute=body["mute"],
        max_duration_ms=_milliseconds(body.get("maxDuration")),
    )


def is_loopback(host: str | None) -> bool:
    """Tell whether a host is this machine."""
    if host is None or host == "localhost":
        return host is not None
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def reaches_a_host(url: str) -> bool:
    """Tell whether this is an https URL with a host, or an http URL of this machine."""
    if not url.isascii() or not url.isprintable() or len(url) > _LONGEST_URL or " " in url or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return host is not None and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))


def _source_url(value: object) -> str:
    if (
        isinstance(value, str)
        and reaches_a_host(value)
        and urlsplit(value).path.lower().endswith(_EXTENSIONS)
    ):
        return value
    allowed = "an https URL (http for this machine alone) whose path ends in .wav, .mp3 or .ogg"
    raise invalid_value("sourceUrl", value, allowed)


def _milliseconds(value: object) -> int:
    fit = _DURATION.match(value) if isinstance(value, str) else None
    if fit is None:
        raise invalid_value("maxDuration", value, "an ISO 8601 duration such as PT15S or PT0.5S")
    hours, minutes, seconds = (int(fit[unit] or 0) for unit in "hms")
    total = ((hours * 60 + minutes) * 60 + seconds) * 1000 + int((fit["f"] or "0").ljust(3, "0"))
    if not 1 <= total <= _LONGEST_MS:
        raise invalid_value("maxDuration", value, "PT0.001S to PT30S")
    return total
