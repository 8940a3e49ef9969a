"""Breaker and request budget around dispatch, against a real simulator."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from injections import gate, wiring
from injections.callers import Caller
from injections.genesys import breaker, budget
from injections.genesys.retry import MAX_TRIES
from injections.lifecycle import Status
from injections.models import InjectionRequest
from injections.services.dispatch import dispatch_injection
from injections.services.submission import Command, inject
from tests.support.simulator_process import SimulatorProcess

pytestmark = pytest.mark.django_db
Maker = Callable[..., Command]


def _inject(command: Command, by: Caller) -> InjectionRequest:
    return inject(command=command, key=None, fingerprint="", by=by).injection


def _fail(simulator: SimulatorProcess, command: Maker, by: Caller, *, times: int) -> None:
    simulator.plant("status", method="POST", path="/interactions$", status=502, times=times)
    for _ in range(times):
        _inject(command(simulator.create_call()), by)
    simulator.clear_faults()
    simulator.clear_ledger()


def _past(**changes: float) -> None:
    """Move the breaker's times into the past, as if so many seconds had gone by."""

    def change(data: Any) -> Any:
        for name, seconds in changes.items():
            data["breaker"][name] -= seconds
        return data

    wiring.shared_state().update("upstream", change)


def test_after_five_failures_nothing_is_asked_of_the_platform(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    _fail(simulator, command, machine, times=breaker.FAILURES_TO_OPEN)
    call = simulator.create_call()
    simulator.clear_ledger()
    held = _inject(command(call), machine)
    assert (held.status, held.reason_code, held.tries) == (Status.QUEUED, "breaker_open", 0)
    assert simulator.ledger()["requests"] == {}
    assert gate.view().is_open


def test_what_waits_for_the_breaker_is_recorded_once_and_asked_again_at_its_interval(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    _fail(simulator, command, machine, times=breaker.FAILURES_TO_OPEN)
    held = _inject(command(simulator.create_call()), machine)
    for _ in range(3):
        InjectionRequest.objects.filter(pk=held.pk).update(due_at=timezone.now())
        assert dispatch_injection(injection_id=held.pk, by=machine) is not None
    held.refresh_from_db()
    assert held.due_at is not None
    assert held.due_at - timezone.now() > timedelta(seconds=1)
    assert AuditRecord.objects.filter(injection_id=held.pk, action="injection.queued").count() == 1


def test_a_probe_that_succeeds_closes_the_breaker_and_is_played(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    _fail(simulator, command, machine, times=breaker.FAILURES_TO_OPEN)
    _past(probe_at=breaker.PAUSE_S)
    done = _inject(command(simulator.create_call()), machine)
    assert done.status == Status.DISPATCHED
    assert not gate.view().is_open


def _try_as_probe(injection: InjectionRequest, by: Caller) -> InjectionRequest:
    """Try it as if the pause had passed after which one request may probe."""
    _past(probe_at=breaker.PAUSE_S)
    InjectionRequest.objects.filter(pk=injection.pk).update(due_at=timezone.now())
    dispatch_injection(injection_id=injection.pk, by=by)
    injection.refresh_from_db()
    return injection


@pytest.mark.parametrize("fault", [{"path": "/interactions$"}, {"path": "/conversations/voice/"}], ids=str)
def test_who_probes_a_failing_platform_waits_until_the_deadline_like_all_others(
    simulator: SimulatorProcess, command: Maker, machine: Caller, fault: dict[str, str]
) -> None:
    _fail(simulator, command, machine, times=breaker.FAILURES_TO_OPEN)
    waiting = _inject(command(simulator.create_call(), deadline_s=300), machine)
    simulator.plant("status", status=503, times=None, **fault)
    for number in range(1, MAX_TRIES + 3):
        _try_as_probe(waiting, machine)
        assert (waiting.status, waiting.tries, waiting.probes) == (Status.QUEUED, number, number)
    simulator.clear_faults()
    assert _try_as_probe(waiting, machine).status == Status.DISPATCHED
    assert waiting.attempts.count() == MAX_TRIES + 3


def test_tries_with_the_breaker_closed_are_three_whatever_was_probed_before(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    _fail(simulator, command, machine, times=breaker.FAILURES_TO_OPEN)
    waiting = _inject(command(simulator.create_call(), deadline_s=300), machine)
    simulator.plant("status", method="POST", path="/interactions$", status=503, times=None)
    _try_as_probe(waiting, machine)
    for _ in range(MAX_TRIES):
        assert waiting.status == Status.QUEUED
        gate.close()
        InjectionRequest.objects.filter(pk=waiting.pk).update(due_at=timezone.now())
        dispatch_injection(injection_id=waiting.pk, by=machine)
        waiting.refresh_from_db()
    assert (waiting.status, waiting.tries, waiting.probes) == (Status.FAILED, MAX_TRIES + 1, 1)


def test_the_failure_that_opens_the_breaker_is_no_last_try(
    simulator: SimulatorProcess, command: Maker, machine: Caller, settings: Any
) -> None:
    _fail(simulator, command, machine, times=breaker.FAILURES_TO_OPEN - 1)
    InjectionRequest.objects.update(occupies_call=False)
    waiting = _inject(command(simulator.create_call(), deadline_s=300), machine)
    assert waiting.status == Status.DISPATCHED  # the platform works for a moment
    settings.GENESYS_API_URL = "http://127.0.0.1:9"
    last = _inject(command(simulator.create_call(), deadline_s=300), machine)
    assert gate.view().is_open
    assert (last.status, last.tries, last.probes) == (Status.QUEUED, 1, 1)


def test_only_one_of_many_may_probe(simulator: SimulatorProcess, command: Maker, machine: Caller) -> None:
    _fail(simulator, command, machine, times=breaker.FAILURES_TO_OPEN)
    _past(probe_at=breaker.PAUSE_S)
    found = [gate.ask() for _ in range(10)]
    assert found.count(None) == 1


def test_a_refusal_is_the_answer_of_a_platform_that_works(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    simulator.plant("status", method="POST", path="/interactions$", status=403, times=None)
    for _ in range(breaker.FAILURES_TO_OPEN + 1):
        _inject(command(simulator.create_call()), machine)
    assert not gate.view().is_open


def test_opened_by_hand_it_holds_everything_until_it_is_closed(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    gate.force_open(by="Ada")
    held = _inject(command(simulator.create_call()), machine)
    assert (held.status, gate.view().forced_by) == (Status.QUEUED, "Ada")
    gate.close()
    InjectionRequest.objects.filter(pk=held.pk).update(due_at=timezone.now())
    dispatch_injection(injection_id=held.pk, by=machine)
    held.refresh_from_db()
    assert held.status == Status.DISPATCHED


def _use_up(*, resets_in_s: float) -> None:
    spent = budget.BudgetState(allowed=300, used=300, ends_at=time.time() + resets_in_s)
    wiring.shared_state().update("upstream", lambda _: {"budget": budget.to_data(spent)})


def test_with_the_budget_used_up_it_waits_instead_of_provoking_a_429(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    call = simulator.create_call()
    _use_up(resets_in_s=10)
    held = _inject(command(call), machine)
    assert (held.status, held.reason_code) == (Status.QUEUED, "rate_limited")
    assert simulator.interactions() == []


def test_a_short_wait_for_the_budget_is_waited_inside_the_request(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    call = simulator.create_call()
    _use_up(resets_in_s=0.5)
    assert _inject(command(call), machine).status == Status.DISPATCHED


def test_a_budget_that_comes_back_after_the_deadline_expires_it(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    call = simulator.create_call()
    _use_up(resets_in_s=50)
    expired = _inject(command(call), machine)
    assert (expired.status, expired.reason_code) == (Status.EXPIRED, "deadline_passed")
    assert "limit" in expired.error


def test_the_platform_s_count_is_learned_from_its_headers(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    simulator.set_rate_limit(120)
    _inject(command(simulator.create_call()), machine)
    assert gate.view().allowed == 120
    assert gate.view().left <= 120 - budget.MARGIN - gate.REQUESTS_A_TRY


def test_the_board_leaves_half_of_the_budget_to_dispatch(simulator: SimulatorProcess) -> None:
    taken = 0
    while gate.ask(requests=1, is_for_board=True) is None:
        taken += 1
    assert taken == budget.ALLOWED * budget.BOARD_SHARE
    assert gate.ask() is None


def test_without_the_shared_state_dispatch_goes_on(
    simulator: SimulatorProcess, command: Maker, machine: Caller, settings: Any
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    assert _inject(command(simulator.create_call()), machine).status == Status.DISPATCHED
    assert not gate.view().is_known


def test_a_429_for_a_day_stops_the_others_for_a_minute_at_most(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    simulator.plant(
        "status", method="POST", path="/interactions$", status=429, headers={"Retry-After": "86400"}
    )
    _inject(command(simulator.create_call()), machine)
    assert gate.view().left == 0
    assert gate.view().resets_at - time.time() <= budget.WINDOW_S
    gate.close()
    assert _inject(command(simulator.create_call()), machine).status == Status.DISPATCHED


def test_a_probe_that_ends_in_a_refusal_leaves_its_place_to_the_next(
    simulator: SimulatorProcess, command: Maker, machine: Caller
) -> None:
    busy = simulator.create_call()
    _inject(command(busy), machine)
    _fail(simulator, command, machine, times=breaker.FAILURES_TO_OPEN)
    _past(probe_at=breaker.PAUSE_S)
    assert _inject(command(busy), machine).reason_code == "call_busy"
    assert _inject(command(simulator.create_call()), machine).status == Status.DISPATCHED


def test_shared_state_of_another_version_or_a_damaged_file_holds_nobody_up(
    simulator: SimulatorProcess, command: Maker, machine: Caller, settings: Any
) -> None:
    wiring.shared_state().update("upstream", lambda _: {"breaker": {"strange": 1}, "budget": 5})
    assert _inject(command(simulator.create_call()), machine).status == Status.DISPATCHED
    for name in ("shared.sqlite3", "shared.sqlite3-wal", "shared.sqlite3-shm"):
        (settings.PORTAL_DATA_DIR / name).write_bytes(
            b"not a database, but long enough to be read as one" * 200
        )
    assert _inject(command(simulator.create_call()), machine).status == Status.DISPATCHED
    assert _inject(command(simulator.create_call()), machine).status == Status.DISPATCHED
    assert gate.view().is_known


def test_a_full_queue_takes_no_more_while_requests_are_held_back(
    simulator: SimulatorProcess, command: Maker, machine: Caller, settings: Any
) -> None:
    settings.INJECT_QUEUE_LIMIT = 1
    gate.force_open(by="Ada")
    first = _inject(command(simulator.create_call()), machine)
    second = _inject(command(simulator.create_call()), machine)
    assert (first.status, second.status) == (Status.QUEUED, Status.REFUSED)
    assert second.reason_code == "queue_full"
