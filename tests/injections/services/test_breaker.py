"""The breaker by hand: by administrators alone, and on record."""

import pytest

from audit.models import AuditRecord
from injections import gate
from injections.roles import Role
from injections.services.breaker import close_breaker, open_breaker
from injections.services.refusals import NotPermitted
from tests.factories import UserFactory
from tests.injections.conftest import caller_for
from tests.support.simulator_process import SimulatorProcess

pytestmark = pytest.mark.django_db


def test_an_administrator_opens_and_closes_it_on_record(simulator: SimulatorProcess) -> None:
    administrator = caller_for(UserFactory(role=Role.ADMINISTRATOR))
    open_breaker(by=administrator)
    assert gate.view().forced_by == administrator.actor.name
    close_breaker(by=administrator)
    assert not gate.view().is_open
    assert set(AuditRecord.objects.values_list("action", flat=True)) == {"breaker.opened", "breaker.closed"}


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.COMPLIANCE])
def test_nobody_else_does_and_the_attempt_is_on_record(simulator: SimulatorProcess, role: Role) -> None:
    with pytest.raises(NotPermitted):
        open_breaker(by=caller_for(UserFactory(role=role)))
    assert not gate.view().is_open
    assert AuditRecord.objects.get().action == "access.refused"
