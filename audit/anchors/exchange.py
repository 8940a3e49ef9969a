"""One HTTP request to an anchor: bounded in time and size, through no proxy, and with errors that hold no secret."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import requests
from requests import exceptions

from audit.anchors import AnchorFault

_CONNECT_S, _READ_S = 5.0, 10.0
_TOTAL_S = 30.0
_LONGEST = 4 << 20  # bytes; a listing of 1,000 objects has some 500 kB


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Exchange:
    """Keeps the connection to one anchor. For one thread."""

    def __init__(self, *, read_s: float = _READ_S, total_s: float = _TOTAL_S) -> None:
        self._session = requests.Session()
        self._session.trust_env = False  # a .netrc would put its password in place of our signature
        self._timeout = (_CONNECT_S, read_s)
        self._total_s = total_s

    def ask(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """Send one request once, follow no redirect, and return the whole answer whatever its status.

        Raises:
            AnchorFault: no whole answer came in time.
        """
        deadline = time.monotonic() + self._total_s
        try:
            with self._session.request(
                method,
                url,
                headers=headers,
                data=body or None,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                return Answer(response.status_code, response.headers, _body(response, deadline))
        except exceptions.RequestException as error:
            # Not chained: the library's exceptions hold the whole request, signature and all.
            raise AnchorFault(_reason(error)) from None


def _body(response: requests.Response, deadline: float) -> bytes:
    parts, size = [], 0
    for part in response.iter_content(65_536):
        parts.append(part)
        size += len(part)
        if size > _LONGEST:
            raise AnchorFault("the answer is longer than any it should give")
        if time.monotonic() > deadline:
            raise AnchorFault("no whole answer came in time")
    return b"".join(parts)


def _reason(error: exceptions.RequestException) -> str:
    if isinstance(error, exceptions.SSLError):
        return "its certificate is not accepted"
    if isinstance(error, exceptions.Timeout):
        return "no answer came in time"
    if isinstance(error, exceptions.ChunkedEncodingError | exceptions.ContentDecodingError):
        return "the answer broke off"
    if isinstance(error, exceptions.ConnectionError):
        return "no connection, or it broke off"
    return f"the request could not be made ({type(error).__name__})"
