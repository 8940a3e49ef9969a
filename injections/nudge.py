"""Tells a Celery worker, by the task's name, that an injection will be due. A lost nudge costs at most a second.

A thread of its own speaks to the broker: a broker that hangs must not hold up a click.
"""

import logging
import threading
from functools import cache
from queue import Full, Queue
from typing import Final
from uuid import UUID

from django.conf import settings

log = logging.getLogger(__name__)
_MOST_WAITING: Final = 1000


def nudge(injection_id: UUID, *, in_s: float) -> None:
    """Have the nudge sent, after the commit that made it true. Without a broker the embedded worker looks by itself."""
    if not settings.REDIS_URL:
        return
    try:
        _waiting().put_nowait((injection_id, max(0.0, in_s)))
    except Full:
        log.warning("the broker takes no nudges; the sweep finds what is due")


@cache
def _waiting() -> "Queue[tuple[UUID, float]]":
    waiting: Queue[tuple[UUID, float]] = Queue(_MOST_WAITING)
    threading.Thread(target=_send_all, args=(waiting,), name="nudge", daemon=True).start()
    return waiting


def _send_all(waiting: "Queue[tuple[UUID, float]]") -> None:
    from celery import current_app

    while True:
        injection_id, in_s = waiting.get()
        try:
            current_app.send_task(
                "injections.dispatch",
                args=[str(injection_id)],
                countdown=in_s,
                expires=in_s + 60,
                retry=False,
                ignore_result=True,
            )
        except Exception as error:  # noqa: BLE001  whatever the broker's client raises, the sweep finds what is due
            log.warning("no nudge, the sweep finds it: %s", error)
