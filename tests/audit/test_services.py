"""Appending: in the change's own transaction, by the database's clock, one chain for each call."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from audit import verification
from audit.canonical import NotCanonical
from audit.entry import Actor, Source, Subject, leaf_hash
from audit.models import LONGEST_BODY, AuditRecord
from audit.services import _SQLITE_CLOCK, NoTransaction, NotRecorded, append, append_refusal
from tests.audit.samples import entry_of

Record = Callable[..., AuditRecord]


@pytest.mark.django_db(transaction=True)
def test_a_record_outside_a_transaction_is_refused():
    with pytest.raises(NoTransaction, match=r"injection\.requested"):
        append(entry_of())
    assert not AuditRecord.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_record_vanishes_with_the_change_that_it_records():
    def change() -> None:
        append(entry_of())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        change()
    assert not AuditRecord.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_refusal_is_kept_when_what_follows_is_rolled_back():
    append_refusal(entry_of(outcome="refused", reason_code="consent_missing"))
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        _ = 1 / 0
    assert AuditRecord.objects.get().reason_code == "consent_missing"


@pytest.mark.django_db(transaction=True)
def test_a_refusal_inside_a_transaction_is_an_error_of_the_caller():
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        append_refusal(entry_of(outcome="refused"))


def test_what_is_returned_is_what_is_stored(record: Record):
    written = record(
        subject=Subject(
            conversation_id=uuid4(), participant_id=uuid4(), clip_id=uuid4(), injection_id=uuid4()
        ),
        reason_code="legal_notice",
        summary="Müller \u202e asked.",
    )
    stored = AuditRecord.objects.get()
    fields = [field.attname for field in AuditRecord._meta.concrete_fields]
    assert {name: getattr(stored, name) for name in fields} == {
        name: getattr(written, name) for name in fields
    }


def test_the_stored_text_fits_its_hash_and_its_columns(record: Record):
    record(
        subject=Subject(conversation_id=uuid4()), details={"reason": "näher"}, before={"a": 1}, after={"a": 2}
    )
    stored = AuditRecord.objects.get()
    assert stored.leaf_hash == leaf_hash(stored.body)
    assert verification.faults_of(stored) == []


def test_the_time_of_recording_is_now_whatever_the_actor_claims(record: Record):
    before = datetime.now(UTC)
    written = record(occurred_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert abs(written.recorded_at - before) < timedelta(seconds=5)
    assert written.occurred_at.year == 2020


def test_nothing_is_recorded_before_it_took_place(record: Record):
    for _ in range(100):
        written = record(occurred_at=datetime.now(UTC))
        assert timedelta(0) <= written.recorded_at - written.occurred_at < timedelta(seconds=5)


@pytest.mark.sqlite
def test_the_clock_of_sqlite_is_late_by_no_more_than_a_millisecond(db: None):
    with connection.cursor() as cursor:
        for _ in range(100):
            earliest = datetime.now(UTC)
            cursor.execute("SELECT " + _SQLITE_CLOCK, [])
            told = datetime.fromisoformat(cursor.fetchone()[0])
            assert earliest < told <= datetime.now(UTC) + timedelta(milliseconds=1)


def test_records_of_one_call_are_numbered_and_linked(record: Record):
    call = uuid4()
    written = [record(subject=Subject(conversation_id=call)) for _ in range(3)]
    assert [item.number_in_conversation for item in written] == [1, 2, 3]
    assert [item.previous_in_conversation for item in written] == [
        None,
        written[0].leaf_hash,
        written[1].leaf_hash,
    ]


def test_each_call_has_a_chain_of_its_own(record: Record):
    written = [record(subject=Subject(conversation_id=uuid4())) for _ in range(2)]
    assert [item.number_in_conversation for item in written] == [1, 1]


def test_a_record_without_a_call_is_in_no_chain(record: Record):
    record()
    assert record().number_in_conversation is None


def test_records_of_one_tick_of_the_clock_keep_their_order(record: Record):
    written = [record().pk for _ in range(50)]
    assert written == sorted(set(written))


def test_hostile_text_is_recorded_rather_than_refused(record: Record):
    hostile = "\x00\ud800\u202e'; DROP TABLE audit_auditrecord; --" + "😀" * 1000
    record(
        actor=Actor(kind="anonymous", id=hostile, name=hostile, role=hostile),
        source=Source(ip=hostile, user_agent=hostile, request_id=hostile, where=hostile),
        subject=Subject(conversation_id=hostile, clip_id=hostile),
        summary=hostile,
    )
    assert verification.faults_of(AuditRecord.objects.get()) == []


def test_details_that_no_record_may_hold_are_refused_with_their_place(record: Record):
    with pytest.raises(NotCanonical, match=r"\$\.details\.level: numbers with a fraction"):
        record(details={"level": 0.5})
    assert not AuditRecord.objects.exists()


def test_a_body_that_is_too_long_is_refused(record: Record):
    with pytest.raises(NotRecorded, match=str(LONGEST_BODY)):
        record(details={"long": "x" * LONGEST_BODY})


@pytest.mark.django_db
def test_an_append_costs_two_statements():
    with (
        CaptureQueriesContext(
            connection,
        ) as queries,
        transaction.atomic(),
    ):
        append(entry_of(subject=Subject(conversation_id=uuid4())))
    assert len([query for query in queries.captured_queries if "SAVEPOINT" not in query["sql"]]) == 2


@pytest.mark.django_db
def test_a_fork_in_a_chain_is_refused_by_the_database(record: Record, monkeypatch: pytest.MonkeyPatch):
    call = uuid4()
    record(subject=Subject(conversation_id=call))
    monkeypatch.setattr("audit.services._read_head", lambda *_: (datetime.now(UTC), None, None))
    with pytest.raises((IntegrityError, DatabaseError)):
        record(subject=Subject(conversation_id=call))


@pytest.mark.django_db(transaction=True)
def test_eight_writers_on_one_call_make_one_chain():
    call = uuid4()
    failures = _in_threads(
        8, lambda: [append_refusal(entry_of(subject=Subject(conversation_id=call))) for _ in range(20)]
    )
    chain = list(AuditRecord.objects.filter(conversation_id=call).order_by("number_in_conversation"))
    assert failures == []
    assert [item.number_in_conversation for item in chain] == list(range(1, 161))
    assert [fault for a, b in pairwise(chain) for fault in verification.faults_in_chain(b, previous=a)] == []


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_writer_on_another_call_does_not_wait():
    with transaction.atomic():
        append(entry_of(subject=Subject(conversation_id=uuid4())))
        # With a lock of the whole log this would wait for ever: the transaction above ends after it.
        failures = _in_threads(
            1, lambda: append_refusal(entry_of(subject=Subject(conversation_id=uuid4()))), seconds=5
        )
    assert failures == []
    assert AuditRecord.objects.count() == 2


def _in_threads(count: int, work: Callable[[], Any], *, seconds: float = 30) -> list[Exception]:
    """Run `work` in threads at once; return what they raised. Raise if they do not end in time."""
    failures: list[Exception] = []
    start = threading.Barrier(count)

    def run() -> None:
        try:
            start.wait(seconds)
            work()
        except Exception as error:  # noqa: BLE001  handed to the test
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    assert not any(thread.is_alive() for thread in threads), "still waiting"
    return failures
