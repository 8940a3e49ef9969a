"""Deliveries to the QA system on the page."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from injections.models import QaEvent
from injections.roles import Role
from tests.factories import QaEventFactory
from tests.injections.web.conftest import HTMX, records


@pytest.fixture
def admin(browser_of: Any) -> Client:
    client: Client = browser_of(Role.ADMINISTRATOR)
    return client


@pytest.fixture
def three(db: None) -> dict[str, QaEvent]:
    """One event of each kind."""
    now = timezone.now()
    return {
        "failed": QaEventFactory(tries=3, error="answered 503", due_at=now + timedelta(minutes=4)),
        "waiting": QaEventFactory(),
        "delivered": QaEventFactory(due_at=None, delivered_at=now),
    }


@pytest.mark.parametrize("state", ["failed", "waiting", "delivered"])
def test_the_list_is_narrowed_by_state(admin: Client, three: dict[str, QaEvent], state: str):
    rows = admin.get(f"/deliveries/?state={state}").context["rows"]
    assert [row["event"] for row in rows] == [three[state]]


def test_the_newest_event_comes_first(admin: Client, three: dict[str, QaEvent]):
    numbers = [row["event"].number for row in admin.get("/deliveries/").context["rows"]]
    assert numbers == sorted(numbers, reverse=True)


def test_a_failed_one_shows_its_error_its_tries_and_its_next_try(admin: Client, three: dict[str, QaEvent]):
    page = admin.get("/deliveries/?state=failed").content.decode()
    for words in ("Failed so far", "Answered 503", '<td class="num">3</td>', "in 4 min 0 s"):
        assert words in page


@pytest.mark.parametrize(
    "query", ["state=dancing", "before=x", "before=-1", "before=9" + "9" * 30, "state=%00"]
)
def test_a_filter_that_makes_no_sense_is_a_400(admin: Client, query: str):
    answer = admin.get(f"/deliveries/?{query}")
    assert answer.status_code == 400
    assert 'class="error"' in answer.content.decode()


def test_older_events_are_a_page_away(admin: Client):
    QaEventFactory.create_batch(51, tries=1, error="answered 503")
    first = admin.get("/deliveries/?state=failed")
    assert len(first.context["rows"]) == 50
    assert len(admin.get(f"/deliveries/?{first.context['older']}").context["rows"]) == 1


def test_the_list_takes_the_same_few_queries_at_any_length(admin: Client, django_assert_max_num_queries: Any):
    QaEventFactory.create_batch(20)
    with django_assert_max_num_queries(6):
        admin.get("/deliveries/")


@pytest.mark.parametrize("kind", ["failed", "delivered"])
def test_an_event_is_sent_again_on_record_and_the_filter_stays(
    admin: Client, three: dict[str, QaEvent], kind: str
):
    number = three[kind].number
    answer = admin.post(f"/deliveries/{number}/resend/?state={kind}", follow=True)
    event = QaEvent.objects.get(pk=number)
    assert (event.tries, event.delivered_at) == (0, None)
    assert event.due_at is not None
    assert event.due_at <= timezone.now()
    assert len(records("qa_event.resent")) == 1
    assert answer.request["QUERY_STRING"] == f"state={kind}&resent={number}"
    assert f"Event {number} is sent again now." in answer.content.decode()


def test_by_script_the_list_alone_comes_back(admin: Client, three: dict[str, QaEvent]):
    number = three["failed"].number
    page = admin.post(f"/deliveries/{number}/resend/", headers=HTMX).content.decode()
    assert page.strip().startswith('<div id="results"')
    assert f"Event {number} is sent again now." in page


@pytest.mark.parametrize("number", ["999", "9" * 25])
def test_an_event_that_does_not_exist_is_not_sent_again(admin: Client, number: str, db: None):
    assert admin.post(f"/deliveries/{number}/resend/").status_code == 404


def test_what_was_not_tried_yet_needs_no_button(admin: Client, three: dict[str, QaEvent]):
    assert (
        "Send again" not in admin.get("/deliveries/?state=waiting").content.decode().partition("<tbody>")[2]
    )


def test_only_whoever_may_open_the_injection_gets_a_link(browser_of: Any, three: dict[str, QaEvent]):
    link = f'href="/injections/{three["failed"].injection_id}/"'
    assert link in browser_of(Role.COMPLIANCE).get("/deliveries/").content.decode()
    assert link not in browser_of(Role.ADMINISTRATOR).get("/deliveries/").content.decode()


def test_without_a_qa_system_the_page_says_how_to_connect_one(admin: Client):
    assert "With QA_WEBHOOK_URL set" in admin.get("/deliveries/").content.decode()


def test_an_event_that_is_kept_to_be_asked_for_does_not_look_as_if_it_waited(admin: Client):
    QaEventFactory(due_at=None)
    assert "Kept to be asked for" in admin.get("/deliveries/").content.decode()
    assert "Kept to be asked for" not in admin.get("/deliveries/?state=waiting").content.decode()


def test_an_event_with_markup_stays_text(admin: Client):
    QaEventFactory(tries=1, error="<script>alert(1)</script>")
    assert "<script>alert" not in admin.get("/deliveries/").content.decode()
