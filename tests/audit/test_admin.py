"""The log in the admin: read by those who may, changed by nobody, and every look recorded."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from audit.entry import Actor, Source, Subject
from audit.models import AuditRecord
from tests.audit.desk import CALL, LIST, logged_in, looks, page_of, text_of
from tests.audit.flush import suspended

pytestmark = pytest.mark.django_db
Record = Callable[..., AuditRecord]


@pytest.fixture
def superuser(db: None, django_user_model: Any) -> Client:
    return logged_in(django_user_model, "root", is_superuser=True)


def test_the_page_answers_the_six_questions(record: Record, officer: Client):
    written = record(
        actor=Actor(kind="api_client", id="12", name="dialler", role="api client"),
        source=Source(ip="192.0.2.7", user_agent="curl/8", request_id="r-77", where="POST /inject"),
        subject=Subject(conversation_id=CALL, injection_id=uuid4(), other="clip v2"),
        outcome="refused",
        reason_code="consent_missing",
        details={"reason": "legal notice"},
        occurred_at=datetime(2026, 11, 22, 8, 0, 0, 123456, tzinfo=UTC),
    )
    text = text_of(officer.get(page_of(written)))
    for shown in (
        "Who", "dialler", "api client", "What", "injection.requested", str(CALL), "clip v2", "When",
        "2026-11-22 08:00:00.123456 UTC", "Where from", "192.0.2.7", "curl/8", "r-77", "POST /inject",
        "What came of it", "✕ Refused", "It was not allowed", "Why", "consent_missing", "legal notice",
        written.leaf_hash,
    ):  # fmt: skip
        assert shown in text


def test_the_page_shows_what_changed(record: Record, officer: Client):
    written = record(
        before={"status": "queued", "tries": 1}, after={"status": "failed", "tries": 1, "code": None}
    )
    text = text_of(officer.get(page_of(written)))
    assert "code → changed Before – After none" in text
    assert "status → changed Before queued After failed" in text
    assert "tries Before 1 After 1" in text


def test_the_page_shows_the_details_that_say_something(record: Record, officer: Client):
    written = record(
        details={"sent_ms": 12, "mute": {"agent": True}, "reason": "legal notice", "error": "", "code": None}
    )
    assert "Details mute: agent yes sent ms 12 The record" in text_of(officer.get(page_of(written)))


def test_the_page_leads_to_the_neighbours_in_the_call(record: Record, officer: Client):
    first, second, third = (
        record(subject=Subject(conversation_id=CALL), summary=f"Step {n}.") for n in ("one", "two", "three")
    )
    page = officer.get(page_of(second)).content.decode()
    assert "Record 2 of 3 in this call" in page
    assert f'rel="prev" href="{page_of(first)}"' in page
    assert f'rel="next" href="{page_of(third)}"' in page


def test_the_page_leads_to_all_records_of_call_injection_and_person(record: Record, officer: Client):
    written = record(subject=Subject(conversation_id=CALL, injection_id=CALL))
    page = officer.get(page_of(written)).content.decode()
    for words, query in (
        ("The only record of this call", f"conversation_id={CALL}"),
        ("All records of this injection", f"injection_id={CALL}"),
        ("All records of this person", "actor=7"),
    ):
        assert f'href="{LIST}?{query}">{words}</a>' in page
    assert f'href="/injections/{CALL}/"' in page


def test_a_record_without_a_reason_does_not_say_that_there_was_none(record: Record, officer: Client):
    page = officer.get(
        page_of(record(subject=Subject(conversation_id=CALL, injection_id=CALL)))
    ).content.decode()
    assert "This record gives none." in page
    assert page.count(f"?injection_id={CALL}") == 3, "the button, the answer to What, and the answer to Why"


def test_the_sentence_of_a_look_puts_no_quotes_round_quotes(record: Record, officer: Client):
    officer.get(page_of(record(summary="“Notice” was played into Maya's call.")))
    assert looks().get().summary.endswith("opened the record: “Notice” was played into Maya's call.")


def test_the_text_that_was_hashed_is_folded_away(record: Record, officer: Client):
    page = officer.get(page_of(record())).content.decode()
    assert re.search(
        r"<details>\s*<summary>Show the whole text of the record</summary>.*<pre", page, re.DOTALL
    )


def test_the_page_says_how_closely_the_time_of_recording_is_known(record: Record, officer: Client):
    written = record()
    precision = "milliseconds" if connection.vendor == "sqlite" else "microseconds"
    text = text_of(officer.get(page_of(written)))
    shown = written.recorded_at.replace(tzinfo=None).isoformat(" ", timespec=precision)
    assert f"Recorded {shown} UTC Note by the database’s clock, to the {precision[:-1]}" in text
    assert "ahead of the database" not in text


def test_an_actor_whose_clock_is_ahead_is_told_apart(record: Record, officer: Client):
    written = record(occurred_at=datetime.now(UTC) + timedelta(hours=1))
    assert re.search(
        r"clock of whoever acted was 3\d{6}\.\d ms ahead", text_of(officer.get(page_of(written)))
    )


def test_opening_a_page_is_recorded_once_and_not_in_the_chain_of_the_call(record: Record, officer: Client):
    written = record(subject=Subject(conversation_id=CALL))
    officer.get(page_of(written))
    look = AuditRecord.objects.get(action="audit.viewed")
    assert look.subject_other == f"audit record {written.pk}"
    assert look.conversation_id is None


def test_a_record_that_was_changed_past_the_portal_says_so(record: Record, officer: Client):
    written = record()
    with suspended(connection), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_auditrecord SET body = '{', summary = 'Nothing.'")
    text = text_of(officer.get(page_of(written)))
    assert "This record does not hold together" in text
    assert "does not fit its hash" in text


def test_hostile_text_is_shown_and_never_run(record: Record, officer: Client):
    hostile = "<script>alert(1)</script>"
    written = record(
        summary=hostile,
        actor=Actor(kind="user", name=hostile),
        details={"reason": hostile},
        after={"x": hostile},
    )
    for address in (LIST, page_of(written)):
        assert hostile not in officer.get(address).content.decode()


def test_no_page_needs_an_inline_script_or_style(record: Record, officer: Client):
    written = record(subject=Subject(conversation_id=CALL), after={"a": 1})
    for address in (LIST, page_of(written)):
        page = officer.get(address).content.decode()
        assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son[a-z]+=|javascript:", page) == []


@pytest.mark.parametrize("who", ["officer", "superuser"])
def test_nobody_can_add_change_or_delete(record: Record, who: str, request: pytest.FixtureRequest):
    client: Client = request.getfixturevalue(who)
    written = record()
    refused = [
        client.get(f"{LIST}add/"),
        client.post(f"{LIST}add/", {"summary": "x"}),
        client.post(page_of(written), {"summary": "x"}),
        client.get(f"{LIST}{written.pk}/delete/"),
        client.post(f"{LIST}{written.pk}/delete/", {"post": "yes"}),
    ]
    client.post(LIST, {"action": "delete_selected", "_selected_action": str(written.pk), "post": "yes"})
    assert {response.status_code for response in refused} == {403}
    assert AuditRecord.objects.get(pk=written.pk).summary == written.summary


def test_the_list_offers_no_way_to_change(record: Record, superuser: Client):
    record()
    page = superuser.get(LIST).content.decode()
    assert "addlink" not in page
    assert "_selected_action" not in page


def test_a_user_without_the_right_is_refused_and_the_attempt_is_recorded(
    record: Record, django_user_model: Any
):
    written = record()
    outsider = logged_in(django_user_model, "eve")
    assert outsider.get(LIST, {"q": "bell"}).status_code == 403
    assert outsider.get(page_of(written)).status_code == 403
    attempts = AuditRecord.objects.filter(actor_name="eve", outcome="refused").order_by("id")
    assert [(item.action, item.outcome, item.reason_code) for item in attempts] == [
        ("audit.searched", "refused", "not_permitted"),
        ("audit.viewed", "refused", "not_permitted"),
    ]


def test_whoever_has_not_logged_in_sees_nothing(record: Record, client: Client):
    assert client.get(page_of(record())).status_code == 302


@pytest.mark.parametrize("wrong", [str(uuid4()), "nonsense", "notauuid", "1", "x" * 500])
def test_an_unknown_record_is_a_404_that_says_what_to_check(officer: Client, wrong: str):
    answer = officer.get(f"{LIST}{wrong}/change/")
    assert answer.status_code == 404
    page = answer.content.decode()
    assert "No record has this identifier" in page
    assert "check the address" in page
    assert "deleted?" not in page
    assert not looks().exists()


@pytest.mark.parametrize("ending", ["", "history/"])
def test_every_address_of_a_record_leads_to_its_page(record: Record, officer: Client, ending: str):
    written = record()
    assert officer.get(f"{LIST}{written.pk}/{ending}").headers["Location"] == page_of(written)


def test_a_page_is_not_shown_when_the_look_cannot_be_recorded(
    record: Record, officer: Client, monkeypatch: pytest.MonkeyPatch
):
    written = record()

    def refuse(_: object) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr("audit.services.append", refuse)
    with pytest.raises(RuntimeError, match="no room"):
        officer.get(page_of(written))
