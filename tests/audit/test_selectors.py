"""The search finds what was asked for, and nothing else."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from audit.entry import HEARTBEAT, Actor, Source, Subject
from audit.models import AuditRecord
from audit.selectors import actions, count_of, length_of_chain, neighbours, search

Record = Callable[..., AuditRecord]
CALL = UUID("abcdef12-2222-4333-8444-555555555555")


@pytest.mark.parametrize(
    ("asked", "matching"),
    [
        ({"action": "clip.approved"}, {"action": "clip.approved"}),
        ({"outcome": "refused"}, {"outcome": "refused"}),
        ({"actor": "grace"}, {"actor": Actor(kind="user", id="9", name="grace")}),
        ({"actor": "9"}, {"actor": Actor(kind="user", id="9", name="grace")}),
        ({"conversation_id": CALL}, {"subject": Subject(conversation_id=CALL)}),
        ({"clip_id": CALL}, {"subject": Subject(clip_id=CALL)}),
        ({"injection_id": CALL}, {"subject": Subject(injection_id=CALL)}),
        ({"reason_code": "consent_missing"}, {"reason_code": "consent_missing"}),
        ({"text": "BELL"}, {"summary": "The bell rang."}),
        ({"text": " grace "}, {"actor": Actor(kind="user", id="9", name="grace")}),
        ({"text": "consent_m"}, {"reason_code": "consent_missing"}),
        ({"text": "clip.app"}, {"action": "clip.approved"}),
        ({"text": "req-77"}, {"source": Source(request_id="req-77")}),
        ({"text": "user:3"}, {"subject": Subject(other="user:3")}),
        ({"text": "ABCDEF12"}, {"subject": Subject(conversation_id=CALL)}),
        ({"text": "abcdef12-2222-4"}, {"subject": Subject(injection_id=CALL)}),
        ({"text": str(CALL)}, {"subject": Subject(clip_id=CALL)}),
        ({"text": CALL.hex}, {"subject": Subject(participant_id=CALL)}),
        ({"text": "100%"}, {"summary": "Level 100% set."}),
    ],
)
def test_the_search_finds_the_one_record_that_matches(
    record: Record, asked: dict[str, Any], matching: dict[str, Any]
):
    wanted = record(**matching)
    record(subject=Subject(conversation_id=uuid4(), clip_id=uuid4()), summary="Level 1000 set.")
    assert [item.pk for item in search(**asked)] == [wanted.pk]


@pytest.mark.parametrize("text", ["\x00", "'; --", "zzz-nothing", "\\", "%"])
def test_an_odd_search_text_is_no_error(record: Record, text: str):
    record()
    assert len(search(text=text)) in {0, 1}


def test_conditions_are_all_met_at_once(record: Record):
    record(outcome="refused", summary="The bell rang.")
    wanted = record(outcome="failed", summary="The bell rang.")
    assert [item.pk for item in search(text="bell", outcome="failed")] == [wanted.pk]


def test_without_conditions_all_records_come_newest_first(record: Record):
    written = [record().pk for _ in range(3)]
    assert [item.pk for item in search()] == written[::-1]


def test_heartbeats_are_found_only_where_they_are_asked_for(record: Record):
    told, beat = record(), record(action=HEARTBEAT)
    assert list(search()) == [told]
    assert list(search(action=HEARTBEAT)) == [beat]


def test_the_time_of_recording_bounds_the_search(record: Record):
    record()
    now = timezone.now()
    hour = timedelta(hours=1)
    assert search(since=now - hour, until=now + hour).exists()
    assert not search(since=now + hour).exists()
    assert not search(until=now - hour).exists()


def test_older_records_are_those_before_the_one_named(record: Record):
    written = [record().pk for _ in range(3)]
    assert [item.pk for item in search(before=written[2])] == [written[1], written[0]]


def test_the_actions_that_occur_are_listed_once_each(record: Record):
    assert actions() == []
    for action in ("clip.approved", "bell.rang", "clip.approved"):
        record(action=action)
    assert actions() == ["bell.rang", "clip.approved"]


def test_counting_ends_where_it_says_no_more(record: Record, monkeypatch: pytest.MonkeyPatch):
    for _ in range(4):
        record()
    assert count_of(search()) == 4
    monkeypatch.setattr("audit.selectors.MOST_COUNTED", 2)
    assert count_of(search()) == 3


def test_the_length_of_a_chain_is_its_last_number(record: Record):
    for _ in range(3):
        record(subject=Subject(conversation_id=CALL))
    assert (length_of_chain(CALL), length_of_chain(uuid4())) == (3, 0)


def test_nothing_is_read_before_it_is_needed(record: Record, django_assert_num_queries: Any):
    with django_assert_num_queries(0):
        search(text="bell", actor="ada")


def test_the_neighbours_are_those_of_the_same_call(record: Record):
    first, second, third = (record(subject=Subject(conversation_id=CALL)) for _ in range(3))
    record(subject=Subject(conversation_id=uuid4()))
    assert neighbours(second) == (first, third)
    assert neighbours(first) == (None, second)
    assert neighbours(third) == (second, None)


def test_a_record_without_a_call_has_no_neighbours(record: Record):
    record()
    assert neighbours(record()) == (None, None)


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "asked",
    [{"action": "a.b"}, {"outcome": "refused"}, {"conversation_id": CALL}, {"clip_id": CALL}],
    ids=lambda asked: next(iter(asked)),
)
def test_a_filter_is_answered_by_its_index_without_sorting(db: None, asked: dict[str, Any]):
    plan = search(**asked, since=timezone.now())[:50].explain()
    assert f"audit_by_{next(iter(asked))}" in plan
    assert "TEMP B-TREE" not in plan
