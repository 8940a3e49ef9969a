"""The embedded worker: on one machine, without a broker, it does what Celery's tasks do on many.

The table is the queue: this loop looks into it, so there is no message that could be lost or come twice.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from uuid import UUID

from django.db import close_old_connections

from injections.callers import system_caller
from injections.services import dispatch, qa, registration, sweep

log = logging.getLogger(__name__)
LOOK_EVERY_S: Final = 0.2
SWEEP_EVERY_S: Final = 1.0
REGISTER_EVERY_S: Final = 60.0
REGISTER_AGAIN_S: Final = 5.0
_THREADS: Final = 8  # tries at once; each mostly waits for the platform


class Worker:
    """Tries what is due and settles what was left behind, until `stop` is set."""

    def __init__(self, *, stop: threading.Event, clock: Callable[[], float] = time.monotonic) -> None:
        self._stop = stop
        self._clock = clock
        self._pool = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="dispatch")
        self._in_hand: set[UUID] = set()
        self._caller = system_caller(where="worker")
        self._next_sweep = self._next_registration = clock()

    def run(self) -> None:
        """Work; a failing turn is logged and does not end the worker. On `stop`, finish what is in hand."""
        while not self._stop.is_set():
            try:
                self.turn()
            except Exception:
                log.exception("a turn of the worker failed")
            self._stop.wait(LOOK_EVERY_S)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def turn(self) -> None:
        """Look once: try what is due; now and then sweep, deliver to QA and see to the registration."""
        close_old_connections()
        for injection_id in sweep.due_injections():
            if injection_id not in self._in_hand:
                self._in_hand.add(injection_id)
                self._pool.submit(self._dispatch, injection_id)
        now = self._clock()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_EVERY_S
            sweep.sweep(by=self._caller)
            for number in qa.due_events():
                qa.deliver_event(number=number)
        if now >= self._next_registration:
            is_registered = registration.register_completion_webhook(by=self._caller)
            self._next_registration = now + (REGISTER_EVERY_S if is_registered else REGISTER_AGAIN_S)

    def _dispatch(self, injection_id: UUID) -> None:
        try:
            close_old_connections()
            dispatch.dispatch_injection(injection_id=injection_id, by=self._caller)
        except Exception:
            log.exception("injection %s could not be tried", injection_id)
        finally:
            self._in_hand.discard(injection_id)
