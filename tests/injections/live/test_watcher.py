"""The board against a living centre: snapshot, push, gaps, a platform that fails; the simulator tells the truth."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from injections import wiring
from injections.genesys.errors import GenesysError
from injections.genesys.simulator.people import QUEUES
from injections.live import watcher as module
from injections.live.watcher import Watcher
from injections.models import FeedState, LiveCall, Queue
from tests.factories import LiveCallFactory
from tests.support.simulator_process import SimulatorProcess

pytestmark = pytest.mark.django_db(transaction=True)
CONSENT_REASONS = {
    "true": "",
    "false": "consent_denied",
    "missing": "consent_missing",
    "none": "attributes_missing",
    "null": "attributes_missing",
}


_SHOWN = (
    "queue_id", "agent_participant_id", "agent_user_id", "customer_participant_id", "agent_name", "caller",
    "direction", "state", "is_held", "is_secure_paused", "is_barged", "consent_reason",
)  # fmt: skip


@contextmanager
def running(*, interval_s: float = 30.0, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watcher]:
    """Run a watcher until the block ends; when it begins, the board is filled and the push channel open."""
    monkeypatch.setattr(module, "SNAPSHOT_INTERVAL_S", interval_s)
    monkeypatch.setattr(module, "RETRY_S", 0.1)
    stop = threading.Event()
    watcher = Watcher(wiring.client(), stop=stop)

    def run() -> None:
        try:
            watcher.run()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        within(
            5, lambda: FeedState.objects.filter(snapshot_at__isnull=False, heard_at__isnull=False).exists()
        )
        yield watcher
    finally:
        stop.set()
        thread.join(timeout=5)
        assert not thread.is_alive()


def within(seconds: float, condition: Callable[[], Any]) -> Any:
    """Wait for a condition to give something true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"it did not come about within {seconds} s")


def _truth(centre: SimulatorProcess) -> dict[UUID, dict[str, Any]]:
    """Return the calls that a board of three queues should show, as they are."""
    shown = {queue.id for queue in QUEUES[:3]}
    return {
        UUID(call["conversationId"]): call
        for call in centre.calls()
        if call["endedAt"] is None and call["queueId"] in shown
    }


def _expected(call: dict[str, Any]) -> dict[str, Any]:
    return {
        "queue_id": UUID(call["queueId"]),
        "agent_participant_id": UUID(call["agentParticipantId"]),
        "agent_user_id": UUID(call["agentUserId"]),
        "customer_participant_id": UUID(call["customerParticipantId"]),
        "agent_name": call["agentName"],
        "caller": call["callerAddress"].removeprefix("tel:"),
        "direction": call["direction"],
        "state": call["agentState"],
        "is_held": call["held"] or call["confined"],
        "is_secure_paused": call["securePause"],
        "is_barged": call["barged"],
        "consent_reason": CONSENT_REASONS[call["consent"]],
    }


def _row(call_id: UUID | str) -> LiveCall | None:
    return LiveCall.objects.filter(pk=call_id).first()


def _board() -> dict[UUID, dict[str, Any]]:
    def shown(row: LiveCall, name: str) -> Any:
        return row.barged_by != "" if name == "is_barged" else getattr(row, name)

    return {row.pk: {name: shown(row, name) for name in _SHOWN} for row in LiveCall.objects.all()}


# --- snapshots ---------------------------------------------------------------------------------------------


def test_a_snapshot_fills_the_board_with_the_truth(centre: SimulatorProcess, watcher: Watcher) -> None:
    truth = _truth(centre)
    assert len(truth) > 25
    assert watcher.take_snapshot() == len(truth)
    assert _board() == {call_id: _expected(call) for call_id, call in truth.items()}


def test_the_board_of_such_a_centre_shows_every_kind_of_call(
    centre: SimulatorProcess, watcher: Watcher
) -> None:
    watcher.take_snapshot()
    rows = list(LiveCall.objects.all())
    assert {row.consent_reason for row in rows} >= {
        "",
        "consent_denied",
        "consent_missing",
        "attributes_missing",
    }
    assert {row.state for row in rows} == {"connected", "alerting"}
    assert any(row.is_held for row in rows)
    assert any(row.is_secure_paused for row in rows)
    assert any(row.barged_by for row in rows)


def test_a_call_that_ended_between_snapshots_is_dropped(centre: SimulatorProcess, watcher: Watcher) -> None:
    call = centre.create_call()
    watcher.take_snapshot()
    assert _row(call["conversationId"]) is not None
    centre.patch_call(call["conversationId"], state="ended")
    watcher.take_snapshot()
    assert _row(call["conversationId"]) is None


def test_what_is_known_is_not_read_again_but_vouched_for(centre: SimulatorProcess, watcher: Watcher) -> None:
    call = centre.create_call()
    watcher.take_snapshot()
    first = _row(call["conversationId"])
    centre.clear_ledger()
    watcher.take_snapshot()
    second = _row(call["conversationId"])
    assert first is not None
    assert second is not None
    assert second.seen_at > first.seen_at
    assert not any("/api/v2/conversations/" in name for name in centre.ledger()["requests"])


def test_the_queue_that_the_portal_does_not_know_stays_unseen(
    centre: SimulatorProcess, watcher: Watcher
) -> None:
    call = centre.create_call(queueId=QUEUES[3].id)
    watcher.take_snapshot()
    assert _row(call["conversationId"]) is None


def test_without_queues_the_board_is_empty_and_nothing_is_asked(
    centre: SimulatorProcess, watcher: Watcher
) -> None:
    Queue.objects.all().delete()
    centre.clear_ledger()
    assert watcher.take_snapshot() == 0
    assert centre.ledger()["requests"] == {}


def test_a_list_that_was_cut_short_drops_nothing_and_says_so(
    centre: SimulatorProcess, watcher: Watcher
) -> None:
    watcher.take_snapshot()
    before, newcomer = set(_board()), centre.create_call()
    group = {
        "group": {"queueId": newcomer["queueId"], "mediaType": "voice"},
        "truncated": True,
        "data": [],
        "entities": [{"conversationId": newcomer["conversationId"], "metric": "oInteracting"}],
    }
    centre.plant("status", path="activity/query", status=200, body={"results": [group]})
    watcher.take_snapshot()
    assert set(_board()) == before | {UUID(newcomer["conversationId"])}
    assert "short" in FeedState.objects.get().problem
    watcher.take_snapshot()
    assert FeedState.objects.get().problem == ""


def test_a_snapshot_that_fails_changes_no_row(centre: SimulatorProcess, watcher: Watcher) -> None:
    watcher.take_snapshot()
    before = _board()
    centre.plant("status", path="activity/query", status=503, times=None)
    with pytest.raises(GenesysError):
        watcher.take_snapshot()
    assert _board() == before


# --- push --------------------------------------------------------------------------------------------------


def test_what_happens_in_the_centre_shows_within_two_seconds(
    centre: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Snapshots are half a minute apart: whatever shows sooner was pushed.
    with running(monkeypatch=monkeypatch):
        call = centre.create_call(agentName="Avery Lindqvist", callerAddress="tel:+13175550142")
        call_id = call["conversationId"]
        row = within(2, lambda: _row(call_id))
        assert (row.agent_name, row.caller, row.consent_reason) == ("Avery Lindqvist", "+13175550142", "")
        version = row.version

        centre.patch_call(call_id, held=True)
        row = within(2, lambda: LiveCall.objects.filter(pk=call_id, is_held=True).first())
        assert row.version != version
        centre.patch_call(call_id, held=False)
        row = within(2, lambda: LiveCall.objects.filter(pk=call_id, is_held=False).first())
        assert row.version == version

        centre.patch_call(call_id, securePause=True)
        within(2, lambda: LiveCall.objects.filter(pk=call_id, is_secure_paused=True).first())
        centre.patch_call(call_id, securePause=False, consent="false")
        within(2, lambda: LiveCall.objects.filter(pk=call_id, consent_reason="consent_denied").first())

        after = centre.patch_call(call_id, transfer=True)
        successor = UUID(after["agentParticipantId"])
        row = within(2, lambda: LiveCall.objects.filter(pk=call_id, agent_participant_id=successor).first())
        assert row.agent_name == after["agentName"]

        centre.patch_call(call_id, barged=True)
        within(2, lambda: LiveCall.objects.filter(pk=call_id).exclude(barged_by="").first())
        centre.patch_call(call_id, state="ended")
        within(2, lambda: _row(call_id) is None)


def test_what_was_pushed_says_the_same_as_what_is_read(
    centre: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two shapes of the same call: were their versions to differ, every barge would be refused as changed.
    with running(monkeypatch=monkeypatch) as watcher:
        call = centre.create_call(consent="true")
        pushed = within(2, lambda: _row(call["conversationId"]))
        watcher._missed_events.set()
        watcher.take_snapshot()
        read = _row(call["conversationId"])
        assert read is not None
        for field in LiveCall._meta.concrete_fields:
            if field.attname != "seen_at":
                assert getattr(read, field.attname) == getattr(pushed, field.attname), field.attname


def test_an_event_told_twice_changes_nothing(
    centre: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(monkeypatch=monkeypatch):
        centre.spoil_notifications("repeat")
        call = centre.create_call()
        within(2, lambda: _row(call["conversationId"]))
        centre.patch_call(call["conversationId"], held=True)
        within(2, lambda: LiveCall.objects.filter(pk=call["conversationId"], is_held=True).exists())


@pytest.mark.parametrize("fault", ["drop", "closing", "garbage"])
def test_a_spoilt_channel_is_followed_by_another(
    centre: SimulatorProcess, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    with running(monkeypatch=monkeypatch):
        centre.spoil_notifications(fault)
        call = within(5, lambda: _seen_by_push(centre))
        centre.patch_call(call, state="ended")
        within(2, lambda: _row(call) is None)


def _seen_by_push(centre: SimulatorProcess) -> str | None:
    call_id: str = centre.create_call()["conversationId"]
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        if _row(call_id) is not None:
            return call_id
        time.sleep(0.02)
    return None


def test_what_happened_while_nobody_listened_is_read_after_the_gap(
    centre: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id = centre.create_call()["conversationId"]
    with running(interval_s=0.2, monkeypatch=monkeypatch):
        within(3, lambda: _row(call_id))
        _let_two_snapshots_pass()  # those that read everything anew because the channel was just opened
        centre.spoil_notifications("silent")
        centre.patch_call(call_id, held=True)
        _let_two_snapshots_pass()
        row = _row(call_id)
        assert row is not None
        assert not row.is_held  # not told, and known calls are not read again without need
        centre.spoil_notifications("none")
        centre.spoil_notifications("drop")
        within(3, lambda: LiveCall.objects.filter(pk=call_id, is_held=True).exists())


def _let_two_snapshots_pass() -> None:
    for _ in range(2):
        last = FeedState.objects.get().snapshot_at
        within(3, lambda last=last: FeedState.objects.get().snapshot_at != last)


def test_a_gap_is_not_forgotten_when_reading_fails(centre: SimulatorProcess, watcher: Watcher) -> None:
    call_id = centre.create_call()["conversationId"]
    watcher.take_snapshot()
    centre.patch_call(call_id, held=True)  # nobody listens
    watcher._missed_events.set()
    centre.plant("status", method="GET", path="/api/v2/conversations/", status=503, times=40)
    with pytest.raises(GenesysError):
        watcher.take_snapshot()
    centre.clear_faults()
    watcher.take_snapshot()
    row = _row(call_id)
    assert row is not None
    assert row.is_held


def test_a_queue_that_the_portal_learns_of_later_is_followed(
    centre: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id = centre.create_call(queueId=QUEUES[3].id)["conversationId"]
    with running(interval_s=0.2, monkeypatch=monkeypatch):
        Queue.objects.create(id=QUEUES[3].id, name=QUEUES[3].name)
        within(3, lambda: _row(call_id))
        _let_two_snapshots_pass()
        centre.patch_call(call_id, held=True)
        within(2, lambda: LiveCall.objects.filter(pk=call_id, is_held=True).exists())


# --- failing -----------------------------------------------------------------------------------------------


def test_a_platform_that_is_down_is_a_problem_on_the_board_and_the_rows_stay(
    centre: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(interval_s=0.2, monkeypatch=monkeypatch):
        before = set(_board())
        centre.plant("status", path="/api/v2/", status=503, times=None)
        assert within(3, lambda: FeedState.objects.get().problem)
        assert set(_board()) == before
        centre.clear_faults()
        within(3, lambda: FeedState.objects.get().problem == "")


def test_a_failure_of_its_own_does_not_end_the_watcher(
    centre: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(interval_s=0.2, monkeypatch=monkeypatch):
        broken = threading.Event()

        def fail(*_: Any, **__: Any) -> None:
            broken.set()
            raise RuntimeError("the database went away")

        with monkeypatch.context() as patch:
            patch.setattr(module, "keep_only", fail)
            assert broken.wait(3)
        last = FeedState.objects.get().snapshot_at
        within(3, lambda: FeedState.objects.get().snapshot_at != last)


def test_a_row_that_nobody_vouches_for_any_more_is_dropped(watcher: Watcher) -> None:
    old = LiveCallFactory(queue=Queue.objects.first())
    watcher.take_snapshot()
    assert _row(old.pk) is None
