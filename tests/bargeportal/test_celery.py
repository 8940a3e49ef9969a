import logging
import logging.config
import threading
from typing import Any

import pytest
from celery.signals import setup_logging, worker_init, worker_ready, worker_shutting_down
from django.conf import settings

from bargeportal.celery import app
from injections.worker import BrokerAbsence, Worker


def test_every_task_of_the_clock_exists() -> None:
    app.loader.import_default_modules()
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= set(app.tasks)


def test_a_ready_worker_says_so_and_asks_for_reports(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(app, "send_task", lambda name, **_: sent.append(name))
    worker_ready.send(sender=None)
    assert "worker ready\n" in capsys.readouterr().err
    assert sent == ["injections.register"]


def test_a_worker_has_somebody_to_stand_in_for_the_broker_from_its_start_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Worker] = []
    ran = threading.Event()

    def run(worker: Worker) -> bool:
        made.append(worker)
        ran.set()
        return True

    monkeypatch.setattr(Worker, "run", run)
    monkeypatch.setattr(threading, "Timer", lambda *_: threading.Thread(target=bool))
    monkeypatch.setattr("bargeportal.celery._ends", threading.Event())
    worker_init.send(sender=None)
    assert ran.wait(5)
    assert isinstance(made[0]._is_needed, BrokerAbsence)
    assert not made[0]._stop.is_set()
    worker_shutting_down.send(sender=None)
    assert made[0]._stop.is_set()


def test_a_worker_never_gives_up_a_broker_that_is_away() -> None:
    assert app.conf.broker_connection_max_retries is None


def test_the_worker_logs_as_the_portal_does(monkeypatch: pytest.MonkeyPatch) -> None:
    configured: list[Any] = []
    monkeypatch.setattr(logging.config, "dictConfig", configured.append)
    setup_logging.send(sender=None)
    assert configured == [settings.LOGGING]
