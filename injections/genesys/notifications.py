"""The push channel: events as they come, silence noticed, a clean end on request.

Source: genesys-platform.md, "Finding live calls": a heartbeat about every 30 s on `channel.metadata`,
`v2.system.socket_closing` about a minute before the end, and no replay of anything.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from .errors import ChannelLost
from .payload import is_loopback

HEARTBEAT_TOPIC = "channel.metadata"
CLOSING_TOPIC = "v2.system.socket_closing"
MAX_MESSAGE_BYTES = 4_000_000
# How often `stop` is looked at while nothing comes.
STOP_INTERVAL_S = 0.25


@dataclass(frozen=True, slots=True)
class Notification:
    """One frame. `kind` is `event`, `heartbeat` or `closing`: then open another channel within a minute."""

    kind: str
    topic: str
    body: Mapping[str, Any]
    correlation_id: str | None


def parse_notification(frame: str | bytes) -> Notification | None:
    """Read one frame of the channel; None when it is not one."""
    try:
        raw = json.loads(frame)
    except (ValueError, RecursionError):
        return None
    topic = raw.get("topicName") if isinstance(raw, dict) else None
    if not isinstance(topic, str):
        return None
    body, metadata = raw.get("eventBody"), raw.get("metadata")
    found = metadata.get("CorrelationId") if isinstance(metadata, dict) else None
    kind = {HEARTBEAT_TOPIC: "heartbeat", CLOSING_TOPIC: "closing"}.get(topic, "event")
    return Notification(
        kind=kind,
        topic=topic,
        body=body if isinstance(body, dict) else {},
        correlation_id=found if isinstance(found, str) else None,
    )


def listen(
    connect_uri: str, *, stop: threading.Event, timeout: float, connect_timeout: float = 5.0
) -> Iterator[Notification]:
    """Yield what the channel sends, heartbeats too, until `stop` is set.

    `timeout` is the longest silence in seconds (65 allows one lost heartbeat). Raises ChannelLost when
    the channel cannot be opened, falls silent, closes or breaks; then take a snapshot.
    """
    _check_address(connect_uri)
    try:
        # No proxy: like every other request, this depends on the portal's configuration alone.
        channel = connect(
            connect_uri, open_timeout=connect_timeout, close_timeout=1.0,
            max_size=MAX_MESSAGE_BYTES, proxy=None, ping_interval=None,
        )  # fmt: skip
    except (OSError, WebSocketException, ValueError):
        raise ChannelLost("The platform's push channel could not be opened.") from None
    with channel:
        while not stop.is_set():
            frame = _next_frame(channel, stop=stop, timeout=timeout)
            notification = None if frame is None else parse_notification(frame)
            if notification is not None:
                yield notification


def _next_frame(channel: ClientConnection, *, stop: threading.Event, timeout: float) -> str | bytes | None:
    """Return the next frame, or None once `stop` is set. Raises ChannelLost."""
    silent = 0.0
    while not stop.is_set():
        step = min(STOP_INTERVAL_S, timeout - silent)
        try:
            return channel.recv(timeout=max(step, 0.0))
        except TimeoutError:
            silent += step
        except (OSError, WebSocketException):
            raise ChannelLost("The platform closed its push channel.") from None
        if silent >= timeout:
            raise ChannelLost(f"The platform's push channel was silent for {timeout:g} seconds.")
    return None


def _check_address(connect_uri: str) -> None:
    parts = urlsplit(connect_uri)
    if parts.scheme == "wss" or (parts.scheme == "ws" and is_loopback(parts.hostname or "")):
        return
    raise ChannelLost("The platform named a push channel that is not encrypted; it is not opened.")
