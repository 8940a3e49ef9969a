"""What only a person can settle, and who may."""

from typing import Any

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from injections.callers import Caller
from injections.lifecycle import Status
from injections.models import InjectionRequest
from injections.roles import Role
from injections.services.refusals import NotPermitted
from injections.services.settlement import NotSettleable, settle_unknown
from tests.factories import InjectionFactory, UserFactory
from tests.injections.conftest import caller_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer() -> Caller:
    """A compliance officer."""
    return caller_for(UserFactory(role=Role.COMPLIANCE))


def _doubtful(status: str = "unknown", **changes: Any) -> InjectionRequest:
    row: InjectionRequest = InjectionFactory(
        status=status, reason_code="outcome_unknown", error="lost", sent_at=timezone.now(), **changes
    )
    return row


@pytest.mark.parametrize("status", ["unknown", "unconfirmed"])
@pytest.mark.parametrize(
    ("outcome", "settled", "code"),
    [("played", Status.COMPLETED, ""), ("not_played", Status.FAILED, "settled_not_played")],
)
def test_an_officer_settles_a_doubt_with_a_reason_on_record(
    officer: Caller, status: str, outcome: str, settled: Status, code: str
) -> None:
    row = settle_unknown(
        injection_id=_doubtful(status).pk, outcome=outcome, reason="heard in the call recording", by=officer
    )
    row.refresh_from_db()
    assert (row.status, row.reason_code) == (settled, code)
    record = AuditRecord.objects.get(injection_id=row.pk)
    assert (record.action, record.outcome) == ("injection.settled", "done")
    assert record.actor_id == str(officer.user.pk if officer.user else "")


def test_the_record_of_a_settlement_names_the_person_what_was_found_and_why(officer: Caller) -> None:
    for outcome, found in (("played", "was played"), ("not_played", "was not played")):
        row = _doubtful(agent_name="Abel")
        settle_unknown(injection_id=row.pk, outcome=outcome, reason="heard it,\ntwice", by=officer)
        title = "" if row.clip is None else row.clip.title
        assert AuditRecord.objects.get(injection_id=row.pk).summary == (
            f"{officer.label} found that “{title}” {found} into Abel's call. Reason given: heard it, twice."
        )


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.ADMINISTRATOR, Role.AUDIO_ADMIN])
def test_nobody_else_settles_it(role: Role) -> None:
    row = _doubtful()
    with pytest.raises(NotPermitted):
        settle_unknown(
            injection_id=row.pk, outcome="played", reason="so", by=caller_for(UserFactory(role=role))
        )
    row.refresh_from_db()
    assert row.status == Status.UNKNOWN
    assert AuditRecord.objects.get().action == "access.refused"


def test_what_is_known_is_not_settled_again(officer: Caller) -> None:
    row = InjectionFactory(status="dispatched", interaction_id="i", sent_at=timezone.now())
    with pytest.raises(NotSettleable):
        settle_unknown(injection_id=row.pk, outcome="not_played", reason="so", by=officer)
    row.refresh_from_db()
    assert row.status == Status.DISPATCHED
