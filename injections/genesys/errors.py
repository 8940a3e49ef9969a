"""Everything that can go wrong with the platform, by what must be done about it.

    GenesysError
    ├── CredentialsRejected   the login service does not accept the portal's client: configuration
    ├── NotSent               no byte of the request left: nothing happened there
    ├── RateLimited           429: not accepted, wait
    ├── Unavailable           503, or no token to be had: not accepted, wait
    ├── Refused               400, 401, 403, 404 and other 4xx: not accepted, waiting does not help
    ├── Ambiguous             it may have arrived and no clear answer came back
    ├── NotWanted             whoever asked no longer wanted it: nothing was sent
    └── ChannelLost           the push channel ended: take a snapshot, open another

Each carries the decision with it: `retryable`, `may_have_been_sent` (True when the platform may have
acted on it, so that it must never be sent again), `retry_after` (seconds), `sent` (when it began to
leave, in seconds on the client's clock; None when no byte of it did), and what a person needs:
`message`, `remedy`, `status`, `field` (what a 400 refused), `correlation_id`.
"""

from typing import ClassVar


class GenesysError(Exception):
    """The platform did not do, or may not have done, what was asked of it."""

    is_retryable_kind: ClassVar[bool] = False
    is_doubtful_kind: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        remedy: str = "",
        retryable: bool | None = None,
        may_have_been_sent: bool | None = None,
        retry_after: float | None = None,
        correlation_id: str | None = None,
        status: int | None = None,
        field: str | None = None,
        sent: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.retryable = self.is_retryable_kind if retryable is None else retryable
        self.may_have_been_sent = self.is_doubtful_kind if may_have_been_sent is None else may_have_been_sent
        self.retry_after = retry_after
        self.correlation_id = correlation_id
        self.status = status
        self.field = field
        self.sent = sent

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class CredentialsRejected(GenesysError):
    """The login service refused the portal's client id or secret. Retrying cannot help."""


class NotSent(GenesysError):
    """Refused connection, unknown host, failed TLS: the request never left."""

    is_retryable_kind = True


class RateLimited(GenesysError):
    """Answered 429: the platform took no notice of the request."""

    is_retryable_kind = True


class Unavailable(GenesysError):
    """Answered 503, or the login service is down: the command was not accepted."""

    is_retryable_kind = True


class Refused(GenesysError):
    """Answered 4xx: the platform understood, and will not."""


class Ambiguous(GenesysError):
    """The request left and its fate is unknown; for a read, the answer could not be used."""

    is_doubtful_kind = True


class NotWanted(GenesysError):
    """The command was given up before it left: its time had passed."""


class ChannelLost(GenesysError):
    """The push channel fell silent, closed or failed. What it missed is not replayed."""

    is_retryable_kind = True
