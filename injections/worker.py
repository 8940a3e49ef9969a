"""The embedded worker: on one machine, without a broker, it does what Celery's tasks do on many.

The table is the queue: this loop looks into it, so there is no message that could be lost or come twice. In each Celery
worker it stands in for the broker while that is away.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import close_old_connections

from injections import wiring
from injections.callers import system_caller
from injections.services import dispatch, qa, registration, sweep
from injections.services.handover import hand_back
from injections.shared_state import StateUnavailable

log = logging.getLogger(__name__)
LOOK_EVERY_S: Final = 0.2
SWEEP_EVERY_S: Final = 1.0
REGISTER_EVERY_S: Final = 60.0
REGISTER_AGAIN_S: Final = 5.0
BROKER_LOOK_EVERY_S: Final = 1.0
_CELERY_BACK_S: Final = 35.0  # Celery looks for a lost broker at least every 30 s
_THREADS: Final = 8  # tries at once; each mostly waits for the platform


class Worker:
    """Tries what is due and settles what was left behind, until `stop` is set; only while `is_needed` says so."""

    def __init__(
        self,
        *,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
        is_needed: Callable[[], bool] = lambda: True,
    ) -> None:
        self._stop = stop
        self._is_needed = is_needed
        self._clock = clock
        self._tries = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="dispatch")
        # Apart from the tries: a QA system that does not answer must not keep a notice from being played in time.
        self._errands = ThreadPoolExecutor(max_workers=2, thread_name_prefix="errand")
        self._in_hand: set[UUID | str] = set()
        self._under_way: set[Future[None]] = set()
        self._caller = system_caller(where="worker")
        self._next_sweep = self._next_registration = clock()

    def run(self) -> bool:
        """Work; a failing turn is logged and does not end the worker. On `stop`, `finish`, and return its answer."""
        while not self._stop.is_set():
            try:
                if self._is_needed():
                    self.turn()
            except Exception:
                log.exception("a turn of the worker failed")
            self._stop.wait(LOOK_EVERY_S)
        return self.finish()

    def turn(self) -> None:
        """Look once: try what is due; now and then sweep, deliver to QA and see to the registration."""
        close_old_connections()
        for injection_id in sweep.due_injections():
            self._start(self._tries, injection_id, partial(self._dispatch, injection_id))
        now = self._clock()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_EVERY_S
            sweep.sweep(by=self._caller)
            self._start(self._errands, "delivery to QA", self._deliver)
        if now >= self._next_registration:
            self._next_registration = now + REGISTER_EVERY_S
            self._start(self._errands, "registration", self._register)

    def finish(self) -> bool:
        """End the work in hand, and return whether all of it ended in time; what only waits stays in its table.

        What did not end, and was not sent, is handed back: its thread may go on, but can no longer send it.
        """
        for pool in (self._tries, self._errands):
            pool.shutdown(wait=False, cancel_futures=True)
        running = [future for future in self._under_way.copy() if not future.done()]
        _, late = wait(running, timeout=settings.SHUTDOWN_GRACE_S)
        if late:
            hand_back()
        return not late

    def _start(self, pool: ThreadPoolExecutor, what: UUID | str, work: Callable[[], None]) -> None:
        if what not in self._in_hand:
            self._in_hand.add(what)
            future = pool.submit(self._do, what, work)
            self._under_way.add(future)
            future.add_done_callback(self._under_way.discard)

    def _do(self, what: UUID | str, work: Callable[[], None]) -> None:
        try:
            close_old_connections()
            work()
        except Exception:
            log.exception("the worker failed at %s", what)
        finally:
            self._in_hand.discard(what)
            close_old_connections()

    def _dispatch(self, injection_id: UUID) -> None:
        dispatch.dispatch_injection(injection_id=injection_id, by=self._caller)

    def _deliver(self) -> None:
        for number in qa.due_events():
            if self._stop.is_set():
                return
            qa.deliver_event(number=number)

    def _register(self) -> None:
        if not registration.register_completion_webhook(by=self._caller):
            self._next_registration = self._clock() + REGISTER_AGAIN_S


class BrokerAbsence:
    """Tells whether the broker is away, or was until so short a time ago that Celery may not know that it is back.

    To work beside Celery for a while does no harm: each row is claimed before anything is done with it.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_look = self._ends_at = clock()

    def __call__(self) -> bool:
        """Look for the broker, once a second, and tell."""
        now = self._clock()
        if now >= self._next_look:
            self._next_look = now + BROKER_LOOK_EVERY_S
            try:
                wiring.shared_state().read(
                    "broker"
                )  # nothing is kept there: that Redis answers is the answer
            except StateUnavailable as error:
                if now >= self._ends_at:
                    log.warning("the broker is away, this worker looks into the table itself: %s", error)
                self._ends_at = now + _CELERY_BACK_S
        return now < self._ends_at
