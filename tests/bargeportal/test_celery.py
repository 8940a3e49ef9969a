import logging
import logging.config
from typing import Any

import pytest
from celery.signals import setup_logging, worker_ready
from django.conf import settings

from bargeportal.celery import app


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


def test_the_worker_logs_as_the_portal_does(monkeypatch: pytest.MonkeyPatch) -> None:
    configured: list[Any] = []
    monkeypatch.setattr(logging.config, "dictConfig", configured.append)
    setup_logging.send(sender=None)
    assert configured == [settings.LOGGING]
