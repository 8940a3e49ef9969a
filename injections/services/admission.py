"""Whether a recording may go into a call by the portal's own rules: scope, recording, hold, secure pause.

Asked when a request comes in and again before each try. What only the platform knows (is the call active, does
consent hold) is asked of it at dispatch: see `consent_policy`. So are hold, secure pause and barges, where the board
knows nothing of them or its word is old.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from injections.callers import Caller
from injections.genesys.conversation import CONSENT, changes_between
from injections.models import AudioClip, LiveCall
from injections.reasons import reason
from injections.roles import Action

# What the board knows of hold, secure pause and barges is good for this long; then the platform is asked for them.
FRESH: Final = timedelta(seconds=10)
# Two snapshots missed: the page that the supervisor looked at may be wrong about hold and secure pause.
OLDEST_VIEW: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Objection:
    """Why not: a code of `reasons.py` and the sentence for it."""

    code: str
    message: str


def objection(
    *,
    conversation_id: UUID,
    participant_id: UUID,
    clip: AudioClip | None,
    is_from_page: bool,
    seen_version: str,
    call: LiveCall | None,
    is_board_believed: bool,
    now: datetime,
    by: Caller | None,
) -> Objection | None:
    """Return the first rule that forbids it, or None.

    `is_board_believed` is False where the platform tells of hold, secure pause and barges itself.
    `by` is None at a later try: role and scope were decided when it was asked. `call` is what the watcher knows of
    the conversation, None when nothing; an API client may act on a call that the board does not show.
    """
    code = (
        (None if by is None else _caller_objection(call=call, is_from_page=is_from_page, by=by))
        or _call_objection(
            call,
            participant_id=participant_id,
            seen_version=seen_version,
            is_from_page=is_from_page,
            is_board_believed=is_board_believed,
            now=now,
        )
        or ("clip_not_approved" if clip is not None and not clip.is_playable else None)
    )
    if code is None:
        return None
    return Objection(code, _sentence(code, call, seen_version=seen_version, now=now))


def is_fresh(call: LiveCall | None, *, now: datetime) -> bool:
    """Tell whether what is known of hold, secure pause and barges is young enough to act on."""
    return call is not None and now - call.seen_at <= FRESH


def _caller_objection(*, call: LiveCall | None, is_from_page: bool, by: Caller) -> str | None:
    if not by.may(Action.BARGE if is_from_page else Action.INJECT_BY_API):
        return "not_permitted"
    if is_from_page and call is not None and call.queue_id not in by.queue_ids:
        return "out_of_scope"
    return None


def _call_objection(
    call: LiveCall | None,
    *,
    participant_id: UUID,
    seen_version: str,
    is_from_page: bool,
    is_board_believed: bool,
    now: datetime,
) -> str | None:
    if call is None:
        return "call_not_active" if is_from_page else None
    if is_board_believed:
        if call.is_secure_paused:
            return "secure_pause"
        if call.is_held:
            return "on_hold"
        if call.barged_by:
            return "call_busy"
    if is_from_page and (
        call.version != seen_version
        or call.agent_participant_id != participant_id
        or now - call.seen_at > OLDEST_VIEW
    ):
        # Nobody arms without consent: if it is missing now, it was taken back.
        is_withdrawn = call.consent_reason != "" and CONSENT in changes_between(seen_version, call.version)
        return "consent_withdrawn" if is_withdrawn else "call_changed"
    return None


def _sentence(code: str, call: LiveCall | None, *, seen_version: str, now: datetime) -> str:
    sentence = reason(code).sentence
    if call is None:
        return sentence
    if code == "call_busy":
        return f"{call.barged_by} is barging into this call"
    if code != "call_changed":
        return sentence
    if now - call.seen_at > OLDEST_VIEW:
        return f"{sentence}, or may have: it has not been read for {OLDEST_VIEW.seconds} s"
    changes = changes_between(seen_version, call.version)
    return f"{sentence}: {', '.join(changes)}" if changes else sentence
