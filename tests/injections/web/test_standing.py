"""Breaker and request budget on the screen: told in words, in the strip of every page, and before a barge."""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from injections.gate import GateView
from injections.genesys.breaker import BreakerState
from injections.genesys.budget import BudgetState
from injections.models import FeedState, LiveCall
from injections.roles import Role
from injections.web.standing import standing
from injections.web.strip_pass import new_pass
from tests.factories import AudioClipFactory, InjectionFactory
from tests.injections.web.conftest import HTMX, put_gate, records

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def view(**changes: Any) -> GateView:
    values: dict[str, Any] = {
        "is_open": False,
        "opened_at": None,
        "forced_by": "",
        "allowed": 300,
        "left": 212,
        "resets_at": NOW.timestamp() + 14,
    }
    return GateView(**(values | changes))


OPEN = {"is_open": True, "opened_at": NOW.timestamp() - 60}


@pytest.mark.parametrize(
    ("changes", "code", "is_holding"),
    [
        ({}, "clear", False),
        ({"left": 3}, "clear", False),
        ({"left": 2}, "spent", True),
        (OPEN, "open", True),
        (OPEN | {"forced_by": "Ada"}, "forced", True),
        (OPEN | {"left": 0}, "open", True),
        ({"is_known": False}, "blind", False),
    ],
)
def test_the_gravest_counts(changes: dict[str, Any], code: str, is_holding: bool):
    stands = standing(view(**changes), now=NOW, patience_s=20)
    assert (stands.code, stands.is_holding) == (code, is_holding)


def test_an_open_breaker_says_that_a_barge_waits_and_how_long():
    stands = standing(view(**OPEN), now=NOW, patience_s=20)
    assert "tried every 2 s, for 20 s at most" in stands.meaning


def test_a_breaker_opened_by_hand_names_who_did_it():
    assert standing(view(**OPEN, forced_by="Ada Lovelace"), now=NOW, patience_s=20).what.startswith(
        "Ada Lovelace"
    )


def test_a_name_with_markup_stays_text():
    stands = standing(view(**OPEN, forced_by="<b>"), now=NOW, patience_s=20)
    assert not hasattr(stands.what, "__html__")


def test_a_limit_used_up_says_when_a_barge_is_sent():
    meaning = standing(view(left=0), now=NOW, patience_s=20).meaning
    assert "A barge now waits; it is sent <time" in meaning
    assert ">in 14 s</time>" in meaning


def test_a_limit_that_outlasts_every_deadline_says_that_a_barge_is_given_up():
    assert "given up at once" in standing(view(left=0), now=NOW, patience_s=10).meaning


# --- The strip ------------------------------------------------------------------------------------------------


@pytest.fixture
def live(db: None) -> None:
    FeedState.objects.create(snapshot_at=timezone.now(), heard_at=timezone.now())


def ask(client: Client, **query: str) -> Any:
    return client.get("/strip/", {"pass": new_pass(), **query}, headers=HTMX)


@pytest.mark.parametrize(("is_simulator", "name"), [(False, "Genesys"), (True, "Simulator")])
def test_the_platform_is_called_what_it_is(
    supervisor: Client, live: None, settings: Any, is_simulator: bool, name: str
):
    settings.GENESYS_IS_SIMULATOR = is_simulator
    assert f"{name} connected" in supervisor.get("/injections/").content.decode()


def test_every_page_says_what_is_left_of_the_limit(supervisor: Client, live: None):
    page = supervisor.get("/injections/").content.decode()
    assert "Genesys connected" in page
    assert "<b>298</b> of 300 requests left" in page


def test_a_strip_that_shows_it_already_gets_nothing(client: Client, live: None):
    shown = re.search(r";v=(\w+)", ask(client).content.decode())
    assert shown is not None
    assert ask(client, v=shown[1]).status_code == 204


def test_the_strip_asks_the_database_once_a_second_whoever_asks(
    supervisor: Client, live: None, django_assert_num_queries: Any
):
    with django_assert_num_queries(1):
        ask(supervisor)
    with django_assert_num_queries(0):
        ask(supervisor)


def test_an_open_breaker_is_told_and_wakes_the_rest_of_the_page(client: Client, live: None):
    put_gate(BreakerState(opened_at=time.time(), forced_by="Ada Lovelace"))
    answer = ask(client, **{"is": "clear"})
    assert "Requests held back since" in answer.content.decode()
    assert "by <bdi>Ada Lovelace</bdi>" in answer.content.decode()
    assert "gate-changed" in answer["HX-Trigger"]
    assert 'data-announce="Ada Lovelace holds every request to Genesys Cloud back.' in answer.content.decode()


def test_what_was_told_already_is_not_told_again(client: Client, live: None):
    put_gate(spent=BudgetState(used=90, ends_at=time.time() + 30))
    answer = ask(client, v="older", **{"is": "clear"})
    assert "<b>208</b>" in answer.content.decode()
    assert "HX-Trigger" not in answer
    assert "data-announce" not in answer.content.decode()


def test_a_limit_used_up_counts_down_in_the_strip(client: Client, live: None):
    put_gate(spent=BudgetState(used=300, ends_at=time.time() + 30))
    assert "No requests left, again <time" in ask(client).content.decode()


def test_a_watcher_that_is_behind_is_told_in_the_strip(client: Client, db: None):
    assert "Live calls are behind" in ask(client).content.decode()


def test_a_platform_that_answers_with_errors_is_told_with_its_reason(client: Client, db: None):
    now = timezone.now()
    FeedState.objects.create(
        snapshot_at=now - timedelta(seconds=11), heard_at=now, problem="It is overloaded."
    )
    assert "It is overloaded." in ask(client).content.decode()
    assert "connected" not in ask(client).content.decode()


def test_a_state_that_cannot_be_read_is_told(client: Client, live: None, no_shared_state: None):
    assert "Request limit not known" in ask(client).content.decode()


@pytest.mark.parametrize("wrong", ["", "strip", "strip:1:x"])
def test_without_a_pass_the_strip_leads_to_the_login(client: Client, db: None, wrong: str):
    answer = client.get("/strip/", {"pass": wrong}, headers=HTMX)
    assert answer["HX-Redirect"].startswith("/login/")


def test_a_pass_ends_with_the_longest_session(client: Client, live: None, settings: Any):
    settings.SESSION_COOKIE_AGE = -1
    assert "HX-Redirect" in ask(client)


# --- Before and after a barge -----------------------------------------------------------------------------------


def test_board_and_panel_say_that_a_barge_would_wait(supervisor: Client, call: LiveCall):
    AudioClipFactory()
    put_gate(BreakerState(opened_at=time.time()))
    page = supervisor.get(f"/calls/{call.pk}/").content.decode()
    assert page.count("Genesys Cloud is failing: requests are held back.") >= 2
    facts = supervisor.get(f"/calls/{call.pk}/facts/", headers=HTMX).content.decode()
    assert "A barge now waits" in facts
    assert 'id="arm-button" aria-describedby="why">' in page, "waiting is no reason to forbid it"


def test_a_clear_way_says_nothing(supervisor: Client, call: LiveCall):
    assert "A barge now" not in supervisor.get(f"/calls/{call.pk}/").content.decode()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("breaker_open", "It waits: requests to Genesys Cloud are held back."),
        ("rate_limited", "It waits: the platform takes no more requests for the moment."),
        ("upstream_unreachable", "The platform could not take it at once. Answered 503."),
    ],
)
def test_what_waits_says_for_what_and_counts_down(supervisor: Client, code: str, words: str):
    now = timezone.now()
    one = InjectionFactory(
        requested_by=supervisor.user,  # type: ignore[attr-defined]
        reason_code=code,
        error="answered 503",
        due_at=now + timedelta(seconds=2),
        deadline_at=now + timedelta(seconds=15),
    )
    page = supervisor.get(f"/injections/{one.pk}/").content.decode()
    assert words in page
    assert page.count("data-until") == 2
    assert "Next try" in page
    assert "Given up" in page


def test_a_result_in_the_panel_can_be_taken_back_at_once(supervisor: Client, call: LiveCall):
    one = InjectionFactory(requested_by=supervisor.user, conversation_id=call.pk)  # type: ignore[attr-defined]
    page = supervisor.get(f"/calls/{call.pk}/?injection={one.pk}").content.decode()
    assert "Cancel it before it is sent" in page


# --- The breaker by hand ----------------------------------------------------------------------------------------


@pytest.fixture
def admin(browser_of: Any) -> Client:
    client: Client = browser_of(Role.ADMINISTRATOR)
    return client


def test_opening_takes_a_second_act_and_is_on_record(admin: Client):
    assert "Hold every request to Genesys Cloud back?" in admin.get("/status/breaker/").content.decode()
    assert records("breaker.opened") == []
    page = admin.post("/status/breaker/open/", {"reason": "Maintenance"}, follow=True).content.decode()
    assert "Held back by hand" in page
    assert len(records("breaker.opened")) == 1


def test_closing_takes_a_second_act_and_is_on_record(admin: Client):
    put_gate(BreakerState(opened_at=time.time()))
    assert "Let requests go to Genesys Cloud again?" in admin.get("/status/breaker/").content.decode()
    page = admin.post("/status/breaker/close/", follow=True).content.decode()
    assert "Let through" in page
    assert len(records("breaker.closed")) == 1


def test_the_question_cannot_be_answered_by_a_link(admin: Client):
    assert admin.get("/status/breaker/open/").status_code == 405


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ({}, "Say why requests are held back"),
        ({"reason": " … "}, "in words"),
        ({"reason": "x" * 501}, "at most 500 characters"),
        ({"reason": "\u202egnp"}, "The reason"),
    ],
)
def test_requests_are_not_held_back_without_a_reason(admin: Client, reason: dict[str, str], told: str):
    answer = admin.post("/status/breaker/open/", reason)
    assert answer.status_code == 400
    assert told in answer.content.decode()
    assert records("breaker.open_asked") == []


@pytest.mark.parametrize("act", ["open", "close"])
def test_a_breaker_out_of_reach_is_said_clearly(admin: Client, act: str, no_shared_state: None):
    answer = admin.post(f"/status/breaker/{act}/", {"reason": "Maintenance"})
    assert answer.status_code == 503
    page = answer.content.decode()
    assert "Requests cannot be held back or let through now" in page
    assert "See that Redis runs" in page


def test_the_status_page_offers_it_to_administrators_alone(browser_of: Any, admin: Client):
    assert 'href="/status/breaker/"' in admin.get("/status/").content.decode()
    assert 'href="/status/breaker/"' not in browser_of(Role.COMPLIANCE).get("/status/").content.decode()
