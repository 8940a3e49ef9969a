"""A compliance officer settles what the platform never told; everybody who may see it sees that it is open."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from injections.lifecycle import Status
from injections.models import InjectionRequest
from injections.roles import Role
from tests.factories import InjectionFactory
from tests.injections.web.conftest import HTMX, records

FOUND = {"outcome": "played", "reason": "Heard it on the recording of the call."}


@pytest.fixture
def officer(browser_of: Any) -> Client:
    client: Client = browser_of(Role.COMPLIANCE)
    return client


def doubtful(status: Status = Status.UNKNOWN, **values: Any) -> InjectionRequest:
    made: InjectionRequest = InjectionFactory(
        status=status,
        due_at=None,
        sent_at=timezone.now(),
        reason_code="outcome_unknown",
        error="the answer was lost",
        **values,
    )
    return made


def settle(client: Client, one: InjectionRequest, **changes: Any) -> Any:
    return client.post(f"/injections/{one.pk}/settle/", FOUND | changes, follow=True)


@pytest.mark.parametrize("status", [Status.UNKNOWN, Status.UNCONFIRMED])
def test_an_officer_says_that_it_was_played(officer: Client, status: Status):
    one = doubtful(status)
    page = settle(officer, one).content.decode()
    one.refresh_from_db()
    assert one.status == Status.COMPLETED
    assert "A compliance officer found that the recording was played." in page
    assert "The platform never reported its end." in page


def test_an_officer_says_that_it_was_not_played(officer: Client):
    one = doubtful()
    page = settle(officer, one, outcome="not_played").content.decode()
    one.refresh_from_db()
    assert (one.status, one.reason_code) == (Status.FAILED, "settled_not_played")
    assert "A compliance officer found that it was not played." in page


def test_a_settled_one_shows_who_how_and_why(officer: Client):
    page = settle(officer, doubtful()).content.decode()
    assert "Settled by a person" in page
    assert FOUND["reason"] in page
    assert officer.user.get_full_name() in page  # type: ignore[attr-defined]
    assert "Settle it" not in page


def test_its_end_by_word_has_no_length(officer: Client):
    answer = settle(officer, doubtful())
    assert [stage.is_done for stage in answer.context["story"].stages][-1] is False


def test_the_form_stands_with_doubtful_ones_alone(officer: Client):
    assert "Settle this doubt" in officer.get(f"/injections/{doubtful().pk}/").content.decode()
    ended = InjectionFactory(status=Status.COMPLETED, due_at=None, outcome="completed")
    assert "Settle this doubt" not in officer.get(f"/injections/{ended.pk}/").content.decode()


def test_a_supervisor_sees_the_doubt_and_no_form(supervisor: Client, cards: Any):
    page = supervisor.get(f"/injections/{doubtful(queue=cards).pk}/").content.decode()
    assert "may have heard it" in page
    assert "Settle this doubt" not in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"outcome": ""}, "Say whether it was played or not."),
        ({"outcome": "perhaps"}, "nothing else can be settled"),
        ({"reason": ""}, "Say how you know: the record keeps it."),
        ({"reason": " … "}, "Say how you know, in words."),
        ({"reason": "x" * 501}, "Say it in at most 500 characters."),
        ({"reason": "a\x00b"}, "The reason holds a control character"),
    ],
)
def test_an_incomplete_form_is_a_400_on_record_that_changes_nothing(
    officer: Client, changes: dict[str, str], words: str
):
    one = doubtful()
    answer = settle(officer, one, **changes)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    one.refresh_from_db()
    assert one.status == Status.UNKNOWN
    assert len(records("injection.settle_refused")) == 1


def test_what_was_written_stays_in_a_refused_form(officer: Client):
    page = settle(officer, doubtful(), outcome="").content.decode()
    assert FOUND["reason"] in page


def test_a_second_press_is_told_that_nothing_is_left_to_settle(officer: Client):
    one = doubtful()
    settle(officer, one)
    answer = settle(officer, one, outcome="not_played")
    assert answer.status_code == 409
    assert "nothing is left to settle" in answer.content.decode()
    one.refresh_from_db()
    assert one.status == Status.COMPLETED


def test_an_injection_that_does_not_exist_cannot_be_settled(officer: Client):
    assert officer.post(f"/injections/{uuid.uuid4()}/settle/", FOUND).status_code == 404


def test_an_open_page_takes_its_form_away_when_the_platform_has_settled_it(officer: Client):
    one = doubtful()
    address = f"/injections/{one.pk}/?place=page"
    assert "hx-swap-oob" not in officer.get(address, headers=HTMX).content.decode()
    InjectionRequest.objects.filter(pk=one.pk).update(
        status=Status.COMPLETED, outcome="completed", reason_code="", error="", occupies_call=False
    )
    assert '<div id="settle" hx-swap-oob="true">' in officer.get(address, headers=HTMX).content.decode()


def test_the_panel_has_no_form_to_take_away(officer: Client):
    ended = InjectionFactory(status=Status.COMPLETED, due_at=None, outcome="completed")
    answer = officer.get(f"/injections/{ended.pk}/?place=panel", headers=HTMX)
    assert "hx-swap-oob" not in answer.content.decode()


@pytest.mark.parametrize(
    "path", ["/injections/", "/clips/", "/deliveries/", "/status/", "/nowhere/", "/admin/"]
)
def test_compliance_sees_open_doubts_on_every_page(officer: Client, path: str):
    doubtful()
    doubtful(Status.UNCONFIRMED)
    officer.user.is_staff = True  # type: ignore[attr-defined]
    officer.user.save()  # type: ignore[attr-defined]
    page = officer.get(path).content.decode()
    assert "2 injections have an unclear outcome." in page
    assert "1 may have been played; 1 never had its end reported." in page
    assert page.count('href="/injections/?status=attention" id="doubts-link"') == 1


def test_without_doubts_the_banner_says_nothing(officer: Client):
    assert "unclear outcome." not in officer.get("/clips/").content.decode()


def test_a_supervisor_sees_those_of_their_queues_on_the_list(supervisor: Client, cards: Any):
    doubtful(queue=cards)
    doubtful()
    page = supervisor.get("/injections/").content.decode()
    assert "1 injection has an unclear outcome." in page
    assert "unclear outcome." not in supervisor.get("/clips/").content.decode()


def test_the_banner_alone_is_a_fragment(officer: Client):
    doubtful()
    page = officer.get("/injections/doubts/", headers=HTMX).content.decode()
    assert page.strip().startswith('<section id="doubts"')
