"""The access token: fetched once for all threads, renewed before it ends, never hammered for."""

import re
import threading
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from requests import PreparedRequest
from requests.auth import AuthBase

from .errors import CredentialsRejected, GenesysError, Unavailable

RENEW_BEFORE_S = 300.0
MAX_LIFETIME_S = 48 * 3600.0
# After a rejected client nothing is asked again for this long: nobody repairs a secret in less, and
# login services lock out those who insist.
REJECTED_PAUSE_S = 30.0
# An early renewal that failed is not tried again by every request in the meantime.
RENEWAL_PAUSE_S = 10.0
FOLLOWER_TIMEOUT_S = 15.0
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")


@dataclass(frozen=True, slots=True)
class Token:
    """An access token. `renew_at` and `expires_at` are readings of the monotonic clock."""

    value: str = field(repr=False)
    renew_at: float
    expires_at: float


class Bearer(AuthBase):
    """Puts the token on a request, so that no header dictionary with it lies about."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.value}"
        return request


class Basic(AuthBase):
    """Puts client id and secret on a request."""

    def __init__(self, *, client_id: str, client_secret: str) -> None:
        self._pair = f"{client_id}:{client_secret}".encode()

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Basic {b64encode(self._pair).decode('ascii')}"
        return request


def make_token(*, value: object, expires_in: object, asked_at: float) -> Token | None:
    """Return the token of an answer; None when it holds none that could be used.

    It is renewed five minutes before it ends; one that lives for less than ten minutes, at half its
    life (contract: Token). Its life counts from the moment of asking, which errs on the safe side.
    """
    if not isinstance(value, str) or _TOKEN.fullmatch(value) is None:
        return None
    # Without a lifetime, assume the shortest that the platform gives; NaN compares false and ends here too.
    lifetime = float(RENEW_BEFORE_S)
    if isinstance(expires_in, int | float) and not isinstance(expires_in, bool) and expires_in > 0:
        lifetime = float(expires_in)
    lifetime = min(lifetime, MAX_LIFETIME_S)
    margin = RENEW_BEFORE_S if lifetime >= 2 * RENEW_BEFORE_S else lifetime / 2
    return Token(value, renew_at=asked_at + lifetime - margin, expires_at=asked_at + lifetime)


class TokenProvider:
    """Hands out the current token. One thread fetches, the others share its result, or its error."""

    def __init__(self, *, fetch: Callable[[], Token], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._flight: Future[Token] | None = None
        self._renew_not_before = 0.0
        self._rejection: CredentialsRejected | None = None
        self._rejected_until = 0.0

    def current(self) -> Token:
        """Return a token that can be used now. Raises GenesysError when there is none to be had."""
        with self._lock:
            now = self._clock()
            usable = self._token if self._token is not None and now < self._token.expires_at else None
            if usable is not None and (now < usable.renew_at or now < self._renew_not_before):
                return usable
            if usable is not None and self._flight is not None:
                return usable  # somebody renews it; this one still holds
            flight, is_leader = self._join(now)
        if not is_leader:
            return _follow(flight)
        try:
            return self._fly(flight)
        except GenesysError:
            if usable is None:
                raise
            return usable  # a renewal that fails early costs nothing yet

    def renew(self, *, rejected: Token) -> Token:
        """Return another token than the rejected one; fetches only if nobody has done so already."""
        with self._lock:
            if self._token is rejected:
                self._token = None
        return self.current()

    def _join(self, now: float) -> tuple[Future[Token], bool]:
        """Return the running flight, or a new one and that the caller must fly it. Needs the lock."""
        if self._rejection is not None and now < self._rejected_until:
            raise CredentialsRejected(self._rejection.message, remedy=self._rejection.remedy)
        if self._flight is not None:
            return self._flight, False
        self._flight = Future()
        return self._flight, True

    def _fly(self, flight: "Future[Token]") -> Token:
        try:
            token = self._fetch()
        except BaseException as error:
            self._land(None, error)
            flight.set_exception(error)
            raise
        self._land(token, None)
        flight.set_result(token)
        return token

    def _land(self, token: Token | None, error: BaseException | None) -> None:
        with self._lock:
            self._flight = None
            now = self._clock()
            if token is not None:
                self._token, self._rejection = token, None
                return
            self._renew_not_before = now + RENEWAL_PAUSE_S
            if isinstance(error, CredentialsRejected):
                self._rejection = error
                self._rejected_until = self._renew_not_before = now + REJECTED_PAUSE_S


def _follow(flight: "Future[Token]") -> Token:
    try:
        return flight.result(timeout=FOLLOWER_TIMEOUT_S)
    except TimeoutError:
        raise Unavailable("The platform's login service did not answer in time.") from None
