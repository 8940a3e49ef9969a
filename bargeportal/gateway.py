"""Runs Django behind ASGI with one crossing from the event loop to a thread and back (decision 0002).

Django's own ASGI handler crosses several times a request, and its threads live as long as a request, so
each opens a database connection of its own. Here the event loop reads the body; then one thread of a fixed
pool runs Django's synchronous stack from the first signal to the rendered answer. The threads stay, and so
do their connections.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from time import perf_counter
from typing import IO, Any, Final, TypeVar

from django.conf import settings
from django.core import signals
from django.core.handlers.asgi import ASGIRequest, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.http import (
    HttpResponseBadRequest,
    HttpResponseBase,
    HttpResponseServerError,
    StreamingHttpResponse,
)
from django.urls import set_script_prefix

from bargeportal.bodies import BodyRefused, ClientGone, Receive, Scope, Send, read_body

_CHUNK: Final = 1024 * 1024  # of a streamed answer, per crossing: a recording leaves in one
_TOLD_BY_THE_VIEW: Final = frozenset(
    {"/inject"}
)  # it answers, and records, whatever was wrong with a request
_CLOSE: Final = (b"Connection", b"close")  # what is left of the body is not read
_logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(slots=True)
class Answer:
    """What goes to the client: the head, the first bytes, and `rest` where the answer is a long stream."""

    status: int
    headers: list[tuple[bytes, bytes]]
    first: bytes
    rest: StreamingHttpResponse | None = None


class Gateway(BaseHandler):
    """The ASGI application that answers HTTP requests with Django's synchronous stack."""

    def __init__(self, *, threads: int, most_body_bytes: int = 30_000_000, body_within_s: float = 60) -> None:
        super().__init__()
        self.load_middleware()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="request")
        # A platform that hangs may hold every thread; that the portal lives must be told all the same.
        self._reserve = ThreadPoolExecutor(1, thread_name_prefix="health")
        self._most_body_bytes = most_body_bytes
        self._body_within_s = body_within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        received_at = perf_counter()
        refusal: BodyRefused | None = None
        try:
            body = await read_body(
                scope,
                receive,
                most_bytes=self._most_body_bytes,
                in_memory_bytes=settings.FILE_UPLOAD_MAX_MEMORY_SIZE,
                within_s=self._body_within_s,
            )
        except ClientGone:
            return
        except BodyRefused as found:
            if scope["path"] not in _TOLD_BY_THE_VIEW:
                await _send_refusal(found, send)
                return
            body, refusal = BytesIO(), found
        pool = self._reserve if scope["path"] == "/health" else self._pool
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(pool, self._answer, scope, body, received_at, refusal)
        if refusal is not None:
            answer.headers.append(_CLOSE)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.first, "more_body": answer.rest is not None})
        if answer.rest is not None:
            await self._stream(answer.rest, receive, send)

    async def in_thread(self, function: Callable[..., T], *args: Any) -> T:
        """Run `function` in one of the pool's threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *args)

    def close(self) -> None:
        """Take no more work. Requests under way end by themselves."""
        for pool in (self._pool, self._reserve):
            pool.shutdown(wait=False, cancel_futures=True)

    def _answer(
        self, scope: Scope, body: IO[bytes], received_at: float, refusal: BodyRefused | None
    ) -> Answer:
        """Answer one request, wholly within this thread."""
        with body:
            set_script_prefix(get_script_prefix(scope))
            signals.request_started.send(sender=type(self), scope=scope)
            response = self._respond(scope, body, received_at, refusal)
            response._handler_class = type(self)  # type: ignore[attr-defined]  # the sender of request_finished
            try:
                answer = _answer_of(response)
            except BaseException:
                response.close()
                raise
            if answer.rest is None:
                response.close()
            return answer

    def _respond(
        self, scope: Scope, body: IO[bytes], received_at: float, refusal: BodyRefused | None
    ) -> HttpResponseBase:
        try:
            request = ASGIRequest(_with_length(scope, body), body)
        except UnicodeDecodeError:
            return HttpResponseBadRequest("The address is not valid UTF-8.", content_type="text/plain")
        request.received_at = received_at  # type: ignore[attr-defined]
        if refusal is not None:
            request.body_refused = (refusal.status, refusal.sentence)  # type: ignore[attr-defined]
        try:
            return self.get_response(request)
        except Exception:
            _logger.exception("the page that tells of an error failed itself")
            return HttpResponseServerError("Internal Server Error", content_type="text/plain")

    async def _stream(self, response: StreamingHttpResponse, receive: Receive, send: Send) -> None:
        """Send the rest of a stream until it ends or the client is gone.

        No thread waits for a slow client; so another thread may continue a synchronous stream, which must not
        hold a database cursor.
        """
        gone = asyncio.ensure_future(_wait_until_gone(receive))
        try:
            if response.is_async:
                async for part in response:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                    if gone.done():
                        return
            else:
                parts, more = iter(response), True
                while more and not gone.done():
                    chunk, more = await self.in_thread(_take, parts)
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            await self.in_thread(response.close)


def _with_length(scope: Scope, body: IO[bytes]) -> Scope:
    """Return `scope` with the length of the body that was read: one in chunks declares none, which counts as empty."""
    size = body.seek(0, SEEK_END)
    body.seek(0)
    headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
    return {**scope, "headers": [*headers, (b"content-length", b"%d" % size)]}


def _answer_of(response: HttpResponseBase) -> Answer:
    headers = [(name.encode("ascii"), value.encode("latin1")) for name, value in response.items()]
    headers += [
        (b"Set-Cookie", cookie.OutputString().encode("ascii")) for cookie in response.cookies.values()
    ]
    if not isinstance(response, StreamingHttpResponse):
        return Answer(response.status_code, headers, response.content)  # type: ignore[attr-defined]
    if response.is_async:
        return Answer(response.status_code, headers, b"", response)
    first, more = _take(iter(response))
    return Answer(response.status_code, headers, first, response if more else None)


def _take(parts: Iterator[bytes]) -> tuple[bytes, bool]:
    """Return about `_CHUNK` bytes and whether there may be more."""
    chunk = bytearray()
    for part in parts:
        chunk += part
        if len(chunk) >= _CHUNK:
            return bytes(chunk), True
    return bytes(chunk), False


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_refusal(refusal: BodyRefused, send: Send) -> None:
    _logger.warning("refused a request before reading it: %s %s", refusal.status, refusal.sentence)
    headers = [(b"Content-Type", b"text/plain; charset=utf-8"), _CLOSE]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": refusal.sentence.encode()})
