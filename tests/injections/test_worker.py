"""The embedded worker: what is due is tried, what fails or stalls holds up nothing else, and it ends in order."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.utils import timezone

from injections import worker as module
from injections.lifecycle import Status
from injections.models import CompletionRegistration, InjectionRequest, QaEvent
from injections.worker import (
    BROKER_LOOK_EVERY_S,
    REGISTER_AGAIN_S,
    REGISTER_EVERY_S,
    SWEEP_EVERY_S,
    BrokerAbsence,
    Worker,
)
from tests.factories import InjectionFactory, QaEventFactory
from tests.injections.conftest import remove_webhooks
from tests.support.redis_process import redis_server
from tests.support.scripted_server import reply, scripted_server
from tests.support.simulator_process import SimulatorProcess

pytestmark = pytest.mark.django_db(transaction=True)
Eventually = Callable[[Callable[[], Any]], Any]


class Clock:
    """Seconds that pass when the test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def worker(simulator: SimulatorProcess, clock: Clock) -> Iterator[Worker]:
    """A worker that does only the turns that it is told to."""
    made = Worker(stop=threading.Event(), clock=clock)
    yield made
    made.finish()
    remove_webhooks()


@pytest.fixture
def waiting(simulator: SimulatorProcess) -> Callable[..., InjectionRequest]:
    """Return a maker of requests that are due, for consenting calls."""

    def make(**changes: Any) -> InjectionRequest:
        call = simulator.create_call()
        row: InjectionRequest = InjectionFactory(
            conversation_id=UUID(call["conversationId"]),
            participant_id=UUID(call["agentParticipantId"]),
            normalize_level=False,
            **changes,
        )
        return row

    return make


def _status(injection: InjectionRequest) -> str:
    return InjectionRequest.objects.values_list("status", flat=True).get(pk=injection.pk)


def _is(injection: InjectionRequest, status: Status) -> Callable[[], bool]:
    return lambda: _status(injection) == status


def test_a_queued_injection_is_sent(
    worker: Worker,
    waiting: Callable[..., InjectionRequest],
    simulator: SimulatorProcess,
    eventually: Eventually,
) -> None:
    simulator.set_completions(withhold=True)
    injection = waiting()
    worker.turn()
    eventually(_is(injection, Status.DISPATCHED))
    assert len(simulator.interactions()) == 1


def test_several_are_sent_side_by_side(
    worker: Worker, waiting: Callable[..., InjectionRequest], simulator: SimulatorProcess
) -> None:
    simulator.set_completions(withhold=True)
    rows = [waiting() for _ in range(5)]
    simulator.set_latency(200)
    started = time.monotonic()
    worker.turn()
    worker.finish()
    assert time.monotonic() - started < 5 * 0.4
    assert {_status(row) for row in rows} == {Status.DISPATCHED}


def test_what_is_in_hand_is_not_taken_up_again(
    worker: Worker,
    waiting: Callable[..., InjectionRequest],
    simulator: SimulatorProcess,
    eventually: Eventually,
) -> None:
    simulator.set_completions(withhold=True)
    injection = waiting()
    simulator.set_latency(150)
    for _ in range(10):
        worker.turn()
    eventually(_is(injection, Status.DISPATCHED))
    assert len(simulator.interactions()) == 1
    assert injection.attempts.count() == 1


def test_a_try_that_fails_of_itself_holds_up_no_other(
    worker: Worker,
    waiting: Callable[..., InjectionRequest],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    eventually: Eventually,
) -> None:
    bad, good = waiting(), waiting()
    real = module.dispatch.dispatch_injection

    def dispatch(*, injection_id: UUID, **kwargs: Any) -> Any:
        if injection_id == bad.pk:
            raise RuntimeError("out of memory")
        return real(injection_id=injection_id, **kwargs)

    monkeypatch.setattr(module.dispatch, "dispatch_injection", dispatch)
    worker.turn()
    eventually(lambda: _status(good) not in {Status.REQUESTED, Status.QUEUED, Status.DISPATCHING})
    assert _status(bad) == Status.QUEUED
    eventually(lambda: str(bad.pk) in caplog.text)
    monkeypatch.undo()
    worker.turn()
    eventually(lambda: _status(bad) != Status.QUEUED)


def test_a_qa_system_that_does_not_answer_holds_up_no_injection(
    worker: Worker, waiting: Callable[..., InjectionRequest], settings: Any, eventually: Eventually
) -> None:
    with scripted_server(with_token=False) as receiver:
        receiver.on("POST", "/qa", reply(204, after_s=2))
        settings.QA_WEBHOOK_URL = f"{receiver.url}/qa"
        event = QaEventFactory(injection=InjectionFactory(status="completed", interaction_id="i-0"))
        started = time.monotonic()
        worker.turn()
        eventually(lambda: receiver.requests)
        injection = waiting()
        worker.turn()
        eventually(lambda: _status(injection) not in {Status.QUEUED, Status.DISPATCHING})
        assert time.monotonic() - started < 1.9
        eventually(lambda: QaEvent.objects.filter(pk=event.pk, delivered_at__isnull=False).exists())


def test_a_turn_itself_does_not_wait_for_the_qa_system(
    worker: Worker, settings: Any, eventually: Eventually
) -> None:
    with scripted_server(with_token=False) as receiver:
        receiver.on("POST", "/qa", reply(204, after_s=0.6))
        settings.QA_WEBHOOK_URL = f"{receiver.url}/qa"
        QaEventFactory(injection=InjectionFactory(status="completed", interaction_id="i-0"))
        started = time.monotonic()
        worker.turn()
        assert time.monotonic() - started < 0.5
        eventually(lambda: QaEvent.objects.filter(delivered_at__isnull=False).exists())
        assert len(receiver.requests) == 1


def test_the_sweep_comes_once_a_second(worker: Worker, clock: Clock) -> None:
    def overdue() -> InjectionRequest:
        row: InjectionRequest = InjectionFactory(deadline_at=timezone.now() - timedelta(seconds=1))
        return row

    first = overdue()
    worker.turn()
    assert _status(first) == Status.EXPIRED
    second = overdue()
    clock.now += SWEEP_EVERY_S - 0.1
    worker.turn()
    assert _status(second) == Status.QUEUED
    clock.now += 0.1
    worker.turn()
    assert _status(second) == Status.EXPIRED


def test_it_registers_at_once_and_sees_to_it_once_a_minute(
    worker: Worker, clock: Clock, eventually: Eventually
) -> None:
    def confirmed_after(previous: Any) -> Any:
        row = CompletionRegistration.objects.first()
        return row is not None and row.confirmed_at not in {None, previous} and row.confirmed_at

    worker.turn()
    first = eventually(lambda: confirmed_after(None))
    clock.now += REGISTER_EVERY_S - 1
    worker.turn()
    time.sleep(0.2)
    assert CompletionRegistration.objects.get().confirmed_at == first
    clock.now += 1
    worker.turn()
    assert eventually(lambda: confirmed_after(first)) > first


def test_a_registration_that_failed_is_tried_again_soon(
    worker: Worker, clock: Clock, simulator: SimulatorProcess, eventually: Eventually
) -> None:
    simulator.plant("status", path="/api/v2/webhooks", status=503, times=1)
    worker.turn()
    eventually(lambda: CompletionRegistration.objects.exclude(problem="").exists())
    eventually(lambda: not worker._in_hand)
    clock.now += REGISTER_AGAIN_S
    worker.turn()
    eventually(lambda: CompletionRegistration.objects.filter(problem="", confirmed_at__isnull=False).exists())


@pytest.fixture
def running(simulator: SimulatorProcess) -> Iterator[Callable[[], tuple[threading.Event, threading.Thread]]]:
    """Return a starter of workers that run by themselves until told to stop."""
    started: list[tuple[threading.Event, threading.Thread]] = []

    def start() -> tuple[threading.Event, threading.Thread]:
        stop = threading.Event()

        def run() -> None:
            try:
                Worker(stop=stop).run()
            finally:
                connections.close_all()

        thread = threading.Thread(target=run)
        thread.start()
        started.append((stop, thread))
        return stop, thread

    yield start
    for stop, thread in started:
        stop.set()
        thread.join(timeout=10)
        assert not thread.is_alive()
    remove_webhooks()


def test_on_stop_it_finishes_what_is_in_hand(
    running: Any,
    waiting: Callable[..., InjectionRequest],
    simulator: SimulatorProcess,
    eventually: Eventually,
) -> None:
    simulator.set_completions(withhold=True)
    injection = waiting()
    simulator.set_latency(400)
    stop, thread = running()
    eventually(lambda: InjectionRequest.objects.filter(pk=injection.pk, lease_token__isnull=False).exists())
    stop.set()
    thread.join(timeout=5)
    assert not thread.is_alive()
    assert _status(injection) == Status.DISPATCHED
    assert len(simulator.interactions()) == 1


def test_what_does_not_end_in_time_is_handed_back(
    worker: Worker,
    waiting: Callable[..., InjectionRequest],
    simulator: SimulatorProcess,
    eventually: Eventually,
    settings: Any,
) -> None:
    settings.SHUTDOWN_GRACE_S = 0.1
    injection = waiting()
    simulator.set_latency(800)
    worker.turn()
    eventually(lambda: InjectionRequest.objects.filter(pk=injection.pk, lease_token__isnull=False).exists())
    assert not worker.finish()
    assert InjectionRequest.objects.filter(
        pk=injection.pk, lease_token__isnull=True, status="queued"
    ).exists()
    settings.SHUTDOWN_GRACE_S = 5
    assert worker.finish()
    assert simulator.interactions() == []


def test_a_turn_that_fails_does_not_end_it(
    running: Any,
    waiting: Callable[..., InjectionRequest],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    eventually: Eventually,
) -> None:
    real, failures = module.sweep.due_injections, []

    def fail_once() -> list[UUID]:
        if not failures:
            failures.append(1)
            raise RuntimeError("the database went away")
        return real()

    monkeypatch.setattr(module.sweep, "due_injections", fail_once)
    injection = waiting()
    running()
    eventually(lambda: _status(injection) not in {Status.QUEUED, Status.DISPATCHING})
    assert "the database went away" in caplog.text


def test_a_worker_that_is_not_needed_does_nothing(simulator: SimulatorProcess, clock: Clock) -> None:
    stop = threading.Event()
    asked: list[float] = []

    def is_needed() -> bool:
        asked.append(clock())
        if len(asked) == 3:
            stop.set()
        return False

    overdue = InjectionFactory(deadline_at=timezone.now() - timedelta(seconds=1))
    assert Worker(stop=stop, clock=clock, is_needed=is_needed).run()
    assert (len(asked), _status(overdue)) == (3, Status.QUEUED)


def test_the_broker_is_away_until_celery_must_have_found_it_again(settings: Any, clock: Clock) -> None:
    with redis_server() as url:
        settings.REDIS_URL = url
        is_away = BrokerAbsence(clock=clock)
        assert not is_away()
    clock.now += BROKER_LOOK_EVERY_S
    assert is_away()
    with redis_server() as url:
        settings.REDIS_URL = url
        clock.now += 30
        assert is_away()
        clock.now += 6
        assert not is_away()


def test_two_workers_send_it_once(
    running: Any,
    waiting: Callable[..., InjectionRequest],
    simulator: SimulatorProcess,
    eventually: Eventually,
) -> None:
    simulator.set_completions(withhold=True)
    rows = [waiting() for _ in range(6)]
    running()
    running()
    for row in rows:
        eventually(_is(row, Status.DISPATCHED))
    assert len(simulator.interactions()) == len(rows)
