from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from injections.genesys.breaker import BreakerState
from injections.models import FeedState, LiveCall, Queue
from injections.roles import Role
from tests.factories import InjectionFactory, LiveCallFactory, QueueFactory
from tests.injections.web.conftest import HTMX, put_gate


def test_the_board_shows_a_call_with_its_caller_masked(supervisor: Client, call: LiveCall):
    page = supervisor.get("/").content.decode()
    assert "Avery Lindqvist" in page
    assert "+1 317 ••• 0142" in page
    assert "5550142" not in page


def test_whoever_is_not_logged_in_is_led_to_the_login_and_back(client: Client, db: None):
    answer = client.get("/?q=avery")
    assert answer.status_code == 302
    assert answer["Location"] == "/login/?next=%2F%3Fq%3Davery"


def test_the_rows_alone_are_a_fragment(supervisor: Client, call: LiveCall):
    page = supervisor.get("/calls/rows/", headers=HTMX).content.decode()
    assert page.strip().startswith('<div id="calls"')
    assert "<html" not in page


def test_an_expired_session_sends_the_whole_page_to_the_login(client: Client, db: None):
    headers = HTMX | {"HX-Current-URL": "http://testserver/calls/x/"}
    answer = client.get("/calls/rows/", headers=headers)
    assert answer["HX-Redirect"] == "/login/?next=%2Fcalls%2Fx%2F&ended=1"


def test_a_filter_stands_in_the_address_of_the_open_page(supervisor: Client, call: LiveCall):
    headers = HTMX | {"HX-Trigger": "filters", "HX-Current-URL": "http://testserver/?q=old"}
    answer = supervisor.get("/calls/rows/?q=avery", headers=headers)
    assert answer["HX-Replace-Url"] == "/?q=avery"


def test_a_poll_leaves_the_address_alone(supervisor: Client, call: LiveCall):
    assert "HX-Replace-Url" not in supervisor.get("/calls/rows/?q=avery", headers=HTMX)


@pytest.mark.parametrize("query", ["state=dancing", "queue=nonsense", "sort=%00", "q=" + "x" * 200, "q=%00"])
def test_a_filter_that_makes_no_sense_is_a_clear_400(supervisor: Client, call: LiveCall, query: str):
    answer = supervisor.get(f"/?{query}")
    assert answer.status_code == 400
    assert 'class="error"' in answer.content.decode()


def test_a_queue_of_others_is_not_a_filter(supervisor: Client, call: LiveCall):
    assert supervisor.get(f"/?queue={QueueFactory().pk}").status_code == 400


def test_a_board_without_calls_says_what_will_happen(supervisor: Client):
    assert "Nobody is on the phone" in supervisor.get("/").content.decode()


def test_a_supervisor_without_queues_is_told_whom_to_ask(browser_of: Any):
    assert "You have no queues yet" in browser_of(Role.SUPERVISOR).get("/").content.decode()


def test_a_filter_that_fits_nothing_offers_the_way_back(supervisor: Client, call: LiveCall):
    assert "Show all calls" in supervisor.get("/?q=nobody").content.decode()


def test_a_watcher_that_is_behind_is_said_on_the_board(supervisor: Client, call: LiveCall):
    FeedState.objects.update(
        snapshot_at=timezone.now() - timedelta(seconds=11), heard_at=timezone.now() - timedelta(seconds=11)
    )
    assert "Live calls are behind." in supervisor.get("/calls/rows/", headers=HTMX).content.decode()


def test_a_live_board_says_nothing_of_its_watcher(supervisor: Client, call: LiveCall):
    assert "Live calls are behind." not in supervisor.get("/calls/rows/", headers=HTMX).content.decode()


def poll(client: Client, stamp: str, query: str = "") -> Any:
    return client.get(f"/calls/rows/?v={stamp}{query}", headers=HTMX)


def stamp_of(client: Client) -> str:
    stamp: str = client.get("/").context["stamp"]
    return stamp


def test_a_poll_that_finds_nothing_new_is_an_empty_204(supervisor: Client, call: LiveCall):
    answer = poll(supervisor, stamp_of(supervisor))
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_poll_that_finds_nothing_new_reads_no_row(
    supervisor: Client, call: LiveCall, django_assert_max_num_queries: Any
):
    stamp = stamp_of(supervisor)
    with django_assert_max_num_queries(8):
        poll(supervisor, stamp)


CHANGES: dict[str, Callable[[LiveCall], Any]] = {
    "seen anew": lambda call: LiveCall.objects.update(seen_at=timezone.now()),
    "ended": lambda call: call.delete(),
    "begun": lambda call: LiveCallFactory(queue=call.queue),
    "ours is due": lambda call: InjectionFactory(conversation_id=call.pk),
    "in doubt": lambda call: InjectionFactory(
        conversation_id=call.pk,
        status="unknown",
        occupies_call=False,
        reason_code="outcome_unknown",
        error="lost",
    ),
    "stale": lambda call: LiveCall.objects.update(seen_at=timezone.now() - timedelta(seconds=11)),
    "behind": lambda call: FeedState.objects.update(problem="rejected"),
    "held back": lambda call: put_gate(BreakerState(opened_at=1.0)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_poll_finds_whatever_the_board_shows_changed(supervisor: Client, call: LiveCall, change: str):
    stamp = stamp_of(supervisor)
    CHANGES[change](call)
    assert poll(supervisor, stamp).status_code == 200


def test_another_filter_is_never_an_empty_answer(supervisor: Client, call: LiveCall):
    assert poll(supervisor, stamp_of(supervisor), "&q=avery").status_code == 200


def test_a_call_of_another_queue_changes_nothing(supervisor: Client, call: LiveCall):
    stamp = stamp_of(supervisor)
    LiveCallFactory()
    assert poll(supervisor, stamp).status_code == 204


def test_an_agent_name_with_markup_stays_text(supervisor: Client, cards: Queue):
    LiveCallFactory(queue=cards, agent_name="<script>alert(1)</script>")
    assert "<script>alert" not in supervisor.get("/").content.decode()


def test_more_calls_ask_no_more_questions(supervisor: Client, cards: Queue, django_assert_num_queries: Any):
    LiveCallFactory(queue=cards)
    with CaptureQueriesContext(connection) as one:
        supervisor.get("/")
    LiveCallFactory.create_batch(40, queue=cards)
    with django_assert_num_queries(len(one)):
        supervisor.get("/")


def test_a_search_with_a_hidden_character_is_refused_in_one_sentence(supervisor: Client, call: LiveCall):
    answer = supervisor.get("/", {"q": "nul\x00"})
    assert answer.status_code == 400
    assert answer.content.decode().count('class="error"') == 1
