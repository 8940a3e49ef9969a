"""The rehearsal leaves no trace."""

import pytest

from audit.models import AuditRecord
from injections.models import DispatchAttempt, InjectionRequest
from injections.services.rehearsal import rehearse
from tests.support.simulator_process import SimulatorProcess


@pytest.mark.django_db(transaction=True)
def test_a_rehearsal_writes_records_and_sends_nothing(simulator: SimulatorProcess) -> None:
    simulator.clear_ledger()
    rehearse()
    assert not InjectionRequest.objects.exists()
    assert not DispatchAttempt.objects.exists()
    assert not AuditRecord.objects.exists()
    assert simulator.ledger()["requests"] == {}
