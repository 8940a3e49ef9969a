"""Attempts that were refused before they became anything: the record is all that is left of them.

What was refused is called `<subject>.<verb>_refused`, or `<subject>.refused` where the subject itself was.
"""

import logging
import time
from collections.abc import Mapping
from typing import Any, Final

from django.utils import timezone

from audit import services as audit
from audit.entry import Entry, Subject
from injections import wiring
from injections.audit_events import recordable
from injections.callers import Caller
from injections.roles import Action
from injections.shared_state import StateUnavailable

log = logging.getLogger(__name__)
MINUTE_S: Final = 60


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
    counted_for: str | None = None,
    most_a_minute: int = 1,
    by: Caller,
) -> None:
    """Record a refused or invalid attempt in a transaction of its own, so that it survives the request's rollback.

    `code` is a code of `injections.reasons`. `details` may hold what came from outside; it is made recordable here.
    Where anybody may try as often as he likes, `counted_for` says who is connected: of his attempts only the first few
    in each minute are on record, so that nobody can fill the log.
    """
    if counted_for is not None:
        count = count_in_minute(action, who=counted_for)
        if count is not None and count > most_a_minute:
            return
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


def count_in_minute(what: str, *, who: object) -> int | None:
    """Count one more of `what` by `who` in this minute; return how many, None when nobody can count."""
    key = f"{what}:{who}:{int(time.time() // MINUTE_S)}"
    try:
        return wiring.shared_state().count(key, for_s=2 * MINUTE_S)
    except StateUnavailable as error:
        log.warning("nobody counts %s: %s", what, error)
        return None
