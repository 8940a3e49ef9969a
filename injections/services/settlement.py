"""A person settles what the platform never told: was it played or not. With a reason, on record."""

from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from injections.audit_events import injection_settled, injection_subject
from injections.callers import Caller
from injections.lifecycle import Status
from injections.models import InjectionRequest
from injections.roles import Action
from injections.services.refusals import record_refusal, require
from injections.services.transitions import explained, move

OUTCOMES: Final = {"played": Status.COMPLETED, "not_played": Status.FAILED}
UNSETTLED: Final = frozenset({Status.UNKNOWN, Status.UNCONFIRMED})


class NotSettleable(Exception):
    """It is settled already; the text says how it stands."""


def settle_unknown(*, injection_id: UUID, outcome: str, reason: str, by: Caller) -> InjectionRequest:
    """Settle an `unknown` or `unconfirmed` injection as `played` or `not_played`.

    Must run outside a transaction. `reason` says in the officer's words how he knows; the record keeps it.

    Raises:
        NotPermitted, NotSettleable: recorded.
        InjectionRequest.DoesNotExist: no injection has that id.
    """
    injection = InjectionRequest.objects.select_related("clip").get(pk=injection_id)
    require(Action.SETTLE_UNKNOWN, attempt="settle an injection", subject=injection_subject(injection), by=by)
    to = OUTCOMES[outcome]
    with transaction.atomic(durable=True):
        is_moved = move(
            injection,
            to,
            at=timezone.now(),
            only_from=UNSETTLED,
            details={"settled_as": outcome, "reason_given": reason},
            record=injection_settled,
            by=by,
            **(explained("settled_not_played") if to is Status.FAILED else {"reason_code": "", "error": ""}),
        )
    if is_moved:
        return injection
    injection.refresh_from_db()
    message = f"This injection is {injection.status}: nothing is left to settle."
    record_refusal(
        action="injection.settle_refused",
        code="bad_request",
        summary=f"{by.label} tried to settle an injection. {message}",
        subject=injection_subject(injection),
        by=by,
    )
    raise NotSettleable(message)
