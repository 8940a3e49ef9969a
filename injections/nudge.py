"""Tells a Celery worker, by the task's name, that an injection will be due. A lost nudge costs at most a second."""

import logging
from uuid import UUID

from django.conf import settings

log = logging.getLogger(__name__)


def nudge(injection_id: UUID, *, in_s: float) -> None:
    """Send the nudge, after the commit that made it true. Without a broker the embedded worker looks by itself."""
    if not settings.REDIS_URL:
        return
    from celery import current_app
    from kombu.exceptions import OperationalError

    try:
        current_app.send_task(
            "injections.dispatch",
            args=[str(injection_id)],
            countdown=max(0.0, in_s),
            retry=False,
            ignore_result=True,
        )
    except OperationalError as error:
        log.warning("no nudge, the sweep finds it: %s", error)
