"""Access tokens and the rate limit that each of them has."""

import base64
import binascii
import hmac
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

from injections.genesys.simulator.api_errors import ApiError, rate_limited
from injections.genesys.simulator.messages import Request, Response, json_response

_UNLIMITED = 1_000_000


@dataclass(slots=True)
class _Token:
    expires_at: float
    window_started_at: float | None = None
    used: int = 0


class Tokens:
    """Issue tokens to the one known client, check them, count their requests.

    `clock` is monotonic, in seconds. With `allowed` 0 there is no rate limit.
    """

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        clock: Callable[[], float],
        lifetime_s: int = 86_399,
        allowed: int = 300,
        window_s: float = 60.0,
    ) -> None:
        self._credentials = f"{client_id}:{client_secret}"
        self._clock = clock
        self.lifetime_s = lifetime_s
        self.allowed = allowed
        self.window_s = window_s
        self._tokens: dict[str, _Token] = {}

    def issue(self, request: Request) -> Response:
        """Answer a token request with a token, or with `invalid_client`."""
        form = parse_qs(request.body.decode("latin-1"))
        if form.get("grant_type") != ["client_credentials"]:
            return json_response(400, {"error": "unsupported_grant_type"})
        if not self._knows(request.headers.get("authorization", "")):
            refusal = "authentication failed"
            return json_response(
                400, {"error": "invalid_client", "description": refusal, "error_description": refusal}
            )
        token = secrets.token_urlsafe(48)
        self._tokens[token] = _Token(expires_at=self._clock() + self.lifetime_s)
        return json_response(
            200, {"access_token": token, "token_type": "bearer", "expires_in": self.lifetime_s}
        )

    def _knows(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            return False
        return scheme.lower() == "basic" and hmac.compare_digest(given, self._credentials.encode())

    def check(self, request: Request) -> dict[str, str]:
        """Check the bearer token and count the request; give the rate limit headers.

        Raises:
            ApiError: 401 without a valid token; 429 over the limit.
        """
        token = self._find(request.headers.get("authorization", ""))
        now = self._clock()
        if token.window_started_at is None or now - token.window_started_at >= self.window_s:
            token.window_started_at, token.used = now, 0
        token.used += 1
        reset_s = max(1, math.ceil(token.window_started_at + self.window_s - now))
        allowed = self.allowed if self.allowed > 0 else _UNLIMITED
        headers = {
            "inin-ratelimit-count": str(token.used),
            "inin-ratelimit-allowed": str(allowed),
            "inin-ratelimit-reset": str(reset_s),
        }
        if token.used > allowed:
            error = rate_limited(retry_after_s=reset_s)
            error.headers |= headers
            raise error
        return headers

    def _find(self, authorization: str) -> _Token:
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() != "bearer" or not value:
            raise ApiError(
                401,
                code="authentication.required",
                message="No authentication bearer token specified in authorization header.",
            )
        token = self._tokens.get(value)
        if token is None:
            raise ApiError(401)
        if token.expires_at <= self._clock():
            raise ApiError(
                401,
                code="credentials.expired",
                message="The supplied credentials are expired and cannot be used.",
            )
        return token

    def expire_all(self) -> int:
        """Let every token be expired from now on; give their number."""
        for token in self._tokens.values():
            token.expires_at = self._clock()
        return len(self._tokens)

    def revoke_all(self) -> int:
        """Forget every token; give their number."""
        count = len(self._tokens)
        self._tokens.clear()
        return count

    def restart_windows(self) -> None:
        """Begin every rate window anew."""
        for token in self._tokens.values():
            token.window_started_at, token.used = None, 0
