"""Notification channels: who listens to which topics, and the frames that they get."""

import asyncio
import json
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from injections.genesys.simulator.api_errors import ApiError, invalid_value
from injections.genesys.simulator.calls import Call
from injections.genesys.simulator.shapes import call_event, queue_topic, timestamp

MOST_CHANNELS = 20
MOST_TOPICS = 1000
_CHANNEL_LIFE = timedelta(hours=24)
_SHUFFLED_TOGETHER = 4
HEARTBEAT = {"topicName": "channel.metadata", "eventBody": {"message": "WebSocket Heartbeat"}}
PONG = {"topicName": "channel.metadata", "eventBody": {"message": "pong"}}
CLOSING = {
    "topicName": "v2.system.socket_closing",
    "eventBody": {"message": "The socket is closing. Please reconnect."},
}
# What a socket is told when it is to end: None closes it properly, DROP just cuts it.
DROP = "\0drop"
_FAULTS = {"none", "silent", "repeat", "shuffle", "drop", "closing", "garbage"}


@dataclass(slots=True)
class Channel:
    """One channel; `frames` is what waits to be sent to its socket while one is connected."""

    id: str
    expires_at: datetime
    topics: list[str] = field(default_factory=list)
    frames: asyncio.Queue[str | None] | None = None


class Notifications:
    """All channels. There is no replay: what happens while no socket is connected is lost."""

    def __init__(self, *, clock: Callable[[], datetime], rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self._channels: dict[str, Channel] = {}
        self._fault = "none"
        self._held_back: list[tuple[Channel, str]] = []

    # --- channels and subscriptions --------------------------------------------------------------------

    def open(self) -> Channel:
        """Open a channel; the oldest one without a socket makes room for the one too many.

        Raises:
            ApiError: 400 when all channels that one may have are connected.
        """
        if len(self._channels) >= MOST_CHANNELS:
            idle = [channel for channel in self._channels.values() if channel.frames is None]
            if not idle:
                raise ApiError(400, code="notification.too.many.channels", message="Too many open channels.")
            del self._channels[idle[0].id]
        channel = Channel(f"streaming-{uuid.uuid4()}", self._clock() + _CHANNEL_LIFE)
        self._channels[channel.id] = channel
        return channel

    def channel(self, channel_id: str) -> Channel:
        """Find a channel.

        Raises:
            ApiError: 404 when it does not exist or has expired.
        """
        channel = self._channels.get(channel_id)
        if channel is None or channel.expires_at <= self._clock():
            raise ApiError(404)
        return channel

    def subscribe(self, channel: Channel, topics: list[str], *, replace: bool) -> None:
        """Add topics to a channel, or replace those that it has.

        Raises:
            ApiError: 400 for more than 1,000 topics.
        """
        wanted = [*dict.fromkeys([*([] if replace else channel.topics), *topics])]
        if len(wanted) > MOST_TOPICS:
            raise ApiError(400, code="notification.topic.limit", message=f"More than {MOST_TOPICS} topics.")
        channel.topics = wanted

    def describe(self, channel: Channel, *, host: str) -> dict[str, Any]:
        """Show a channel as the platform does."""
        return {
            "connectUri": f"ws://{host}/channels/{channel.id}",
            "id": channel.id,
            "expires": timestamp(channel.expires_at),
        }

    def channels(self) -> list[Channel]:
        """List all channels."""
        return [*self._channels.values()]

    # --- sockets ---------------------------------------------------------------------------------------

    def attach(self, channel: Channel) -> asyncio.Queue[str | None]:
        """Connect a socket to a channel; the one before it is closed."""
        if channel.frames is not None:
            channel.frames.put_nowait(None)
        channel.frames = asyncio.Queue()
        return channel.frames

    def detach(self, channel: Channel, frames: asyncio.Queue[str | None]) -> None:
        """Take a socket off its channel."""
        if channel.frames is frames:
            channel.frames = None

    @property
    def is_silent(self) -> bool:
        """Tell whether sockets say nothing at all at the moment, not even heartbeats."""
        return self._fault == "silent"

    # --- what happens ----------------------------------------------------------------------------------

    def on_change(self, call: Call) -> None:
        """Tell the listeners of a call's queue what it looks like now."""
        topic = queue_topic(call.queue.id)
        listening = [c for c in self._channels.values() if c.frames is not None and topic in c.topics]
        if not listening or self.is_silent:
            return
        frame = json.dumps(call_event(call, correlation_id=str(uuid.uuid4())), ensure_ascii=False)
        for channel in listening:
            self._send(channel, frame)

    def _send(self, channel: Channel, frame: str) -> None:
        if self._fault == "shuffle":
            self._held_back.append((channel, frame))
            if len(self._held_back) < _SHUFFLED_TOGETHER:
                return
            self._rng.shuffle(self._held_back)
            self._release()
            return
        for _ in range(2 if self._fault == "repeat" else 1):
            if channel.frames is not None:
                channel.frames.put_nowait(frame)

    def _release(self) -> None:
        for channel, frame in self._held_back:
            if channel.frames is not None:
                channel.frames.put_nowait(frame)
        self._held_back.clear()

    def misbehave(self, fault: str) -> None:
        """Make notifications misbehave.

        `silent`, `repeat` and `shuffle` last until `none`; `drop`, `closing` and `garbage` happen once, to
        every connected socket.

        Raises:
            ApiError: 400 for an unknown fault.
        """
        if fault not in _FAULTS:
            raise invalid_value("fault", fault, ", ".join(sorted(_FAULTS)))
        once = {"drop": DROP, "closing": json.dumps(CLOSING), "garbage": '{"topicName": '}.get(fault)
        if once is None:
            self._fault = fault
            self._release()
            return
        for channel in self._channels.values():
            if channel.frames is not None:
                channel.frames.put_nowait(once)
