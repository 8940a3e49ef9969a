"""The log in the admin: read by those who may, changed by nobody, and every look recorded."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import reverse

from audit.entry import Actor, Source, Subject
from audit.models import AuditRecord
from tests.audit.flush import suspended

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.audit.urls")]
Record = Callable[..., AuditRecord]
LIST = "/admin/audit/auditrecord/"
CALL = UUID("abcdef12-2222-4333-8444-555555555555")


def _page(record: AuditRecord) -> str:
    return reverse("admin:audit_auditrecord_change", args=[record.pk])


def _logged_in(django_user_model: Any, name: str, *permissions: str, **rights: bool) -> Client:
    user = django_user_model.objects.create_user(name, password=name, is_staff=True, **rights)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def officer(db: None, django_user_model: Any) -> Client:
    return _logged_in(django_user_model, "grace", "view_auditrecord")


@pytest.fixture
def superuser(db: None, django_user_model: Any) -> Client:
    return _logged_in(django_user_model, "root", is_superuser=True)


def _looks() -> Any:
    """Return the records of the log's own pages; a login is the portal's to record."""
    return AuditRecord.objects.filter(action__startswith="audit.")


def _text(response: Any) -> str:
    """Return the page as its reader sees it: without tags, blanks joined."""
    assert response.status_code == 200, response.status_code
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode().replace("<wbr>", "")))


def test_the_list_shows_sentence_outcome_actor_call_and_reason(record: Record, officer: Client):
    record(
        outcome="refused",
        reason_code="consent_missing",
        subject=Subject(conversation_id=CALL),
        summary="The bell rang.",
    )
    text = _text(officer.get(LIST))
    for shown in (
        "2026-11-22 08:00:00",
        "The bell rang.",
        "injection.requested",
        "■ refused",
        "ada",
        "abcdef12…",
        "consent_missing",
    ):
        assert shown in text


def test_looking_at_the_list_without_a_search_is_not_recorded(officer: Client):
    officer.get(LIST)
    officer.get(LIST, {"p": "2"})
    assert not _looks().exists()


def test_a_search_is_recorded_with_what_was_asked(officer: Client):
    officer.get(LIST, {"q": "bell\u202e", "outcome__exact": "refused", "p": "1"})
    written = _looks().get()
    assert (written.action, written.outcome, written.actor_name) == ("audit.searched", "done", "grace")
    assert written.source_where == f"GET {LIST}"
    assert '"filters":{"outcome__exact":["refused"],"q":["bell\\\\u{202E}"]}' in written.body


@pytest.mark.parametrize(
    "asked",
    [
        {"q": "bell"},
        {"q": "abcdef12"},
        {"q": "  BELL  "},
        {"action": "bell.rang"},
        {"outcome__exact": "failed"},
        {"conversation_id__exact": str(CALL)},
        {"recorded": "hour", "q": "bell"},
    ],
)
def test_search_and_filters_find_the_record(record: Record, officer: Client, asked: dict[str, str]):
    record(summary="Quiet.")
    record(
        summary="The bell rang.", action="bell.rang", outcome="failed", subject=Subject(conversation_id=CALL)
    )
    results = officer.get(LIST, asked).context["cl"].result_list
    assert [item.summary for item in results if item.action != "audit.searched"] == ["The bell rang."]


@pytest.mark.parametrize(
    "asked",
    [
        {"q": "\x00"},
        {"q": "x" * 10_000},
        {"conversation_id__exact": "nonsense"},
        {"recorded": "never"},
        {"p": "-9"},
        {"q": "'"},
    ],
    ids=["nul", "long", "no uuid", "no filter", "no page", "quote"],
)
def test_a_senseless_search_is_no_error(record: Record, officer: Client, asked: dict[str, str]):
    record()
    assert officer.get(LIST, asked, follow=True).status_code == 200


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
    text = _text(officer.get(_page(written)))
    for shown in (
        "Who", "dialler", "api client", "What", "injection.requested", str(CALL), "clip v2", "When",
        "2026-11-22 08:00:00.123456", "Where from", "192.0.2.7", "curl/8", "r-77", "POST /inject",
        "What came of it", "■ refused", "Why", "consent_missing", "legal notice", written.leaf_hash,
    ):  # fmt: skip
        assert shown in text


def test_the_page_shows_what_changed(record: Record, officer: Client):
    written = record(
        before={"status": "queued", "tries": 1}, after={"status": "failed", "tries": 1, "code": None}
    )
    text = _text(officer.get(_page(written)))
    assert "code changed – null" in text
    assert "status changed queued failed" in text
    assert "tries 1 1" in text


def test_the_page_shows_the_details(record: Record, officer: Client):
    written = record(details={"sent_ms": 12, "mute": {"agent": True}, "reason": "legal notice"})
    assert "Details mute {&quot;agent&quot;: true} sent_ms 12 The" in _text(officer.get(_page(written)))


def test_the_page_leads_to_the_neighbours_in_the_call(record: Record, officer: Client):
    first, second, third = (
        record(subject=Subject(conversation_id=CALL), summary=f"Step {n}.") for n in ("one", "two", "three")
    )
    page = officer.get(_page(second)).content.decode()
    assert "Record 2 of this call" in page
    assert f'rel="prev" href="{_page(first)}"' in page
    assert f'rel="next" href="{_page(third)}"' in page


def test_opening_a_page_is_recorded_once_and_not_in_the_chain_of_the_call(record: Record, officer: Client):
    written = record(subject=Subject(conversation_id=CALL))
    officer.get(_page(written))
    look = AuditRecord.objects.get(action="audit.viewed")
    assert look.subject_other == f"audit record {written.pk}"
    assert look.conversation_id is None


def test_a_record_that_was_changed_past_the_portal_says_so(record: Record, officer: Client):
    written = record()
    with suspended(connection), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_auditrecord SET body = '{', summary = 'Nothing.'")
    text = _text(officer.get(_page(written)))
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
    for address in (LIST, _page(written)):
        assert hostile not in officer.get(address).content.decode()


def test_no_page_needs_an_inline_script_or_style(record: Record, officer: Client):
    written = record(subject=Subject(conversation_id=CALL), after={"a": 1})
    for address in (LIST, _page(written)):
        page = officer.get(address).content.decode()
        assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son[a-z]+=|javascript:", page) == []


@pytest.mark.parametrize("who", ["officer", "superuser"])
def test_nobody_can_add_change_or_delete(record: Record, who: str, request: pytest.FixtureRequest):
    client: Client = request.getfixturevalue(who)
    written = record()
    refused = [
        client.get(f"{LIST}add/"),
        client.post(f"{LIST}add/", {"summary": "x"}),
        client.post(_page(written), {"summary": "x"}),
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
    outsider = _logged_in(django_user_model, "eve")
    assert outsider.get(LIST, {"q": "bell"}).status_code == 403
    assert outsider.get(_page(written)).status_code == 403
    attempts = _looks().filter(actor_name="eve").order_by("id")
    assert [(item.action, item.outcome, item.reason_code) for item in attempts] == [
        ("audit.searched", "refused", "not_permitted"),
        ("audit.viewed", "refused", "not_permitted"),
    ]


def test_whoever_has_not_logged_in_sees_nothing(record: Record, client: Client):
    assert client.get(_page(record())).status_code == 302


@pytest.mark.parametrize("wrong", [str(uuid4()), "nonsense", "1"])
def test_an_unknown_record_leads_back_and_is_no_error(officer: Client, wrong: str):
    assert officer.get(f"{LIST}{wrong}/change/").status_code == 302
    assert not _looks().filter(outcome="done").exists()


def test_a_page_is_not_shown_when_the_look_cannot_be_recorded(
    record: Record, officer: Client, monkeypatch: pytest.MonkeyPatch
):
    written = record()

    def refuse(_: object) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr("audit.services.append", refuse)
    with pytest.raises(RuntimeError, match="no room"):
        officer.get(_page(written))


def test_the_list_costs_the_same_for_many_records(
    record: Record, officer: Client, django_assert_max_num_queries: Any
):
    for _ in range(60):
        record(subject=Subject(conversation_id=CALL))
    with django_assert_max_num_queries(12):
        officer.get(LIST)
