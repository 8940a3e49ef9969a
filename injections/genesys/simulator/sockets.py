"""One WebSocket connection of a notification channel, spoken without a second port."""

import asyncio
import json
from contextlib import suppress

from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.protocol import State
from websockets.server import ServerProtocol

from injections.genesys.simulator.api_errors import ApiError
from injections.genesys.simulator.messages import Request
from injections.genesys.simulator.notifications import DROP, HEARTBEAT, PONG, Channel, Notifications

PREFIX = "/channels/"
_READ_BYTES = 65_536


class Sockets:
    """Serve the sockets of all channels."""

    def __init__(self, *, notifications: Notifications, heartbeat_s: float) -> None:
        self._notifications = notifications
        self._heartbeat_s = heartbeat_s

    async def serve(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Shake hands, then send frames until either side ends it."""
        protocol = ServerProtocol()
        # The HTTP server has read the handshake already: it is written out again for the protocol to read.
        protocol.receive_data(Handshake(request.target, Headers(list(request.headers.items()))).serialize())
        handshake = next(iter(protocol.events_received()), None)
        if not isinstance(handshake, Handshake):
            return
        channel = self._find(request)
        if channel is None:
            protocol.send_response(protocol.reject(404, "no such channel\n"))
            await _flush(protocol, writer)
            return
        protocol.send_response(protocol.accept(handshake))
        await _flush(protocol, writer)
        if protocol.state is State.OPEN:
            await self._talk(channel, protocol, reader, writer)

    def _find(self, request: Request) -> Channel | None:
        try:
            return self._notifications.channel(request.path.removeprefix(PREFIX))
        except ApiError:
            return None

    async def _talk(
        self,
        channel: Channel,
        protocol: ServerProtocol,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        frames = self._notifications.attach(channel)
        talking = [
            asyncio.ensure_future(self._speak(frames, protocol, writer)),
            asyncio.ensure_future(self._hear(frames, protocol, reader, writer)),
        ]
        try:
            await asyncio.wait(talking, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in talking:
                task.cancel()
            await asyncio.gather(*talking, return_exceptions=True)
            self._notifications.detach(channel, frames)

    async def _speak(
        self, frames: asyncio.Queue[str | None], protocol: ServerProtocol, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            frame: str | None = json.dumps(HEARTBEAT)
            with suppress(TimeoutError):
                frame = await asyncio.wait_for(frames.get(), self._heartbeat_s)
            if frame == DROP:
                writer.transport.abort()
                return
            if frame is None:
                protocol.send_close(1001, "replaced by a newer connection")
                await _flush(protocol, writer)
                return
            if not self._notifications.is_silent:
                protocol.send_text(frame.encode())
                await _flush(protocol, writer)

    async def _hear(
        self,
        frames: asyncio.Queue[str | None],
        protocol: ServerProtocol,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        while protocol.state is State.OPEN:
            data = await reader.read(_READ_BYTES)
            if not data:
                return
            protocol.receive_data(data)
            for event in protocol.events_received():
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT and _is_ping(bytes(event.data)):
                    frames.put_nowait(json.dumps(PONG))
            await _flush(protocol, writer)


def _is_ping(data: bytes) -> bool:
    try:
        document = json.loads(data)
    except ValueError:
        return False
    return isinstance(document, dict) and document.get("message") == "ping"


async def _flush(protocol: ServerProtocol, writer: asyncio.StreamWriter) -> None:
    for data in protocol.data_to_send():
        if data:
            writer.write(data)
    await writer.drain()
