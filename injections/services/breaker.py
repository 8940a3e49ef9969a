"""An administrator opens or closes the circuit breaker by hand."""

from collections.abc import Callable, Mapping
from functools import partial

from django.db import transaction
from django.utils import timezone

from audit import services as audit
from audit.entry import Entry, Outcome
from injections import gate
from injections.callers import Caller
from injections.roles import Action
from injections.services.refusals import require
from injections.shared_state import StateUnavailable


def open_breaker(*, reason: str, by: Caller) -> None:
    """Hold back every request to the platform until the breaker is closed by hand; the record keeps the `reason`.

    Must run outside a transaction. Raises NotPermitted, StateUnavailable, ValueError for an empty reason.
    """
    if not reason.strip():
        raise ValueError("Requests are held back with a reason.")
    _work("open", partial(gate.force_open, by=by.actor.name), details={"reason_given": reason}, by=by)


def close_breaker(*, by: Caller) -> None:
    """Let requests go to the platform again; also a used-up budget is forgotten.

    Must run outside a transaction. Raises NotPermitted, StateUnavailable.
    """
    _work("close", gate.close, details={}, by=by)


def _work(verb: str, act: Callable[[], None], *, details: Mapping[str, str], by: Caller) -> None:
    """Record that it is about to happen, do it, record what came of it.

    The shared state is outside the database: as with a command to the platform, the intent is on record first.
    """
    require(Action.WORK_BREAKER, attempt=f"{verb} the circuit breaker", by=by)
    done = "opened" if verb == "open" else "closed"
    record = partial(_record, details=details, by=by)
    record(f"breaker.{verb}_asked", "done", f"{by.label} asked to {verb} the circuit breaker by hand.")
    try:
        act()
    except StateUnavailable:
        record("breaker.unreachable", "failed", f"The circuit breaker could not be {done}.")
        raise
    record(f"breaker.{done}", "done", f"{by.label} {done} the circuit breaker by hand.")


def _record(action: str, outcome: Outcome, summary: str, *, details: Mapping[str, str], by: Caller) -> None:
    with transaction.atomic(durable=True):
        audit.append(
            Entry(
                action=action,
                outcome=outcome,
                actor=by.actor,
                source=by.source,
                summary=summary,
                details=details,
                occurred_at=timezone.now(),
            )
        )
