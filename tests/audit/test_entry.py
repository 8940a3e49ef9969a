"""What a record says, before it has a place."""

import hashlib
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.canonical import encode
from audit.entry import LIMITS, Actor, Place, Source, Subject, body, columns, leaf_hash
from tests.audit.samples import OCCURRED_AT, entry_of

CALL = UUID("11111111-2222-4333-8444-555555555555")
PLACE = Place(
    id=UUID("01900000-0000-7000-8000-000000000001"), recorded_at=datetime(2026, 11, 22, 8, 0, 1, tzinfo=UTC)
)


def test_the_body_is_this_text_to_the_byte():
    entry = entry_of(
        subject=Subject(conversation_id=CALL),
        details={"mute": {"agent": True}},
        after={"status": "requested"},
    )
    place = Place(
        id=PLACE.id,
        recorded_at=PLACE.recorded_at,
        number_in_conversation=2,
        previous_in_conversation="ab" * 32,
    )
    assert encode(body(entry, place=place)) == (
        '{"action":"injection.requested",'
        '"actor":{"id":"7","kind":"user","name":"ada","role":"supervisor"},'
        '"after":{"status":"requested"},"before":null,"details":{"mute":{"agent":true}},'
        '"id":"01900000-0000-7000-8000-000000000001","number_in_conversation":2,'
        '"occurred_at":"2026-11-22T08:00:00.123456Z","outcome":"done",'
        '"previous_in_conversation":"' + "ab" * 32 + '","reason_code":"",'
        '"recorded_at":"2026-11-22T08:00:01.000000Z",'
        '"source":{"ip":"192.0.2.1","request_id":"r-1","user_agent":"curl/8","where":"POST /inject"},'
        '"subject":{"clip_id":null,"conversation_id":"11111111-2222-4333-8444-555555555555",'
        '"injection_id":null,"other":"","participant_id":null},'
        '"summary":"ada asked for a recording to be played.","v":1}'
    )


def test_the_leaf_hash_is_that_of_rfc_6962():
    assert leaf_hash("é") == hashlib.sha256(b"\x00\xc3\xa9").hexdigest()


def test_the_leaf_hash_of_an_empty_leaf_is_the_published_one():
    assert leaf_hash("") == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


def test_the_columns_follow_from_the_body():
    found = columns(body(entry_of(subject=Subject(conversation_id=CALL)), place=PLACE))
    assert (found["id"], found["occurred_at"], found["conversation_id"]) == (PLACE.id, OCCURRED_AT, CALL)


@pytest.mark.parametrize(
    "action", ["injection", "Injection.requested", "injection.", ".a", "a..b", "a b.c", "a." + "b" * 80]
)
def test_an_action_that_is_not_dotted_lower_case_is_refused(action: str):
    with pytest.raises(ValueError, match="dotted lower case"):
        entry_of(action=action)


def test_an_unknown_outcome_is_refused():
    with pytest.raises(ValueError, match="outcome 'perhaps'"):
        entry_of(outcome="perhaps")


def test_an_unknown_kind_of_actor_is_refused():
    with pytest.raises(ValueError, match="actor kind 'ghost'"):
        Actor(kind="ghost")  # type: ignore[arg-type]


def test_a_reason_that_is_no_code_is_refused():
    with pytest.raises(ValueError, match="reason code"):
        entry_of(reason_code="Consent missing")


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        entry_of(occurred_at=datetime(2026, 11, 22))  # noqa: DTZ001  the case under test


def test_an_entry_without_a_sentence_is_refused():
    with pytest.raises(ValueError, match="no sentence"):
        entry_of(summary="")


def test_an_entry_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        entry_of().outcome = "failed"


@given(st.text(), st.text())
def test_hostile_text_from_outside_can_be_recorded(text: str, other: str):
    entry = entry_of(
        actor=Actor(kind="anonymous", id=text, name=text * 50, role=other),
        source=Source(ip=text, user_agent=text * 100, request_id=other, where=other),
        subject=Subject(conversation_id=text, other=other),
        summary=text or "-",
    )
    assert encode(body(entry, place=PLACE))


def test_each_text_is_cut_to_its_column():
    long = "x" * 1000
    found = columns(
        body(
            entry_of(
                actor=Actor(kind="user", id=long, name=long, role=long),
                source=Source(ip=long, user_agent=long, request_id=long, where=long),
                subject=Subject(other=long),
                summary=long,
            ),
            place=PLACE,
        )
    )
    assert {name for name, limit in LIMITS.items() if len(found[name]) > limit} == set()


@pytest.mark.parametrize(
    "given", ["nonsense", "", "{11111111-2222-4333-8444-555555555555}", "1" * 32, "x" * 10_000_000, "\x00"]
)
def test_an_identifier_that_is_no_uuid_is_kept_beside_the_others(given: str):
    subject = Subject(conversation_id=given)
    assert subject.conversation_id is None
    assert subject.other.startswith("conversation_id=")


def test_an_identifier_may_be_given_as_text():
    assert Subject(conversation_id=str(CALL).upper()).conversation_id == CALL
