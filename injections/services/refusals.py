"""Attempts that were refused before they became anything: the record is all that is left of them."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from audit import services as audit
from audit.entry import Entry, Subject
from injections.audit_events import recordable
from injections.callers import Caller
from injections.roles import Action


class NotPermitted(Exception):
    """The caller's role does not allow this step; the text says so. Recorded."""


def require(action: Action, *, attempt: str, subject: Subject | None = None, by: Caller) -> None:
    """Let only those pass whose role allows `action`; `attempt` says what was tried, as in "tried to ...".

    Raises NotPermitted, after the attempt is on record. Must run outside a transaction.
    """
    if by.may(action):
        return
    sentence = f"{by.label} tried to {attempt} without the role for it."
    record_refusal(action="access.refused", code="not_permitted", summary=sentence, subject=subject, by=by)
    raise NotPermitted(sentence)


def record_refusal(
    *,
    action: str,
    code: str,
    summary: str,
    subject: Subject | None = None,
    details: Mapping[str, Any] | None = None,
    by: Caller,
) -> None:
    """Record a refused or invalid attempt in a transaction of its own, so that it survives the request's rollback.

    `code` is a code of `injections.reasons`. `details` may hold what came from outside; it is made recordable here.
    """
    audit.append_refusal(
        Entry(
            action=action,
            outcome="refused",
            actor=by.actor,
            source=by.source,
            subject=Subject() if subject is None else subject,
            reason_code=code,
            summary=summary,
            details=recordable(details or {}),
            occurred_at=timezone.now(),
        )
    )
