"""An administrator opens or closes the circuit breaker by hand."""

from django.db import transaction
from django.utils import timezone

from audit import services as audit
from audit.entry import Entry
from injections import gate
from injections.callers import Caller
from injections.roles import Action
from injections.services.refusals import require


def open_breaker(*, by: Caller) -> None:
    """Hold back every request to the platform until the breaker is closed by hand.

    Raises NotPermitted, StateUnavailable.
    """
    require(Action.WORK_BREAKER, attempt="open the circuit breaker", by=by)
    _record(action="breaker.opened", summary=f"{by.label} opened the circuit breaker by hand.", by=by)
    gate.force_open(by=by.actor.name)


def close_breaker(*, by: Caller) -> None:
    """Let requests go to the platform again. Raises NotPermitted, StateUnavailable."""
    require(Action.WORK_BREAKER, attempt="close the circuit breaker", by=by)
    _record(action="breaker.closed", summary=f"{by.label} closed the circuit breaker by hand.", by=by)
    gate.close()


def _record(*, action: str, summary: str, by: Caller) -> None:
    """Record the act before it is done: the shared state is outside the database, and no act may lack its record."""
    before = gate.view()
    with transaction.atomic(durable=True):
        audit.append(
            Entry(
                action=action,
                outcome="done",
                actor=by.actor,
                source=by.source,
                summary=summary,
                before={"is_open": before.is_open, "by": before.forced_by},
                after={"is_open": action == "breaker.opened", "by": by.actor.name},
                occurred_at=timezone.now(),
            )
        )
