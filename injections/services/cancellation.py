"""Take back what has not been sent."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from injections.audit_events import injection_subject
from injections.callers import Caller
from injections.lifecycle import CANCELLABLE, Status
from injections.models import InjectionRequest
from injections.roles import Action
from injections.services.refusals import record_refusal, require
from injections.services.transitions import explained, move


class NotCancellable(Exception):
    """It was sent, or has ended: taking it back is no longer possible."""

    def __init__(self, injection: InjectionRequest) -> None:
        super().__init__(f"This can no longer be cancelled: it is {injection.status}.")
        self.injection = injection


def cancel_injection(*, injection_id: UUID, by: Caller) -> InjectionRequest:
    """Cancel a waiting injection of the caller's own. Must run outside a transaction.

    Raises:
        InjectionRequest.DoesNotExist: there is none of that id that the caller asked for.
        NotPermitted, NotCancellable: the role does not allow it; it has been sent or has ended. Recorded.
    """
    injection = InjectionRequest.objects.select_related("clip").get(pk=injection_id, requested_by=by.user)
    require(
        Action.CANCEL_INJECTION, attempt="cancel an injection", subject=injection_subject(injection), by=by
    )
    with transaction.atomic(durable=True):
        is_moved = move(
            injection,
            Status.CANCELLED,
            at=timezone.now(),
            only_from=CANCELLABLE,
            by=by,
            **explained("cancelled_by_user"),
        )
    if is_moved:
        return injection
    injection.refresh_from_db()
    record_refusal(
        action="injection.cancel_refused",
        code="too_late",
        summary=f"{by.actor.name} tried to cancel an injection that is {injection.status}.",
        subject=injection_subject(injection),
        by=by,
    )
    raise NotCancellable(injection)
