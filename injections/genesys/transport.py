"""One exchange over HTTP: sent at most once, bounded in time and size, and honest about what left."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from .wire import Exchange, WatchedAdapter, current_exchange

MAX_BODY_BYTES = 1_000_000
TOTAL_TIMEOUT_S = 10.0
# A connection may rest this long. Load balancers close after 60 s and more; a closed one is noticed at
# once, so this only avoids the moment in which both ends act at the same time.
MAX_IDLE_S = 45.0

# Compression would save nothing on such answers, and opens the door to answers that swell.
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "barge-portal"}

# Everything that requests, urllib3, http.client and the socket may raise for a failed exchange.
# ValueError: a host or header that cannot be encoded, or an answer that cannot be parsed.
_FAILURES = (requests.RequestException, HTTPError, HTTPException, OSError, ValueError)


class ExchangeFailed(Exception):
    """No answer. `sent` says when the request began to leave this machine; None when no byte of it did."""

    def __init__(self, reason: str, *, sent: float | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. `body` is None when it broke off, took too long, or was larger than 1 MB."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None
    sent: float
    answered: float


class Transport:
    """Keeps the pooled connections. Safe to share between threads; make one for each process.

    Requests go to the adapter itself, past `requests.Session`: no cookies, redirects, proxies or .netrc. What is sent
    depends on the configuration alone, and a click does not pay for them.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        connect_timeout: float,
        read_timeout: float,
        pool_size: int,
        total_timeout: float,
        max_idle_s: float,
    ) -> None:
        self._clock = clock
        self._timeout = (connect_timeout, read_timeout)
        self._total_timeout = total_timeout
        self._max_idle_s = max_idle_s
        self._adapter = WatchedAdapter(pool_size=pool_size)

    def exchange(
        self,
        *,
        method: str,
        url: str,
        auth: AuthBase,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        body_timeout: float | None = None,
    ) -> Answer:
        """Send one request once and return its answer, whatever its status.

        `body_timeout` bounds the wait for the body once the headers have come (seconds), for those
        who are already told by the headers. Raises ExchangeFailed when no answer came.
        """
        with self._exchange() as exchange:
            try:
                request = requests.PreparedRequest()
                request.prepare(method, url, headers=_HEADERS, auth=auth, json=json, data=form)
                response = self._adapter.send(request, stream=True, timeout=self._timeout, verify=True)
            except _FAILURES as error:
                # Not chained: the library's exceptions hold the whole request, credentials and all.
                raise ExchangeFailed(_reason(error), sent=exchange.sent) from None
            answered = self._clock()
            if body_timeout is not None:
                exchange.deadline = min(exchange.deadline, answered + body_timeout)
            return Answer(
                status=response.status_code,
                headers=response.headers,
                body=_body(response),
                sent=answered if exchange.sent is None else exchange.sent,
                answered=answered,
            )

    def open_connections(self, url: str, *, count: int) -> int:
        """Connect ahead of need, so that the first click does not wait for it. Raises ExchangeFailed."""
        with self._exchange():
            try:
                return self._adapter.open_connections(url, count=count, connect_timeout=self._timeout[0])
            except _FAILURES as error:
                raise ExchangeFailed(_reason(error), sent=None) from None

    def close(self) -> None:
        """Close every connection."""
        self._adapter.close()

    @contextmanager
    def _exchange(self) -> Iterator[Exchange]:
        deadline = self._clock() + self._total_timeout
        exchange = Exchange(clock=self._clock, deadline=deadline, max_idle_s=self._max_idle_s)
        token = current_exchange.set(exchange)
        try:
            yield exchange
        finally:
            current_exchange.reset(token)


def _body(response: requests.Response) -> bytes | None:
    try:
        body: bytes = response.raw.read(MAX_BODY_BYTES + 1, decode_content=True)
    except _FAILURES:
        body = b"\0" * (MAX_BODY_BYTES + 1)
    if len(body) <= MAX_BODY_BYTES:
        return body
    response.close()  # what still comes in would be read as the next answer
    return None


def _reason(error: BaseException) -> str:
    """Return a few words for people; the library's own texts hold addresses and memory positions."""
    chain: list[BaseException] = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None and len(chain) < 8:
        chain.append(inner)
    names = " ".join(type(link).__name__ + " " + str(link)[:200] for link in chain)
    known = {
        "NameResolution": "the host name is unknown",
        "gaierror": "the host name is unknown",
        "SSL": "the secure connection failed",
        "Certificate": "the secure connection failed",
        "ConnectTimeout": "no connection in time",
        "Refused": "the connection was refused",
        "ConnectionReset": "the connection was reset",
        "RemoteDisconnected": "the connection was closed without an answer",
        "imeout": "no answer in time",
        "timed out": "no answer in time",
    }
    return next((words for sign, words in known.items() if sign in names), "the answer could not be read")
