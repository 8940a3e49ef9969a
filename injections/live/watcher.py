"""The call watcher: one process that keeps the board true. Snapshot, then push events, then a snapshot again."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from uuid import UUID

from django.db import close_old_connections
from django.utils import timezone

from injections import gate
from injections.genesys.activity import call_topics
from injections.genesys.client import ACTIVITY_PAGE_SIZE, GenesysClient
from injections.genesys.conversation import parse_conversation
from injections.genesys.errors import ChannelLost, GenesysError, RateLimited
from injections.genesys.notifications import listen
from injections.genesys.types import LiveActivity, LiveCallState
from injections.models import LiveCall, Queue
from injections.services.live_calls import forget_calls, keep_only, note_feed, store_calls
from injections.services.sweep import is_any_waiting

log = logging.getLogger(__name__)
SNAPSHOT_INTERVAL_S: Final = 6.0
SILENCE_S: Final = 65.0  # two heartbeats missed
RETRY_S: Final = 2.0
_HOLDS: Final = {
    "breaker_open": "Requests to Genesys Cloud are held back, so that calls are not read.",
    "rate_limited": "The request limit is used up; calls are read again when it starts anew.",
}
_READERS: Final = 4  # detail reads at once when a snapshot finds calls that are new


class Watcher:
    """Watches every queue that the portal knows, until `stop` is set."""

    def __init__(
        self, client: GenesysClient, *, stop: threading.Event, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._stop = stop
        self._clock = clock
        self._consent_key = client.config.consent_key
        self._writing = threading.Lock()
        # Set while the push channel may have missed something: every call is read anew, as the budget allows.
        self._missed_events = threading.Event()
        self._doubtful: set[UUID] = set()
        self._pages = 1  # of the last snapshot's list
        self._problem = ""  # why the last snapshot could not be taken
        self._readers = ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="detail")

    def run(self) -> None:
        """Take snapshots in this thread, follow the push channel in another; end when `stop` is set."""
        follower = threading.Thread(target=self._follow, name="push-channel", daemon=True)
        follower.start()
        while not self._stop.is_set():
            started = self._clock()
            try:
                self._snapshot_or_say_why()
            except Exception:
                log.exception("no snapshot of live calls")  # a database that is away, say: tried again
            self._stop.wait(max(0.0, SNAPSHOT_INTERVAL_S - (self._clock() - started)))
        follower.join(timeout=2)
        self._readers.shutdown(wait=False, cancel_futures=True)

    def take_snapshot(self) -> int:
        """See which calls go on, read those that are new; return how many go on. Rows no longer named are dropped.

        Raises GenesysError. A list that the platform cut short adds and refreshes, but drops nothing.
        """
        close_old_connections()
        seen_at = timezone.now()
        queue_ids = _queue_ids()
        activity = self._query_activity(queue_ids) if queue_ids else LiveActivity((), truncated=False)
        present = {
            UUID(line.conversation_id) for line in activity.observations if _is_uuid(line.conversation_id)
        }
        read = self._choose(present)
        fresh = self._read_calls(read)
        with self._writing:
            # What an event has told since this snapshot began is newer than what was read for it.
            newer = set(LiveCall.objects.filter(seen_at__gt=seen_at).values_list("pk", flat=True))
            states = [state for one, state in fresh.items() if one not in newer]
            store_calls(states, consent_key=self._consent_key, seen_at=seen_at)
            self._doubtful.difference_update(
                read
            )  # only now: what could not be written down is still in doubt
            if activity.truncated:
                note_feed(snapshot_at=seen_at, problem="The platform cut its list of live calls short.")
            else:
                still = (present & (_known_calls() - self._doubtful)) | fresh.keys()
                keep_only(still, unsure=present & self._doubtful, seen_at=seen_at)
        return len(present)

    def apply_event(self, body: dict[str, Any]) -> None:
        """Take over one call as an event shows it; an ended one is dropped."""
        state = parse_conversation(body, consent_key=self._consent_key)
        with self._writing:
            if state is not None:
                store_calls([state], consent_key=self._consent_key, seen_at=timezone.now())
            elif _is_uuid(body.get("id")):
                forget_calls([UUID(body["id"])])

    def _query_activity(self, queue_ids: list[str]) -> LiveActivity:
        """Read the list when the gate allows.

        This may probe an open breaker, or it would stay open until somebody barges. What waits to be played probes
        itself: lists may work where commands fail, and to let it out then would use up its tries.
        """
        hold = gate.ask(requests=self._pages, is_for_board=True, may_probe=not is_any_waiting())
        if hold is not None:
            raise RateLimited(_HOLDS[hold.code], retry_after=hold.wait_s)
        try:
            activity = self._client.query_activity(queue_ids=queue_ids)
        except GenesysError as error:
            gate.report_reading(error)
            raise
        gate.report_reading(None)
        self._pages = 1 + len(activity.observations) // ACTIVITY_PAGE_SIZE
        return activity

    def _choose(self, present: set[UUID]) -> list[UUID]:
        """Return which calls to read: the new ones, after a gap all; what the budget does not allow comes next time."""
        if self._missed_events.is_set():
            self._missed_events.clear()
            self._doubtful |= _known_calls()
        self._doubtful &= present
        wanted = sorted((present - _known_calls()) | self._doubtful)
        return wanted[: _affordable(len(wanted))]

    def _read_calls(self, wanted: list[UUID]) -> dict[UUID, LiveCallState]:
        found = self._readers.map(lambda one: (one, self._client.fetch_conversation(str(one))), wanted)
        states = (
            (one, None if raw is None else parse_conversation(raw, consent_key=self._consent_key))
            for one, raw in found
        )
        return {one: state for one, state in states if state is not None}

    def _snapshot_or_say_why(self) -> None:
        try:
            self.take_snapshot()
        except GenesysError as error:
            # What passes by itself needs nobody's doing.
            problem = error.message if error.retryable else str(error)
            if problem != self._problem:  # said once, not with every snapshot that fails alike
                log.warning("no snapshot of live calls: %s", problem)
            self._problem = problem
            note_feed(problem=problem[:300])
        else:
            self._problem = ""

    def _follow(self) -> None:
        said = ""
        while not self._stop.is_set():
            try:
                if _may_ask(requests=2):  # a channel, and what it shall tell
                    self._follow_one_channel()
                    said = ""
            except GenesysError as error:
                if str(error) != said:  # once, not with every attempt that fails alike
                    log.warning("push channel: %s", error)
                said = str(error)
            except Exception:
                log.exception("push channel")
            self._missed_events.set()
            close_old_connections()
            self._stop.wait(RETRY_S)

    def _follow_one_channel(self) -> None:
        channel = self._client.create_channel()
        followed = self._subscribe(channel.id)
        is_first = True
        for notification in listen(channel.connect_uri, stop=self._stop, timeout=SILENCE_S):
            close_old_connections()
            if notification.kind == "closing":
                raise ChannelLost("The platform is closing its push channel; another is opened.")
            note_feed(heard_at=timezone.now())
            if is_first:
                self._missed_events.set()  # what happened before the socket was open was not told
                is_first = False
            if notification.kind == "event":
                self.apply_event(dict(notification.body))
            elif _queue_ids() != followed and _may_ask(requests=1):
                followed = self._subscribe(channel.id)

    def _subscribe(self, channel_id: str) -> list[str]:
        """Follow the queues that the portal knows now; return them."""
        queue_ids = _queue_ids()
        self._client.subscribe(channel_id=channel_id, topics=call_topics(queue_ids))
        self._missed_events.set()  # what happened before the subscription was not told
        return queue_ids


def _affordable(wanted: int) -> int:
    """Reserve that many reads, or as many as the board's part of the budget still allows; return how many."""
    while wanted > 0 and not _may_ask(requests=wanted):
        wanted //= 2
    return wanted


def _may_ask(*, requests: int) -> bool:
    return gate.ask(requests=requests, is_for_board=True, may_probe=False) is None


def _queue_ids() -> list[str]:
    return [str(pk) for pk in Queue.objects.order_by("pk").values_list("pk", flat=True)]


def _known_calls() -> set[UUID]:
    return set(LiveCall.objects.values_list("pk", flat=True))


def _is_uuid(value: object) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True
