"""Connections that know whether a byte of a request has left, and that let no answer take for ever.

urllib3's own exceptions cannot tell "the pooled connection was dead before we wrote" from "the server
took the request and then died". That is the difference between sending a command again and never doing
so; so each connection notes, in the `Exchange` of its thread, the moment before the first byte leaves.
"""

import http.client
import io
import socket
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


@dataclass(slots=True)
class Exchange:
    """One request and its answer, as the connection sees it. Times are the clock's, in seconds."""

    clock: Callable[[], float]
    deadline: float
    max_idle_s: float
    sent: float | None = None
    is_over: bool = False


current_exchange: ContextVar[Exchange | None] = ContextVar("current_exchange", default=None)


class _BoundedReader(io.RawIOBase):
    """Reads a socket, each time for no longer than what is left until the exchange's deadline.

    A timeout on the socket bounds every single read only: one byte every few seconds would hold the
    caller for as long as the server likes.
    """

    def __init__(self, sock: socket.socket, exchange: Exchange) -> None:
        super().__init__()
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._timeout = sock.gettimeout()
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._exchange.deadline - self._exchange.clock()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(left if self._timeout is None else min(left, self._timeout))
        count = self._raw.readinto(buffer)
        self._exchange.is_over = self._exchange.is_over or count == 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedSocket:
    """The one thing that http.client asks of the socket it reads an answer from."""

    def __init__(self, sock: socket.socket, exchange: Exchange) -> None:
        self._sock = sock
        self._exchange = exchange

    def makefile(self, *_args: Any, **_kwargs: Any) -> io.BufferedReader:
        return io.BufferedReader(_BoundedReader(self._sock, self._exchange))


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        exchange = current_exchange.get()
        bounded: Any = sock if exchange is None else _BoundedSocket(sock, exchange)
        super().__init__(bounded, *args, **kwargs)

    def begin(self) -> None:
        """Read status and headers; refuse headers that broke off, which http.client takes for whole.

        A name or an id cut in half would pass for another one.
        """
        super().begin()
        exchange = current_exchange.get()
        if exchange is not None and exchange.is_over:
            raise http.client.IncompleteRead(b"")


class WatchedConnection(HTTPConnection):
    """A connection that marks its exchange as sent, and that is not used again after a long rest."""

    response_class = _BoundedResponse
    _used: float | None = None

    def connect(self) -> None:
        super().connect()
        self._touch()

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()  # what http.client would do one line later; a failure here has sent nothing
        exchange = current_exchange.get()
        if exchange is not None and exchange.sent is None:
            exchange.sent = exchange.clock()
        super().send(data)
        self._touch()

    @property
    def is_connected(self) -> bool:
        """False as well when it rested so long that the far end may be closing it just now."""
        exchange = current_exchange.get()
        used = self._used
        if exchange is not None and used is not None and exchange.clock() - used > exchange.max_idle_s:
            return False
        return super().is_connected

    def _touch(self) -> None:
        exchange = current_exchange.get()
        self._used = None if exchange is None else exchange.clock()


class WatchedTLSConnection(WatchedConnection, HTTPSConnection):
    """The same over TLS."""


class _WatchedPool(HTTPConnectionPool):
    ConnectionCls = WatchedConnection


class _WatchedTLSPool(HTTPSConnectionPool):
    ConnectionCls = WatchedTLSConnection


class WatchedAdapter(HTTPAdapter):
    """The requests adapter over watched connections. It never repeats anything by itself."""

    def __init__(self, *, pool_size: int) -> None:
        super().__init__(pool_connections=4, pool_maxsize=pool_size, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _WatchedPool, "https": _WatchedTLSPool}

    def open_connections(self, url: str, *, count: int, connect_timeout: float) -> int:
        """Connect until `count` connections to the address rest in the pool; return how many do.

        Opened by hand, for a request would be needed otherwise for each of them.
        Raises what urllib3 raises when it cannot connect.
        """
        request = _address_of(url)
        found = self.get_connection_with_tls_context(request, verify=True, proxies={}, cert=None)
        pool = cast(HTTPConnectionPool, found)  # what pool_classes_by_scheme gives for both schemes
        taken = [pool._get_conn() for _ in range(count)]
        try:
            for connection in taken:
                connection.timeout = connect_timeout
                if not connection.is_connected:
                    connection.connect()
        finally:
            for connection in taken:
                pool._put_conn(connection)
        return count


def _address_of(url: str) -> PreparedRequest:
    request = PreparedRequest()
    request.prepare_method("GET")
    request.prepare_url(url, None)
    return request
