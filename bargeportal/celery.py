"""The Celery application, for portals on several machines (REDIS_URL): `celery -A bargeportal worker --beat`."""

import os
import sys
import threading
import warnings
from typing import Any

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import (
    beat_embedded_init,
    setup_logging,
    worker_init,
    worker_ready,
    worker_shutting_down,
)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bargeportal.settings")

# Its danger is pickled messages, and this application takes JSON alone; as root it would fill the screen.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("bargeportal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["injections"])


@setup_logging.connect
def use_the_portal_logging(**_: Any) -> None:
    """Leave logging to settings.LOGGING: Celery's own lines would not be redacted."""
    import logging.config

    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)


_ends = threading.Event()


@worker_init.connect
def stand_in_for_the_broker(**_: Any) -> None:
    """Do from the table, while Redis is away, what messages would have had done (decision 0001)."""
    from injections.worker import BrokerAbsence, Worker

    worker = Worker(stop=_ends, is_needed=BrokerAbsence())
    threading.Thread(target=worker.run, name="stand-in", daemon=True).start()


@worker_ready.connect
def say_ready(**_: Any) -> None:
    """Tell `manage.py up` that tasks are taken from now on, and ask the platform for its reports at once."""
    sys.stderr.write("worker ready\n")  # not a log line: it must come at any LOG_LEVEL
    sys.stderr.flush()
    app.send_task("injections.register")


@worker_shutting_down.connect
def end_in_time(**_: Any) -> None:
    """Bound the wait for tasks under way, which Celery itself leaves to whoever loses patience first."""
    from django.conf import settings

    _ends.set()
    timer = threading.Timer(settings.SHUTDOWN_GRACE_S, leave)
    timer.daemon = True
    timer.start()


def leave() -> None:
    """Hand back what has not been sent, and end. The messages of these tasks are lost; the table is the queue."""
    from injections.services.handover import hand_back

    try:
        hand_back()
    finally:
        os._exit(0)


@beat_embedded_init.connect
def die_with_the_worker(**_: Any) -> None:
    """Let the embedded clock end with its worker, even when that one is killed."""
    from bargeportal.processes import die_with_parent

    die_with_parent()
