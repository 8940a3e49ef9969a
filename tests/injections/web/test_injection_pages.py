import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import AuditRecord
from injections.callers import system_caller
from injections.lifecycle import Status
from injections.models import DispatchAttempt, InjectionRequest
from injections.models.dispatch_attempt import AttemptOutcome
from injections.reasons import reason
from injections.roles import Role
from injections.services import sweep
from tests.factories import InjectionFactory
from tests.injections.web.conftest import HTMX


def an_unknown(**values: Any) -> InjectionRequest:
    made: InjectionRequest = InjectionFactory(
        status=Status.UNKNOWN,
        due_at=None,
        reason_code="outcome_unknown",
        error="the answer was lost",
        **values,
    )
    return made


def test_an_unclear_outcome_stands_out_in_the_list(browser_of: Any):
    an_unknown(agent_name="Jun Tanaka")
    page = browser_of(Role.COMPLIANCE).get("/injections/").content.decode()
    assert '<tr class="is-unclear">' in page
    assert "Unknown" in page


@pytest.mark.parametrize(("status", "count"), [("", 2), ("attention", 1), ("running", 1), ("completed", 0)])
def test_the_list_is_narrowed_by_status(browser_of: Any, status: str, count: int):
    an_unknown()
    InjectionFactory()
    answer = browser_of(Role.COMPLIANCE).get(f"/injections/?status={status}")
    assert len(answer.context["rows"]) == count


def test_the_filter_offers_the_words_of_the_list(browser_of: Any):
    page = browser_of(Role.COMPLIANCE).get("/injections/").content.decode()
    assert '<option value="dispatched">Accepted, playing</option>' in page


def test_an_empty_last_page_does_not_say_that_nothing_was_ever_played(browser_of: Any):
    last = InjectionFactory()
    page = browser_of(Role.COMPLIANCE).get(f"/injections/?before={last.pk}").content.decode()
    assert "Nothing has been played yet" not in page


@pytest.mark.parametrize(
    "query",
    ["status=dancing", "day=yesterday", "day=2026-99-99", "before=42", "q=%00", "q=" + "x" * 101],
)
def test_a_filter_that_makes_no_sense_is_a_400(browser_of: Any, query: str):
    answer = browser_of(Role.COMPLIANCE).get(f"/injections/?{query}")
    assert answer.status_code == 400
    assert 'class="error"' in answer.content.decode()


def test_the_last_day_of_all_is_a_day(browser_of: Any):
    assert browser_of(Role.COMPLIANCE).get("/injections/?day=9999-12-31").status_code == 200


def test_older_injections_are_a_page_away(browser_of: Any):
    now = timezone.now()
    for age in range(51):
        InjectionFactory(requested_at=now - timedelta(minutes=age))
    client = browser_of(Role.COMPLIANCE)
    first = client.get("/injections/?status=running")
    assert len(first.context["rows"]) == 50
    second = client.get("/injections/" + first.context["older"])
    assert len(second.context["rows"]) == 1
    assert second.context["newest"] == "?status=running"


def test_the_list_takes_the_same_few_queries_at_any_length(
    browser_of: Any, django_assert_max_num_queries: Any
):
    InjectionFactory.create_batch(20)
    client = browser_of(Role.COMPLIANCE)
    with django_assert_max_num_queries(6):
        client.get("/injections/")


def test_the_detail_shows_every_attempt(browser_of: Any):
    made = an_unknown()
    DispatchAttempt.objects.create(
        injection=made,
        number=1,
        outcome=AttemptOutcome.UNKNOWN,
        started_at=timezone.now(),
        finished_at=timezone.now(),
        checked_ms=51,
        sent_ms=55,
        correlation_id="corr-1",
        error="the connection was reset",
        http_status=502,
    )
    page = browser_of(Role.COMPLIANCE).get(f"/injections/{made.pk}/").content.decode()
    for words in ("May have been accepted", "corr-1", "the connection was reset", "502", "Do not repeat it."):
        assert words in page


def test_an_attempt_that_could_not_be_checked_is_shown_as_not_sent(browser_of: Any):
    made = InjectionFactory()
    DispatchAttempt.objects.create(
        injection=made,
        number=1,
        outcome=AttemptOutcome.UNVERIFIED,
        started_at=timezone.now(),
        finished_at=timezone.now(),
        error="answered 500",
    )
    page = browser_of(Role.COMPLIANCE).get(f"/injections/{made.pk}/").content.decode()
    assert "Not sent: call not checked" in page


@pytest.mark.parametrize("outcome", list(AttemptOutcome))
def test_every_outcome_of_an_attempt_has_a_badge(outcome: AttemptOutcome):
    from injections.web.results import _ATTEMPT_BADGES

    assert _ATTEMPT_BADGES[outcome].words


def test_an_injection_of_others_is_not_there(browser_of: Any):
    assert browser_of(Role.SUPERVISOR).get(f"/injections/{InjectionFactory().pk}/").status_code == 404


def test_an_open_page_asks_on_for_what_is_not_over(browser_of: Any):
    made = an_unknown()
    page = browser_of(Role.COMPLIANCE).get(f"/injections/{made.pk}/", headers=HTMX).content.decode()
    assert page.strip().startswith('<div id="result"')
    assert 'hx-trigger="every 5s,' in page


def test_an_open_page_stops_asking_when_it_is_over(browser_of: Any):
    made = InjectionFactory(status=Status.COMPLETED, due_at=None)
    page = browser_of(Role.COMPLIANCE).get(f"/injections/{made.pk}/", headers=HTMX).content.decode()
    assert "hx-trigger" not in page


def test_what_waits_can_be_taken_back_by_its_supervisor(supervisor: Client):
    made = InjectionFactory(requested_by=supervisor.user)  # type: ignore[attr-defined]
    assert "Cancel it before it is sent" in supervisor.get(f"/injections/{made.pk}/").content.decode()
    answer = supervisor.post(f"/injections/{made.pk}/cancel/", follow=True)
    assert "It was cancelled before it was sent." in answer.content.decode()
    made.refresh_from_db()
    assert made.status == Status.CANCELLED


def test_cancelling_twice_says_that_it_is_too_late(supervisor: Client):
    made = InjectionFactory(requested_by=supervisor.user)  # type: ignore[attr-defined]
    supervisor.post(f"/injections/{made.pk}/cancel/")
    answer = supervisor.post(f"/injections/{made.pk}/cancel/")
    assert answer.status_code == 409
    assert "This can no longer be cancelled" in answer.content.decode()


def test_what_another_asked_for_cannot_be_taken_back(supervisor: Client, cards: Any):
    made = InjectionFactory(queue=cards)
    assert "Cancel it" not in supervisor.get(f"/injections/{made.pk}/").content.decode()
    assert supervisor.post(f"/injections/{made.pk}/cancel/").status_code == 404


def test_an_unknown_injection_cannot_be_taken_back(supervisor: Client):
    assert supervisor.post(f"/injections/{uuid.uuid4()}/cancel/").status_code == 404


def spoken_stages(page: str) -> list[str]:
    """Return the stages as a screen reader says them."""
    return [
        re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", item)).strip()
        for item in re.findall(
            r"<li[^>]*>(.*?)</li>", page.partition('class="stages"')[2].partition("</ol>")[0]
        )
    ]


def test_each_stage_says_whether_it_is_done(browser_of: Any):
    made = InjectionFactory(checked_ms=58.0)
    page = browser_of(Role.COMPLIANCE).get(f"/injections/{made.pk}/").content.decode()
    assert spoken_stages(page)[:2] == ["Checked, done: 58 ms", "Sent, not yet: –"]


def test_no_stage_after_a_refused_check_sounds_as_if_it_were_done_or_still_to_come(browser_of: Any):
    made = InjectionFactory(status=Status.REFUSED, due_at=None, reason_code="on_hold", error="on hold")
    page = browser_of(Role.COMPLIANCE).get(f"/injections/{made.pk}/").content.decode()
    assert spoken_stages(page) == [
        "Checked, done: refused",
        *(f"{word}, not reached: –" for word in ("Sent", "Accepted", "Ended")),
    ]


def test_what_is_held_back_by_hand_is_not_laid_to_the_platform(browser_of: Any):
    InjectionFactory(status=Status.QUEUED, reason_code="breaker_open", error=reason("breaker_open").sentence)
    page = browser_of(Role.COMPLIANCE).get("/injections/").content.decode()
    assert "Requests to Genesys Cloud are held back" in page
    assert "failing" not in page


def test_the_code_stands_on_the_page_of_details_alone(supervisor: Client):
    made = an_unknown(requested_by=supervisor.user)  # type: ignore[attr-defined]
    panel = supervisor.get(f"/calls/{made.conversation_id}/?injection={made.pk}").content.decode()
    assert "outcome_unknown" not in panel
    assert "outcome_unknown" in supervisor.get(f"/injections/{made.pk}/").content.decode()


def test_the_longest_time_to_play_is_told_as_people_tell_it(supervisor: Client):
    one = InjectionFactory(requested_by=supervisor.user, max_duration_ms=3194)  # type: ignore[attr-defined]
    assert "<dt>At most</dt><dd>3.2 s</dd>" in supervisor.get(f"/injections/{one.pk}/").content.decode()


def test_its_page_has_the_receipt_of_its_newest_record(browser_of: Any):
    one = InjectionFactory(deadline_at=timezone.now() - timedelta(seconds=1))
    sweep.expire_overdue(by=system_caller(where="test"))
    page = browser_of(Role.COMPLIANCE).get(f"/injections/{one.pk}/").content.decode()
    newest = AuditRecord.objects.filter(injection_id=one.pk)[0]
    assert f"audit-receipt\n{newest.pk}\n" in page
