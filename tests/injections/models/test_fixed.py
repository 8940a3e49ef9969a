"""Rows read and written by fixed SQL are those that Django itself reads and writes."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError
from django.db.models import Model

from injections.models import DispatchAttempt, InjectionRequest
from injections.models.fixed import ATTEMPTS, CALLS, CLIPS, INJECTIONS
from tests.factories import AudioClipFactory, InjectionFactory, LiveCallFactory

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 29, 1, 59, 59, 123456, tzinfo=UTC)


def _values(row: Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


@pytest.mark.parametrize(
    ("rows", "factory"), [(CALLS, LiveCallFactory), (CLIPS, AudioClipFactory), (INJECTIONS, InjectionFactory)]
)
def test_a_row_is_read_as_django_reads_it(rows: Any, factory: Any) -> None:
    made = factory()
    read = rows.get(made.pk)
    assert _values(read) == _values(type(made).objects.get(pk=made.pk))
    assert [type(value) for value in _values(read).values()] == [
        type(value) for value in _values(type(made).objects.get(pk=made.pk)).values()
    ]
    assert read._state.adding is False


def test_rows_are_found_by_another_column_than_their_key() -> None:
    made = [InjectionFactory(interaction_id="the-one") for _ in range(2)]
    InjectionFactory(interaction_id="another")
    assert {row.pk for row in INJECTIONS.find("interaction_id", "the-one", is_locked=True)} == {
        row.pk for row in made
    }


def test_what_is_not_there_is_none() -> None:
    assert CALLS.get(uuid4()) is None


def test_a_row_is_written_as_django_writes_it() -> None:
    row = InjectionFactory.build(clip=AudioClipFactory(), requested_by=InjectionFactory().requested_by)
    row.deadline_at = AT
    assert INJECTIONS.insert(row) == 1
    assert _values(InjectionRequest.objects.get(pk=row.pk)) == _values(row)


def test_a_numbered_row_is_told_its_number() -> None:
    attempt = DispatchAttempt(injection=InjectionFactory(), number=1, started_at=AT)
    ATTEMPTS.insert(attempt)
    attempt.outcome, attempt.finished_at, attempt.sent_ms = "accepted", AT, 12.5
    ATTEMPTS.save(attempt)
    found = DispatchAttempt.objects.get()
    assert _values(found) == _values(attempt)


def test_only_rows_that_meet_every_condition_are_changed() -> None:
    row, other = InjectionFactory(status="queued"), InjectionFactory(status="queued")
    changes = {"error": "late", "queue_id": None, "due_at": AT}
    assert INJECTIONS.update(changes, where={"id": row.pk, "status": "requested"}) == 0
    assert INJECTIONS.update(changes, where={"id": row.pk, "status": "queued"}) == 1
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.error, row.queue_id, row.due_at) == ("late", None, AT)
    assert other.error != "late"


def test_a_row_that_is_gone_is_not_saved_in_silence() -> None:
    attempt = DispatchAttempt(pk=4711, injection=InjectionFactory(), number=1, started_at=AT)
    with pytest.raises(DatabaseError, match="4711"):
        ATTEMPTS.save(attempt)
