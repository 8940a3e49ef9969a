"""The authorised client: every request with a token, one refresh on a 401, errors that carry decisions."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

from . import activity
from .auth import Basic, Bearer, Token, TokenProvider, make_token
from .config import GenesysConfig
from .errors import GenesysError, NotWanted, Unavailable
from .transport import MAX_IDLE_S, TOTAL_TIMEOUT_S, Answer, ExchangeFailed, Transport
from .types import LiveActivity, LiveObservation, NotificationChannel, RateReading
from .verdict import error_of_answer, error_of_failure, json_of, login_error, login_failure, rate_of, unusable

# A command is decided by status and headers; its body only explains a refusal.
COMMAND_BODY_TIMEOUT_S = 1.0
WARM_CONNECTIONS = 3
ACTIVITY_PAGE_SIZE = 100
ACTIVITY_MAX_PAGES = 50
T = TypeVar("T")


class GenesysClient:
    """Talks to one organisation. Safe to share between threads; make one for each process, after forking.

    `monotonic` is a clock in seconds, `now` the time of day (aware): only for HTTP dates.
    """

    def __init__(
        self,
        config: GenesysConfig,
        *,
        monotonic: Callable[[], float],
        now: Callable[[], datetime],
        pool_size: int = 16,
        total_timeout: float = TOTAL_TIMEOUT_S,
        max_idle_s: float = MAX_IDLE_S,
    ) -> None:
        self.config = config
        self.last_rate: RateReading | None = None
        self._rate_read_at = 0.0
        self._monotonic = monotonic
        self._now = now
        self._api = config.api_url.rstrip("/")
        self._token_url = f"{config.login_url.rstrip('/')}/oauth/token"
        self._transport = Transport(
            clock=monotonic,
            connect_timeout=config.connect_timeout,
            read_timeout=config.read_timeout,
            pool_size=pool_size,
            total_timeout=total_timeout,
            max_idle_s=max_idle_s,
        )
        self._tokens = TokenProvider(fetch=self._fetch_token, clock=monotonic)
        self._threads = ThreadPoolExecutor(max_workers=pool_size, thread_name_prefix="genesys-read")

    def read(self, path: str, *, is_missing_allowed: bool = False) -> Answer:
        """GET; return the 200 answer, or the 404 when that is allowed. Raises GenesysError."""
        answer = self._authorised("GET", path, is_command=False)
        if answer.status == 200 or (answer.status == 404 and is_missing_allowed):
            return answer
        raise self._error(answer, is_command=False)

    def read_together(self, first: str, second: str) -> tuple[Answer, Answer]:
        """GET both at once; answers may be 404. Raises the first's GenesysError, or the second's."""
        running = self._threads.submit(self.read, first, is_missing_allowed=True)
        try:
            answer = self.read(second, is_missing_allowed=True)
        except GenesysError:
            running.result()  # its error, if it has one, speaks of the conversation and comes first
            raise
        return running.result(), answer

    def meanwhile(self, function: Callable[[], T]) -> "Future[T]":
        """Run `function` beside whatever the caller does next."""
        return self._threads.submit(function)

    def ask(self, method: str, path: str, *, json: Any) -> Any:
        """Send what has no effect on a call (a query, a subscription); return the JSON object answered."""
        answer = self._authorised(method, path, is_command=False, json=json)
        if not 200 <= answer.status < 300:
            raise self._error(answer, is_command=False)
        return self.object_of(answer)

    def command(
        self, method: str, path: str, *, json: Any = None, is_wanted: Callable[[], bool] = lambda: True
    ) -> Answer:
        """Send once what has an effect; return the 2xx answer. Raises GenesysError.

        `is_wanted` is asked just before anything leaves: a login may have taken long.
        """
        answer = self._authorised(method, path, is_command=True, json=json, is_wanted=is_wanted)
        if not 200 <= answer.status < 300:
            raise self._error(answer, is_command=True)
        return answer

    def object_of(self, answer: Answer) -> dict[str, Any]:
        """Return the JSON object of a read's answer. Raises Ambiguous when it is none."""
        value = json_of(answer.body)
        if not isinstance(value, dict):
            raise unusable(answer, is_command=False)
        return value

    def rate_age_s(self) -> float:
        """Return how many seconds ago the platform last told its count of requests."""
        return self._monotonic() - self._rate_read_at

    def warm(self) -> None:
        """Fetch the token and open connections to the API. Raises GenesysError."""
        self._tokens.current()
        try:
            self._transport.open_connections(f"{self._api}/", count=WARM_CONNECTIONS)
        except ExchangeFailed as failure:
            raise error_of_failure(failure, is_command=False) from None

    def close(self) -> None:
        """Close connections and threads; what is under way is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._transport.close()

    # What the watcher of live calls reads (genesys-platform.md: Finding live calls).

    def query_activity(
        self,
        *,
        queue_ids: Sequence[str],
        page_size: int = ACTIVITY_PAGE_SIZE,
        max_pages: int = ACTIVITY_MAX_PAGES,
    ) -> LiveActivity:
        """Return who is in a voice call of these queues, or being rung, now; all pages, at most `max_pages`.

        Raises GenesysError.
        """
        if not queue_ids:
            return LiveActivity((), truncated=False)
        query = activity.activity_query(queue_ids)
        seen: dict[LiveObservation, None] = {}
        is_cut: dict[str, bool] = {}
        for page in range(1, max_pages + 1):
            path = f"/api/v2/analytics/conversations/activity/query?pageSize={page_size}&pageNumber={page}"
            found = activity.parse_activity(self.ask("POST", path, json=query))
            before = len(seen)
            seen |= dict.fromkeys(found.observations)
            is_cut |= found.is_cut  # a queue's last page has the last word on it
            if len(seen) == before or found.size < page_size:
                return LiveActivity(tuple(seen), truncated=any(is_cut.values()))
        return LiveActivity(tuple(seen), truncated=True)

    def fetch_conversation(self, conversation_id: str) -> dict[str, Any] | None:
        """Return one conversation as the public API shows it; None when it is gone. Raises GenesysError."""
        path = f"/api/v2/conversations/{quote(str(conversation_id), safe='')}"
        answer = self.read(path, is_missing_allowed=True)
        return None if answer.status == 404 else self.object_of(answer)

    def create_channel(self) -> NotificationChannel:
        """Open a push channel (20 for each user and app, a day each). Raises GenesysError."""
        raw = self.ask("POST", "/api/v2/notifications/channels", json={})
        channel = activity.parse_channel(raw)
        if channel is None:
            raise Unavailable("The platform opened a channel without an address.")
        return channel

    def subscribe(self, *, channel_id: str, topics: Sequence[str]) -> None:
        """Replace the channel's topics, at most 1,000. Raises GenesysError."""
        path = f"/api/v2/notifications/channels/{quote(channel_id, safe='')}/subscriptions"
        self.ask("PUT", path, json=[{"id": topic} for topic in topics])

    def _authorised(
        self,
        method: str,
        path: str,
        *,
        is_command: bool,
        json: Any = None,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Answer:
        """Send with a token; after a 401, which accepts nothing, once more with a new one."""
        token = self._tokens.current()
        _require(is_wanted)
        answer = self._send(method, path, token=token, is_command=is_command, json=json)
        if answer.status == 401:
            token = self._tokens.renew(rejected=token)
            _require(is_wanted)
            answer = self._send(method, path, token=token, is_command=is_command, json=json)
        return answer

    def _send(self, method: str, path: str, *, token: Token, is_command: bool, json: Any) -> Answer:
        try:
            answer = self._transport.exchange(
                method=method,
                url=self._api + path,
                auth=Bearer(token),
                json=json,
                body_timeout=COMMAND_BODY_TIMEOUT_S if is_command else None,
            )
        except ExchangeFailed as failure:
            raise error_of_failure(failure, is_command=is_command) from None
        rate = rate_of(answer.headers)
        if rate is not None:
            self.last_rate, self._rate_read_at = rate, self._monotonic()
        return answer

    def _error(self, answer: Answer, *, is_command: bool) -> GenesysError:
        return error_of_answer(answer, is_command=is_command, now=self._now())

    def _fetch_token(self) -> Token:
        asked_at = self._monotonic()
        try:
            answer = self._transport.exchange(
                method="POST",
                url=self._token_url,
                auth=Basic(client_id=self.config.client_id, client_secret=self.config.client_secret),
                form={"grant_type": "client_credentials"},
            )
        except ExchangeFailed as failure:
            raise login_failure(failure) from None
        if answer.status != 200:
            raise login_error(answer, now=self._now())
        raw = json_of(answer.body)
        data = raw if isinstance(raw, dict) else {}
        token = make_token(
            value=data.get("access_token"), expires_in=data.get("expires_in"), asked_at=asked_at
        )
        if token is None:
            raise Unavailable("The platform's login service answered without a token.", status=200)
        return token


def _require(is_wanted: Callable[[], bool]) -> None:
    if not is_wanted():
        raise NotWanted("Its time passed before it could be sent.")
