"""Playing a recording into a call: fetch it, decode it, let it last, tell what came of it."""

import asyncio
import hashlib
import io
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from injections.genesys.simulator.calls import Call
from injections.genesys.simulator.commands import PlayOrder
from injections.genesys.simulator.ledger import Entry
from injections.genesys.simulator.outgoing import NotFetched, fetch, run_in_thread
from injections.genesys.simulator.shapes import timestamp
from injections.genesys.simulator.webhooks import COMPLETED, Webhooks

logger = logging.getLogger(__name__)
_BLOCK_FRAMES = 65_536


class NotDecoded(Exception):
    """The bytes are not a recording that can be played."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What the bytes turned out to be."""

    codec: str
    sample_rate: int
    channels: int
    duration_ms: int

    def __str__(self) -> str:
        return f"{self.codec} {self.sample_rate} Hz {self.channels} ch {self.duration_ms} ms"


def decode(content: bytes) -> Recording:
    """Decode a whole recording by its bytes, whatever its name says.

    Raises:
        NotDecoded: unknown format, broken, or without a single frame.
    """
    import soundfile  # loads numpy: too slow for the start of a process that may never play

    try:
        with soundfile.SoundFile(io.BytesIO(content)) as sound:
            # Read to the end, not as far as the header says: only what decodes can be played.
            frames = sum(iter(lambda: len(sound.read(_BLOCK_FRAMES, dtype="float32")), 0))
            codec, rate, channels = f"{sound.format}/{sound.subtype}", sound.samplerate, sound.channels
    except (soundfile.SoundFileError, RuntimeError, ValueError) as error:
        raise NotDecoded(f"the recording could not be decoded: {error}") from error
    if frames == 0:
        raise NotDecoded("the recording is empty")
    return Recording(codec, rate, channels, round(frames * 1000 / rate))


class Player:
    """Play accepted commands, `speed` times as fast as in life."""

    def __init__(self, *, webhooks: Webhooks, clock: Callable[[], datetime], speed: float) -> None:
        self._webhooks = webhooks
        self._clock = clock
        self._speed = speed
        # What is playing, with its call and what tells it that the call has ended.
        self._playing: dict[asyncio.Task[None], tuple[str, asyncio.Event]] = {}
        self.withhold_events = False
        self.event_delay_s = 0.0

    def on_change(self, call: Call) -> None:
        """Notice that a call has ended."""
        for conversation_id, hang_up in self._playing.values():
            if conversation_id == call.id and not call.is_live:
                hang_up.set()

    def start(self, entry: Entry, order: PlayOrder) -> None:
        """Begin to play, and return at once."""
        hang_up = asyncio.Event()
        task = asyncio.get_running_loop().create_task(self._play(entry, order, hang_up))
        self._playing[task] = (entry.conversation_id, hang_up)
        task.add_done_callback(self._playing.pop)

    async def stop(self) -> None:
        """Drop everything that is playing."""
        for task in self._playing:
            task.cancel()
        await asyncio.gather(*self._playing, return_exceptions=True)

    async def _play(self, entry: Entry, order: PlayOrder, hang_up: asyncio.Event) -> None:
        outcome = "failed"
        try:
            recording = await self._fetch_and_decode(entry, order)
            outcome = await self._last(entry, min(recording.duration_ms, order.max_duration_ms), hang_up)
        except (NotFetched, NotDecoded) as error:
            entry.failure = str(error)
        ended_at = self._clock()
        entry.completed_at, entry.outcome = timestamp(ended_at), outcome
        logger.info("%s", describe(entry))
        if not self.withhold_events:
            await asyncio.sleep(self.event_delay_s)
            entry.deliveries += await self._webhooks.deliver(completion_event(entry, ended_at))

    async def _fetch_and_decode(self, entry: Entry, order: PlayOrder) -> Recording:
        content = await run_in_thread(lambda: fetch(order.source_url))
        entry.fetched_bytes = len(content)
        entry.sha256 = hashlib.sha256(content).hexdigest()
        recording = await run_in_thread(lambda: decode(content))
        entry.decoded, entry.clip_ms = str(recording), recording.duration_ms
        return recording

    async def _last(self, entry: Entry, length_ms: int, hang_up: asyncio.Event) -> str:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await asyncio.wait_for(hang_up.wait(), length_ms / 1000 / self._speed)
        except TimeoutError:
            entry.played_ms = length_ms
            return "completed"
        entry.played_ms = min(length_ms, round((loop.time() - began) * 1000 * self._speed))
        return "call_ended"


def completion_event(entry: Entry, now: datetime, *, outcome: str | None = None) -> dict[str, Any]:
    """Build the completion event of a command; `outcome` says something else than what is so."""
    return {
        "id": str(uuid.uuid4()),
        "event": COMPLETED,
        "conversationId": entry.conversation_id,
        "participantId": entry.participant_id,
        "interactionId": entry.interaction_id,
        "outcome": outcome if outcome is not None else entry.outcome,
        "timestamp": timestamp(now),
    }


def describe(entry: Entry) -> str:
    """Tell in one line what became of a command."""
    said = [f"play {entry.interaction_id} in call {entry.conversation_id}:"]
    if entry.fetched_bytes is not None:
        said.append(f"fetched {entry.fetched_bytes} bytes,")
    if entry.decoded is not None:
        said.append(f"decoded {entry.decoded},")
    if entry.sha256 is not None:
        said.append(f"sha256 {entry.sha256},")
    if entry.played_ms is not None:
        said.append(f"played {entry.played_ms} ms,")
    if entry.failure is not None:
        said.append(f"{entry.failure},")
    return " ".join([*said, f"outcome {entry.outcome}"])
