"""The breaker by hand: by administrators alone, and on record."""

import json
from typing import Any

import pytest

from audit.models import AuditRecord
from injections import gate
from injections.roles import Role
from injections.services.breaker import close_breaker, open_breaker
from injections.services.refusals import NotPermitted
from injections.shared_state import StateUnavailable
from tests.factories import UserFactory
from tests.injections.conftest import caller_for
from tests.support.simulator_process import SimulatorProcess

pytestmark = pytest.mark.django_db


def test_an_administrator_opens_and_closes_it_on_record(simulator: SimulatorProcess) -> None:
    administrator = caller_for(UserFactory(role=Role.ADMINISTRATOR))
    open_breaker(reason="Maintenance at Genesys", by=administrator)
    assert gate.view().forced_by == administrator.actor.name
    close_breaker(by=administrator)
    assert not gate.view().is_open
    assert set(AuditRecord.objects.values_list("action", flat=True)) == {
        "breaker.open_asked",
        "breaker.opened",
        "breaker.close_asked",
        "breaker.closed",
    }


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.COMPLIANCE])
def test_nobody_else_does_and_the_attempt_is_on_record(simulator: SimulatorProcess, role: Role) -> None:
    with pytest.raises(NotPermitted):
        open_breaker(reason="To see", by=caller_for(UserFactory(role=role)))
    assert not gate.view().is_open
    assert AuditRecord.objects.get().action == "access.refused"


def test_what_could_not_be_done_is_not_recorded_as_done(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    with pytest.raises(StateUnavailable):
        open_breaker(reason="To see", by=caller_for(UserFactory(role=Role.ADMINISTRATOR)))
    assert list(AuditRecord.objects.order_by("id").values_list("action", "outcome")) == [
        ("breaker.open_asked", "done"),
        ("breaker.unreachable", "failed"),
    ]


def test_the_record_keeps_why_requests_are_held_back(simulator: SimulatorProcess) -> None:
    open_breaker(reason="Maintenance at Genesys", by=caller_for(UserFactory(role=Role.ADMINISTRATOR)))
    kept = [json.loads(record.body)["details"]["reason_given"] for record in AuditRecord.objects.all()]
    assert kept == ["Maintenance at Genesys"] * 2


def test_without_a_reason_nothing_is_held_back(simulator: SimulatorProcess) -> None:
    with pytest.raises(ValueError, match="with a reason"):
        open_breaker(reason="  ", by=caller_for(UserFactory(role=Role.ADMINISTRATOR)))
    assert not gate.view().is_open
    assert not AuditRecord.objects.exists()
