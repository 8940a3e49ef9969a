"""The list of the log: what is asked, what is found, and that the asking is recorded."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.entry import Actor, Subject
from audit.models import AuditRecord
from tests.audit.desk import CALL, LIST, looks, text_of
from tests.audit.flush import suspended

pytestmark = pytest.mark.django_db
Record = Callable[..., AuditRecord]


def test_the_list_shows_sentence_outcome_actor_call_and_reason(record: Record, officer: Client):
    record(
        outcome="refused",
        reason_code="consent_missing",
        subject=Subject(conversation_id=CALL),
        summary="The bell rang.",
    )
    text = text_of(officer.get(LIST))
    for shown in (
        "2026-11-22 08:00:00 UTC",
        "The bell rang.",
        "injection.requested",
        "✕ Refused",
        "ada",
        "abcdef12…",
        "consent_missing",
    ):
        assert shown in text


def test_looking_at_the_list_without_a_search_is_not_recorded(officer: Client):
    officer.get(LIST)
    officer.get(LIST, {"before": str(CALL), "q": " "})
    assert not looks().exists()


def test_a_search_is_recorded_with_what_was_asked(officer: Client):
    officer.get(LIST, {"q": "bell\u202e", "outcome": "refused", "before": str(CALL)})
    written = looks().get()
    assert (written.action, written.outcome, written.actor_name) == ("audit.searched", "done", "grace")
    assert written.source_where == f"GET {LIST}"
    assert '"filters":{"outcome":["refused"],"q":["bell\\\\u{202E}"]}' in written.body
    assert written.summary == "grace searched the audit log: “bell\\u{202E}”, outcome refused."


@pytest.mark.parametrize(
    "asked",
    [
        {"q": "bell"},
        {"q": "abcdef12"},
        {"q": "  BELL  "},
        {"action": "bell.rang"},
        {"outcome__exact": "failed"},
        {"conversation_id__exact": str(CALL)},
        {"conversation_id": str(CALL)},
        {"injection_id": str(CALL)},
        {"clip_id": str(CALL)},
        {"actor": "9"},
        {"reason_code": "too_loud"},
        {"recorded": "hour", "q": "bell"},
    ],
    ids="-".join,
)
def test_search_and_filters_find_the_record(record: Record, officer: Client, asked: dict[str, str]):
    record(summary="Quiet.")
    record(
        summary="The bell rang.",
        action="bell.rang",
        outcome="failed",
        reason_code="too_loud",
        actor=Actor(kind="user", id="9", name="ringer"),
        subject=Subject(conversation_id=CALL, injection_id=CALL, clip_id=CALL),
    )
    assert _found(officer, asked) == ["The bell rang."]


def _found(client: Client, asked: dict[str, str]) -> list[str]:
    """Return the sentences of the list, but for those about searches."""
    rows = client.get(LIST, asked).context["rows"]
    return [
        row["record"].summary for row in rows if not row["record"].action.startswith(("audit.", "session."))
    ]


@pytest.mark.parametrize(
    ("since", "until", "count"),
    [(0, 0, 1), (0, 1, 1), (None, 0, 1), (1, None, 0), (None, -1, 0), (-1, -1, 0)],
)
def test_whole_days_bound_the_search(
    record: Record, officer: Client, since: int | None, until: int | None, count: int
):
    today = record().recorded_at.date()
    days = {"since": since, "until": until}
    asked = {name: str(today + timedelta(days=day)) for name, day in days.items() if day is not None}
    assert len(_found(officer, asked)) == count


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"since": "2026-11-22", "until": "2026-11-21"}, "The last day is before the first one."),
        ({"since": "yesterday"}, "Write a day as 2026-11-22."),
        ({"conversation_id": "abcdef12"}, "This is not a whole identifier."),
        ({"outcome": "splendid"}, "Outcome"),
    ],
)
def test_a_search_that_cannot_be_understood_shows_nothing_and_says_so(
    record: Record, officer: Client, asked: dict[str, str], said: str
):
    record(summary="The bell rang.")
    text = text_of(officer.get(LIST, asked))
    assert "cannot be understood, so nothing is shown" in text
    assert said in text
    assert "The bell rang." not in text
    assert looks().get().outcome == "failed"


def test_older_records_are_a_page_away(record: Record, officer: Client):
    for number in range(51):
        record(summary=f"Act {number}.", action="bell.rang")
    first = officer.get(LIST, {"action": "bell.rang"})
    assert "51 records found" in text_of(first)
    second = officer.get(LIST + first.context["older"])
    assert [row["record"].summary for row in second.context["rows"]] == ["Act 0."]
    assert second.context["older"] == ""
    assert len(officer.get(LIST + second.context["newest"]).context["rows"]) == 50


def test_a_search_keeps_what_a_link_narrowed_it_to(record: Record, officer: Client):
    record(subject=Subject(conversation_id=CALL))
    page = officer.get(LIST, {"conversation_id": str(CALL), "q": "ada"}).content.decode()
    assert f'<input type="hidden" name="conversation_id" value="{CALL}">' in page
    assert 'href="?q=ada"' in page


def test_a_list_of_one_person_names_them(record: Record, officer: Client):
    record(actor=Actor(kind="user", id="9", name="Ada Byron"))
    assert "Person Ada Byron" in text_of(officer.get(LIST, {"actor": "9"}))


def test_a_search_that_finds_nothing_says_what_to_try(officer: Client):
    assert "No record fits this search" in text_of(officer.get(LIST, {"q": "zzz"}))


def test_an_empty_log_says_what_will_stand_there(officer: Client):
    with suspended(connection), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_auditrecord")
    assert "Nothing is recorded yet" in text_of(officer.get(LIST))


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


def test_the_list_costs_the_same_for_many_records(record: Record, officer: Client):
    record(subject=Subject(conversation_id=CALL))
    with CaptureQueriesContext(connection) as one:
        officer.get(LIST, {"conversation_id": str(CALL)})
    for _ in range(60):
        record(subject=Subject(conversation_id=CALL))
    with CaptureQueriesContext(connection) as many:
        officer.get(LIST, {"conversation_id": str(CALL)})
    assert len(many) <= len(one) < 16


def test_a_search_does_not_find_itself(officer: Client):
    assert officer.get(LIST, {"q": "zzz"}).context["rows"] == []
