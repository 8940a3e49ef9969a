"""A small HTTP/1.1 server over asyncio and h11 that can also misbehave on purpose.

An ordinary ASGI server hides the connection, and the faults that matter here (reset before an answer, a
dropped connection after the work was done, half an answer) are made on the connection.
"""

import asyncio
import logging
import socket
import struct
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress

import h11

from injections.genesys.simulator.api_errors import ApiError
from injections.genesys.simulator.messages import Delivery, Request, Response

App = Callable[[Request], Awaitable[Response]]
Upgrade = Callable[[Request, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
MAX_BODY_BYTES = 3_145_728
_READ_BYTES = 65_536
_HEAR_OUT_S = 2.0
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_GARBAGE = b"\x16\x03\x01 this is not HTTP \xff\xfe\x00\r\n\r\n"

logger = logging.getLogger(__name__)


class HttpServer:
    """Serve `app` on one port; hand WebSocket requests to `upgrade`."""

    def __init__(self, *, app: App, upgrade: Upgrade) -> None:
        self._app = app
        self._upgrade = upgrade
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, *, host: str, port: int) -> int:
        """Listen, and give the port in use.

        Raises:
            OSError: the address cannot be listened on.
        """
        self._server = await asyncio.start_server(self._accept, host, port, backlog=512)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and drop every connection at once."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._tasks.add(task)
        raw_socket = writer.get_extra_info("socket")
        raw_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await self._converse(_Connection(reader, writer))
        except (OSError, asyncio.CancelledError, h11.LocalProtocolError):
            logger.debug("connection dropped")
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _converse(self, connection: "_Connection") -> None:
        while True:
            try:
                request = await connection.read_request()
            except ApiError as error:
                await connection.send(error.response(str(uuid.uuid4())))
                await connection.hear_out()
                return
            if request is None:
                return
            if request.headers.get("upgrade", "").lower() == "websocket":
                await self._upgrade(request, connection.reader, connection.writer)
                return
            response = await self._app(request)
            if not await connection.send(response):
                return


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=_READ_BYTES)

    async def _next_event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self._h11.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]  # h11 types the sentinels as metaclass instances
            if self._h11.they_are_waiting_for_100_continue:
                proceed = self._h11.send(h11.InformationalResponse(status_code=100, headers=[]))
                self.writer.write(proceed or b"")
            self._h11.receive_data(await self.reader.read(_READ_BYTES))

    async def read_request(self) -> Request | None:
        """Read one request to the end of its body; None when the client has gone."""
        try:
            head = await self._next_event()
            if not isinstance(head, h11.Request):
                return None
            received_at = asyncio.get_running_loop().time()
            _check_size(int(dict(head.headers).get(b"content-length", b"0")))
            body = await self._read_body()
        except h11.RemoteProtocolError as error:
            raise ApiError(400) from error
        peer = self.writer.get_extra_info("peername")
        return Request(
            method=head.method.decode("ascii"),
            target=head.target.decode("latin-1"),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers},
            body=body,
            peer=str(peer[0]) if peer else "",
            received_at=received_at,
            correlation_id=str(uuid.uuid4()),
        )

    async def _read_body(self) -> bytes:
        body = bytearray()
        while isinstance(event := await self._next_event(), h11.Data):
            body += event.data
            _check_size(len(body))
        return bytes(body)

    async def hear_out(self) -> None:
        """Take in what the client still has to say: to close on it would reset the connection, answer and all."""
        self.writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(_HEAR_OUT_S):
                while await self.reader.read(_READ_BYTES):
                    pass

    async def send(self, response: Response) -> bool:
        """Put an answer on the wire as its delivery says; False when the connection is over."""
        match response.delivery:
            case Delivery.RESET:
                self._reset()
            case Delivery.DROP:
                self.writer.close()
            case Delivery.GARBAGE:
                self.writer.write(_GARBAGE)
                await self.writer.drain()
            case Delivery.HEADERS_ONLY:
                await self._send_headers_only(response)
            case Delivery.SLOW_BODY:
                return await self._send(response, chunk=1)
            case Delivery.NORMAL:
                return await self._send(response, chunk=None)
        return False

    def _reset(self) -> None:
        raw_socket = self.writer.get_extra_info("socket")
        # A zero linger makes the kernel send RST instead of FIN.
        raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.writer.transport.abort()

    def _head(self, response: Response) -> bytes:
        headers = [*response.headers.items(), ("Content-Length", str(len(response.body)))]
        return self._h11.send(h11.Response(status_code=response.status, headers=headers)) or b""

    async def _send_headers_only(self, response: Response) -> None:
        self.writer.write(self._head(response))
        await self.writer.drain()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.reader.read(_READ_BYTES), response.pause_s)

    async def _send(self, response: Response, *, chunk: int | None) -> bool:
        head = self._head(response)
        if chunk is None:
            # One write for head and body: two would meet delayed acknowledgements.
            self.writer.write(head + (self._h11.send(h11.Data(data=response.body)) or b""))
        else:
            self.writer.write(head)
            for start in range(0, len(response.body), chunk):
                await asyncio.sleep(response.pause_s)
                self.writer.write(self._h11.send(h11.Data(data=response.body[start : start + chunk])) or b"")
                await self.writer.drain()
        self.writer.write(self._h11.send(h11.EndOfMessage()) or b"")
        await self.writer.drain()
        if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            return False
        self._h11.start_next_cycle()
        return True


def _check_size(length: int) -> None:
    if length > MAX_BODY_BYTES:
        sizes = f"Content-Length: {length}, Maximum bytes: {MAX_BODY_BYTES}"
        raise ApiError(413, message=f"The request is over the size limit. {sizes}")
