"""Reads the body of a request as it arrives, bounded in size and time, before a thread is given to it."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, MutableMapping
from typing import IO, Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class BodyRefused(Exception):
    """The body cannot be taken; `status` and the sentence are for the client."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class ClientGone(Exception):
    """The client hung up before its body was complete."""


async def read_body(
    scope: Scope, receive: Receive, *, most_bytes: int, in_memory_bytes: int, within_s: float
) -> IO[bytes]:
    """Return the body of the request as a file at its start, kept on disk above `in_memory_bytes`.

    Raises:
        BodyRefused: longer than `most_bytes` (413, by its declared length before a byte is read), a length
            that is no number (400), or slower than `within_s` (408).
        ClientGone: the client hung up.
    """
    if _declared_length(scope) > most_bytes:
        raise _too_long(most_bytes)
    body: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=in_memory_bytes)  # noqa: SIM115  the caller closes it
    try:
        async with asyncio.timeout(within_s):
            await _fill(body, receive, most_bytes)
    except TimeoutError:
        body.close()
        raise BodyRefused(408, f"The request took over {within_s:g} seconds. Send it again.") from None
    except BaseException:
        body.close()
        raise
    body.seek(0)
    return body


async def _fill(body: IO[bytes], receive: Receive, most_bytes: int) -> None:
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most_bytes:
            raise _too_long(most_bytes)
        body.write(chunk)
        more = message.get("more_body", False)


def _declared_length(scope: Scope) -> int:
    value = dict(scope["headers"]).get(b"content-length", b"0")
    if not value.isdigit():
        raise BodyRefused(400, "Content-Length must be a whole number.")
    return int(value)


def _too_long(most_bytes: int) -> BodyRefused:
    return BodyRefused(413, f"The request is longer than {most_bytes // 1_000_000} MB. Send a shorter one.")
