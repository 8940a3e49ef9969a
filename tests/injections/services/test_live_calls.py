"""The projection of live calls: what is written, what is left out, what is dropped."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from injections.genesys.types import LiveCallState
from injections.models import FeedState, LiveCall, Queue
from injections.services.live_calls import forget_calls, keep_only, note_feed, store_calls
from tests.factories import LiveCallFactory, QueueFactory

pytestmark = pytest.mark.django_db
KEY = "supervision_consent"


def _state(queue: Queue, **changes: Any) -> LiveCallState:
    values: dict[str, Any] = {
        "conversation_id": str(uuid4()),
        "agent_participant_id": str(uuid4()),
        "agent_name": "Avery Lindqvist",
        "agent_user_id": str(uuid4()),
        "queue_id": str(queue.pk),
        "queue_name": queue.name,
        "caller_address": "tel:+13175550142",
        "caller_name": "Alice Morgan",
        "direction": "inbound",
        "connected_at": timezone.now(),
        "state": "connected",
        "held": False,
        "confined": False,
        "secure_pause": False,
        "barged_by": None,
        "agent_attributes": {KEY: "true"},
        "customer_participant_id": str(uuid4()),
        "version": "abc123",
    }
    return LiveCallState(**(values | changes))


def _store(*states: LiveCallState) -> int:
    return store_calls(states, consent_key=KEY, seen_at=timezone.now())


def _stored(state: LiveCallState) -> LiveCall:
    return LiveCall.objects.get(pk=state.conversation_id)


def test_a_call_is_written_as_it_was_seen() -> None:
    queue, seen_at = QueueFactory(), timezone.now()
    state = _state(queue)
    assert store_calls([state], consent_key=KEY, seen_at=seen_at) == 1
    row = _stored(state)
    assert (row.queue, row.agent_name, row.state, row.version) == (
        queue,
        "Avery Lindqvist",
        "connected",
        "abc123",
    )
    assert str(row.agent_participant_id) == state.agent_participant_id
    assert str(row.customer_participant_id) == state.customer_participant_id
    assert (row.caller, row.seen_at, row.connected_at) == ("+13175550142", seen_at, state.connected_at)
    assert (row.is_held, row.is_secure_paused, row.barged_by) == (False, False, "")


def test_a_call_that_is_seen_again_is_written_over_whole() -> None:
    queue, other = QueueFactory(), QueueFactory()
    first = _state(queue)
    _store(first)
    again = _state(
        other,
        conversation_id=first.conversation_id,
        held=True,
        secure_pause=True,
        barged_by="Lee Park",
        agent_attributes={KEY: "false"},
        version="def456",
        connected_at=None,
    )
    _store(again)
    row = LiveCall.objects.get()
    assert (row.queue, row.is_held, row.is_secure_paused, row.barged_by) == (other, True, True, "Lee Park")
    assert (row.consent_reason, row.version, row.connected_at) == ("consent_denied", "def456", None)
    assert str(row.agent_participant_id) == again.agent_participant_id


@pytest.mark.parametrize("flag", ["held", "confined"])
def test_confined_is_as_good_as_held(flag: str) -> None:
    state = _state(QueueFactory(), **{flag: True})
    _store(state)
    assert _stored(state).is_held


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({KEY: "true"}, ""),
        ({KEY: "True"}, "consent_denied"),
        ({"team": "Floor 2"}, "consent_missing"),
        ({}, "attributes_missing"),
    ],
)
def test_consent_is_told_in_the_codes_of_the_refusals(attributes: dict[str, str], reason: str) -> None:
    state = _state(QueueFactory(), agent_attributes=attributes)
    _store(state)
    assert _stored(state).consent_reason == reason


def test_a_queue_that_the_portal_does_not_know_is_left_out() -> None:
    unknown = QueueFactory.build()
    known = _state(QueueFactory())
    assert _store(_state(unknown), known) == 1
    assert LiveCall.objects.get().pk == UUID(known.conversation_id)


@pytest.mark.parametrize(
    "odd", [{"conversation_id": "call-1"}, {"queue_id": None}, {"queue_id": "Cards"}, {"conversation_id": ""}]
)
def test_what_has_no_usable_id_is_left_out(odd: dict[str, Any]) -> None:
    assert _store(_state(QueueFactory(), **odd)) == 0


@pytest.mark.parametrize(
    "odd", [{"agent_user_id": None}, {"agent_user_id": "u-1"}, {"customer_participant_id": "c"}]
)
def test_an_odd_id_of_a_person_is_left_empty(odd: dict[str, Any]) -> None:
    state = _state(QueueFactory(), **odd)
    _store(state)
    assert getattr(_stored(state), next(iter(odd))) is None


def test_texts_that_are_too_long_are_cut() -> None:
    state = _state(
        QueueFactory(),
        agent_name="a" * 999,
        caller_address="tel:" + "1" * 999,
        direction="d" * 99,
        state="s" * 99,
        barged_by="b" * 999,
    )
    _store(state)
    row = _stored(state)
    lengths = [len(text) for text in (row.agent_name, row.caller, row.direction, row.state, row.barged_by)]
    assert lengths == [200, 100, 10, 12, 200]


def test_a_character_that_a_database_cannot_hold_does_not_stop_the_board() -> None:
    # PostgreSQL refuses U+0000 and no database takes half a pair; one odd name must not hide all other calls.
    state, other = _state(QueueFactory(), agent_name="Av\x00ery \ud800"), _state(QueueFactory())
    assert _store(state, other) == 2
    assert _stored(state).agent_name.startswith("Av")


def test_all_calls_are_written_in_one_statement(django_assert_max_num_queries: Any) -> None:
    queue = QueueFactory()
    states = [_state(queue) for _ in range(50)]
    with django_assert_max_num_queries(3):
        store_calls(states, consent_key=KEY, seen_at=timezone.now())
    assert LiveCall.objects.count() == 50


def test_ended_calls_are_dropped_and_others_stay() -> None:
    gone, stays = LiveCallFactory(), LiveCallFactory()
    forget_calls([gone.pk, uuid4()])
    assert LiveCall.objects.get() == stays


def test_closing_a_snapshot_vouches_for_those_named_and_drops_the_rest() -> None:
    before = timezone.now() - timedelta(seconds=10)
    named, unnamed = LiveCallFactory(seen_at=before), LiveCallFactory(seen_at=before)
    now = timezone.now()
    keep_only([named.pk], seen_at=now)
    assert LiveCall.objects.get().seen_at == now
    assert not LiveCall.objects.filter(pk=unnamed.pk).exists()
    feed = FeedState.objects.get()
    assert (feed.snapshot_at, feed.problem) == (now, "")


def test_closing_a_snapshot_leaves_alone_what_an_event_has_told_since() -> None:
    taken_at = timezone.now()
    newer = LiveCallFactory(seen_at=taken_at + timedelta(seconds=1))
    keep_only([], seen_at=taken_at)
    keep_only([newer.pk], seen_at=taken_at)
    assert LiveCall.objects.get().seen_at == newer.seen_at


def test_how_the_watcher_fares_is_one_row_of_which_parts_change() -> None:
    now = timezone.now()
    note_feed(heard_at=now)
    note_feed(problem="the platform is away")
    feed = FeedState.objects.get()
    assert (feed.heard_at, feed.snapshot_at, feed.problem) == (now, None, "the platform is away")
