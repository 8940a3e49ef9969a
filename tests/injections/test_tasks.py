"""Celery's tasks, called as functions: each does its service's work, and takes what a later version may add."""

import inspect
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from injections import tasks
from injections.lifecycle import Status
from injections.models import CompletionRegistration, InjectionRequest, QaEvent
from tests.factories import InjectionFactory, QaEventFactory
from tests.injections.conftest import remove_webhooks
from tests.support.scripted_server import reply, scripted_server
from tests.support.simulator_process import SimulatorProcess

pytestmark = pytest.mark.django_db
LATER = {"added_by_a_later_version": True}
ALL = (
    tasks.dispatch_injection,
    tasks.sweep_table,
    tasks.deliver_qa_events,
    tasks.register_completion_webhook,
)


@pytest.fixture
def waiting(simulator: SimulatorProcess) -> InjectionRequest:
    """A request that is due, for a consenting call."""
    simulator.set_completions(withhold=True)
    call = simulator.create_call()
    row: InjectionRequest = InjectionFactory(
        conversation_id=UUID(call["conversationId"]),
        participant_id=UUID(call["agentParticipantId"]),
        normalize_level=False,
    )
    return row


def _sent_by_name(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep what would go to the broker."""
    nudged: list[str] = []
    monkeypatch.setattr(tasks.dispatch_injection, "apply_async", lambda args, expires: nudged.append(args[0]))
    return nudged


def test_a_message_has_its_injection_tried(waiting: InjectionRequest, simulator: SimulatorProcess) -> None:
    tasks.dispatch_injection(str(waiting.pk), **LATER)
    waiting.refresh_from_db()
    assert waiting.status == Status.DISPATCHED
    record = AuditRecord.objects.filter(injection_id=waiting.pk, action="injection.dispatched").get()
    assert (record.actor_kind, record.source_where) == ("system", "worker")
    assert len(simulator.interactions()) == 1


def test_a_repeated_message_finds_nothing_to_do(
    waiting: InjectionRequest, simulator: SimulatorProcess
) -> None:
    for _ in range(3):
        tasks.dispatch_injection(str(waiting.pk))
    assert len(simulator.interactions()) == 1


def test_a_message_about_what_never_was_finds_nothing_to_do() -> None:
    tasks.dispatch_injection(str(uuid4()))


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.DISPATCHING])
def test_a_late_message_finds_nothing_to_do(simulator: SimulatorProcess, status: Status) -> None:
    row = InjectionFactory(status=status)
    tasks.dispatch_injection(str(row.pk))
    row.refresh_from_db()
    assert row.status == status
    assert simulator.interactions() == []


def test_the_sweep_settles_and_nudges_what_is_due_by_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    nudged = _sent_by_name(monkeypatch)
    overdue = InjectionFactory(deadline_at=timezone.now() - timedelta(seconds=1))
    due = InjectionFactory()
    InjectionFactory(due_at=timezone.now() + timedelta(seconds=9))
    tasks.sweep_table(**LATER)
    overdue.refresh_from_db()
    assert overdue.status == Status.EXPIRED
    assert AuditRecord.objects.get(injection_id=overdue.pk).source_where == "sweep"
    assert nudged == [str(due.pk)]


def test_what_is_due_is_delivered_to_the_qa_system(settings: Any) -> None:
    with scripted_server(with_token=False) as receiver:
        receiver.on("POST", "/qa", reply(204))
        settings.QA_WEBHOOK_URL = f"{receiver.url}/qa"
        events = [QaEventFactory() for _ in range(3)]
        tasks.deliver_qa_events(**LATER)
        assert len(receiver.requests) == len(events)
    assert not QaEvent.objects.filter(delivered_at__isnull=True).exists()


def test_the_receiver_is_registered(simulator: SimulatorProcess) -> None:
    tasks.register_completion_webhook(**LATER)
    remove_webhooks()
    assert CompletionRegistration.objects.get().problem == ""


@pytest.mark.parametrize("task", ALL, ids=lambda task: task.name)
def test_a_task_is_bounded_in_time_and_keeps_no_result(task: Any) -> None:
    assert task.soft_time_limit < task.time_limit <= 120
    assert task.ignore_result


@pytest.mark.parametrize("task", ALL, ids=lambda task: task.name)
def test_a_task_takes_what_a_later_version_may_add(task: Callable[..., Any]) -> None:
    kinds = {parameter.kind for parameter in inspect.signature(task).parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD in kinds


def test_every_task_is_tested_here() -> None:
    from bargeportal.celery import app

    own = {name for name in app.tasks if name.startswith("injections.")}
    assert own == {task.name for task in ALL}


def test_the_schedule_names_tasks_that_exist(settings: Any) -> None:
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert scheduled <= {task.name for task in ALL}
