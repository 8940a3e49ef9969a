from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from injections.callers import Caller
from injections.models import LiveCall, Queue
from injections.roles import Role
from injections.web.rows import Board, BoardFilter, board
from tests.factories import LiveCallFactory, QueueFactory, UserFactory
from tests.injections.conftest import caller_for


@pytest.fixture
def dana(cards: Queue) -> Caller:
    user = UserFactory(role=Role.SUPERVISOR)
    user.supervised_queues.set([cards, QueueFactory(name="Mortgages")])
    return caller_for(user)


@pytest.fixture
def shown(dana: Caller) -> Callable[..., Board]:
    def show(**narrowed: Any) -> Board:
        return board(narrowed=BoardFilter(**narrowed), now=timezone.now(), by=dana)

    return show


def agents(found: Board) -> list[str]:
    return [row.agent for row in found.rows]


def test_the_board_shows_only_calls_of_ones_own_queues(shown: Any, cards: Queue):
    LiveCallFactory(queue=cards, agent_name="Mine")
    LiveCallFactory(agent_name="Somebody else's")
    assert agents(shown()) == ["Mine"]


def test_search_finds_agent_queue_direction_and_visible_digits(shown: Any, cards: Queue):
    LiveCallFactory(queue=cards, agent_name="Zoë Vandenberg", caller="+13175550142")
    for words in ("ZOË", "cards inbound", "0142", "317 vanden"):
        assert len(shown(q=words).rows) == 1


def test_search_does_not_give_away_masked_digits(shown: Any, cards: Queue):
    LiveCallFactory(queue=cards, caller="+13175550142")
    assert shown(q="555").rows == []
    assert shown(q="5550142").rows == []


def test_the_total_counts_what_the_filter_hides(shown: Any, cards: Queue):
    LiveCallFactory(queue=cards, agent_name="Ada")
    LiveCallFactory(queue=cards, agent_name="Bo")
    found = shown(q="ada", queue=cards.pk)
    assert (len(found.rows), found.total) == (1, 2)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("held", ["Held"]),
        ("secure_pause", ["Paused"]),
        ("ready", ["Free"]),
        ("connected", ["Declined", "Free"]),
    ],
)
def test_a_state_narrows_the_board(shown: Any, cards: Queue, state: str, expected: list[str]):
    LiveCallFactory(queue=cards, agent_name="Free")
    LiveCallFactory(queue=cards, agent_name="Held", is_held=True)
    LiveCallFactory(queue=cards, agent_name="Paused", is_secure_paused=True)
    LiveCallFactory(queue=cards, agent_name="Declined", consent_reason="consent_denied")
    assert sorted(agents(shown(state=state))) == expected


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("", ["Cy", "Ada", "Bo"]),
        ("newest", ["Bo", "Ada", "Cy"]),
        ("agent", ["Ada", "Bo", "Cy"]),
        ("ready", ["Ada", "Bo", "Cy"]),
    ],
)
def test_the_board_is_sorted_as_asked(shown: Any, cards: Queue, sort: str, expected: list[str]):
    now = timezone.now()
    for name, minutes, consent in (("Ada", 5, ""), ("Bo", 1, ""), ("Cy", 9, "consent_denied")):
        LiveCallFactory(
            queue=cards,
            agent_name=name,
            connected_at=now - timedelta(minutes=minutes),
            consent_reason=consent,
        )
    assert agents(shown(sort=sort)) == expected


def test_a_row_changes_its_digest_with_its_state_but_not_with_time(shown: Any, cards: Queue):
    call: LiveCall = LiveCallFactory(queue=cards)
    before = shown().rows[0].digest
    LiveCall.objects.filter(pk=call.pk).update(seen_at=call.seen_at + timedelta(seconds=2))
    assert shown().rows[0].digest == before
    LiveCall.objects.filter(pk=call.pk).update(is_held=True)
    assert shown().rows[0].digest != before


def test_a_board_of_any_size_takes_the_same_few_queries(
    shown: Any, cards: Queue, django_assert_max_num_queries: Any
):
    LiveCallFactory.create_batch(30, queue=cards)
    with django_assert_max_num_queries(4):
        shown()
