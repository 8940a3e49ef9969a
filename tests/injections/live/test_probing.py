"""The call watcher and an open breaker: its reads close it when nobody barges, and never stand in dispatch's way."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from injections import gate, wiring
from injections.genesys import breaker
from injections.genesys.errors import RateLimited, Unavailable
from injections.live.watcher import Watcher
from injections.models import FeedState, InjectionRequest, LiveCall, Queue
from tests.factories import InjectionFactory
from tests.injections.live.test_watcher import running, within
from tests.support.simulator_process import SimulatorProcess

pytestmark = pytest.mark.django_db(transaction=True)


def open_breaker(*, pause_is_over: bool = True) -> None:
    """Open it as five failed tries do, and move the next probe into the past if so wanted."""
    for _ in range(breaker.FAILURES_TO_OPEN):
        gate.report(Unavailable("It failed."))
    assert gate.view().is_open

    def change(data: Any) -> Any:
        data["breaker"]["probe_at"] -= breaker.PAUSE_S
        return data

    if pause_is_over:
        wiring.shared_state().update("upstream", change)


def test_anopen_breaker_is_closed_by_a_snapshot_though_nobody_barges(
    centre: SimulatorProcess, watcher: Watcher
) -> None:
    open_breaker()
    going_on = watcher.take_snapshot()
    assert not gate.view().is_open
    assert LiveCall.objects.count() == going_on > 0  # new calls are read in the same snapshot


def test_a_platform_that_works_again_is_read_again_by_itself(
    centre: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(interval_s=0.1, monkeypatch=monkeypatch):
        centre.plant("status", path="/api/v2/", status=503, times=None)
        within(5, lambda: FeedState.objects.get().problem)  # no snapshot under way can succeed any more
        open_breaker()
        centre.clear_ledger()
        within(5, lambda: any("activity/query" in name for name in centre.ledger()["requests"]))
        assert gate.view().is_open
        centre.clear_faults()
        within(5, lambda: not gate.view().is_open and FeedState.objects.get().problem == "")


def test_within_the_pause_a_snapshot_asks_nothing(centre: SimulatorProcess, watcher: Watcher) -> None:
    open_breaker(pause_is_over=False)
    centre.clear_ledger()
    with pytest.raises(RateLimited, match="held back"):
        watcher.take_snapshot()
    assert centre.ledger()["requests"] == {}


def test_a_snapshot_that_probed_in_vain_keeps_dispatch_waiting_no_longer(
    centre: SimulatorProcess, watcher: Watcher
) -> None:
    open_breaker()
    centre.plant("status", path="activity/query", status=503, times=None)
    with pytest.raises(Unavailable):
        watcher.take_snapshot()
    assert gate.view().is_open
    assert gate.ask() is None  # at once, and as the one probe
    assert gate.ask() is not None


def test_while_a_snapshot_probes_nobody_else_does(
    centre: SimulatorProcess, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_breaker()
    client = wiring.client()
    read, asked = client.query_activity, []

    def ask_meanwhile(**given: Any) -> Any:
        asked.append(gate.ask())
        return read(**given)

    monkeypatch.setattr(client, "query_activity", ask_meanwhile)
    watcher.take_snapshot()
    assert [hold.code for hold in asked if hold is not None] == ["breaker_open"]


def test_while_dispatch_probes_a_snapshot_asks_nothing(centre: SimulatorProcess, watcher: Watcher) -> None:
    open_breaker()
    assert gate.ask() is None
    centre.clear_ledger()
    with pytest.raises(RateLimited):
        watcher.take_snapshot()
    assert centre.ledger()["requests"] == {}


def test_what_waits_to_be_played_probes_itself(centre: SimulatorProcess, watcher: Watcher) -> None:
    now = timezone.now()
    waiting = InjectionFactory(
        status="queued", due_at=now + timedelta(seconds=2), deadline_at=now + timedelta(seconds=60)
    )
    open_breaker()
    with pytest.raises(RateLimited):
        watcher.take_snapshot()
    assert gate.view().is_open
    InjectionRequest.objects.filter(pk=waiting.pk).update(deadline_at=now)  # nobody will play it any more
    watcher.take_snapshot()
    assert not gate.view().is_open


def test_opened_by_hand_it_is_not_closed_by_a_snapshot(centre: SimulatorProcess, watcher: Watcher) -> None:
    gate.force_open(by="Ada")
    centre.clear_ledger()
    with pytest.raises(RateLimited):
        watcher.take_snapshot()
    assert (gate.view().forced_by, centre.ledger()["requests"]) == ("Ada", {})


def test_without_queues_there_is_nothing_to_read_that_could_close_the_breaker(
    centre: SimulatorProcess, watcher: Watcher
) -> None:
    Queue.objects.all().delete()
    open_breaker()
    watcher.take_snapshot()
    assert gate.view().is_open


def test_snapshots_that_fail_open_no_breaker(centre: SimulatorProcess, watcher: Watcher) -> None:
    centre.plant("status", path="activity/query", status=503, times=None)
    for _ in range(breaker.FAILURES_TO_OPEN + 1):
        with pytest.raises(Unavailable):
            watcher.take_snapshot()
    assert not gate.view().is_open


class _Thrice(threading.Event):
    """Is set after it was waited for three times; nobody waits long."""

    times = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.times += 1
        if self.times == 3:
            self.set()
        return super().wait(0)


def test_while_requests_are_held_back_no_push_channel_is_opened(centre: SimulatorProcess) -> None:
    gate.force_open(by="Ada")
    centre.plant("status", path="/notifications/", status=503, times=None)  # none is followed in any case
    centre.clear_ledger()
    Watcher(wiring.client(), stop=_Thrice())._follow()
    assert centre.ledger()["requests"] == {}
