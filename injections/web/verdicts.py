"""Whether a call may be barged, as the board shows it: a judgement of what is known, with its reason in words.

Only the board's opinion. What decides is asked anew of the platform when the recording is sent.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from django.utils.html import format_html
from django.utils.safestring import SafeString

from injections.models import LiveCall
from injections.services.admission import OLDEST_VIEW
from injections.web.plain_text import shown_name
from injections.web.reason_words import WORDS, remedy
from injections.web.words import seconds_since, spoken

# From here on the page says that it may be out of date: the watcher vouches for every call each six seconds,
# so ten mean that it is late.
STALE_AFTER: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Badge:
    """A state in three ways at once: a hue (go, caution, stop, plain), a shape, and words."""

    hue: str
    shape: str
    words: str

    @property
    def tag(self) -> SafeString:
        """The badge as a template prints it; the shape is for eyes only, the words say the same."""
        return _tag(self)


@lru_cache(maxsize=1024)
def _tag(badge: Badge) -> SafeString:
    # A board of 500 calls has a thousand badges, but only some ten different ones.
    return format_html(
        '<span class="tag {}"><i aria-hidden="true">{}</i>{}</span>', badge.hue, badge.shape, badge.words
    )


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the checklist: what must hold, whether it does, and what is known of it."""

    holds: bool
    words: str
    detail: str
    remedy: str = ""
    code: str = ""


_YES: Final = Badge("go", "✓", "Yes")
_STATES: Final = {
    "alerting": Badge("plain", "○", "Ringing"),
    "connected": Badge("go", "●", "Connected"),
    "held": Badge("caution", "Ⅱ", "On hold"),
    "secure_pause": Badge("stop", "■", "Secure pause"),
    "barged": Badge("plain", "◐", "Being barged"),
}
STATE_WORDS: Final = {code: badge.words for code, badge in _STATES.items()}


def state_code(call: LiveCall, *, is_busy: bool) -> str:
    """Return the one word for what the call is in; `is_busy`: a recording of ours is playing or due in it."""
    if call.is_secure_paused:
        return "secure_pause"
    if call.is_held:
        return "held"
    if call.state != "connected":
        return "alerting"
    return "barged" if call.barged_by or is_busy else "connected"


def state_badge(code: str) -> Badge:
    """Return the badge of a state code."""
    return _STATES[code]


def verdict(call: LiveCall, *, is_busy: bool, now: datetime) -> Badge:
    """Return whether `call` may be barged now, the gravest reason against it first."""
    if call.consent_reason:
        return Badge("stop", "✕", WORDS.get(call.consent_reason, "No consent"))
    if call.is_secure_paused:
        return Badge("stop", "✕", "Card data being taken")
    if call.barged_by or is_busy:
        return Badge(
            "plain",
            "◐",
            f"{shown_name(call.barged_by)} is barging" if call.barged_by else "Recording due or playing",
        )
    if call.is_held:
        return Badge("caution", "–", "Not now: on hold")
    if call.state != "connected" or call.agent_participant_id is None:
        return Badge("caution", "–", "Not yet: ringing")
    if is_stale(call, now=now):
        return Badge("caution", "–", "Checking again")
    return _YES


def is_stale(call: LiveCall, *, now: datetime) -> bool:
    """Tell whether the last word of the platform on `call` is too old to be shown as the present."""
    return now - call.seen_at > STALE_AFTER


def checklist(call: LiveCall, *, is_busy: bool, now: datetime) -> tuple[Check, ...]:
    """Return what must hold before a recording may go into `call`, each line with what is known of it."""
    is_connected = call.state == "connected"
    age = f"{int(seconds_since(call.seen_at, now=now))} s ago"
    return (
        _state_check(is_connected, "Call is active", "call_not_active", detail=age),
        _agent_check(call, is_connected=is_connected),
        _consent_check(call),
        _state_check(not call.is_held, "Not on hold", "on_hold"),
        _state_check(not call.is_secure_paused, "No secure pause", "secure_pause"),
        _busy_check(call, is_busy=is_busy),
        _age_check(call, now=now),
    )


def blocking(checks: tuple[Check, ...]) -> Check | None:
    """Return the first line that forbids a barge, or None."""
    return next((check for check in checks if not check.holds), None)


def _against(holds: bool, code: str) -> tuple[str, str]:
    return ("", "") if holds else (remedy(code), code)


def _state_check(holds: bool, words: str, code: str, *, detail: str = "") -> Check:
    return Check(holds, words if holds else WORDS[code], detail, *_against(holds, code))


def _agent_check(call: LiveCall, *, is_connected: bool) -> Check:
    holds = is_connected and call.agent_participant_id is not None
    return _state_check(
        holds, "Agent is connected", "agent_not_connected", detail=shown_name(call.agent_name)
    )


def _consent_check(call: LiveCall) -> Check:
    if not call.consent_reason:
        return Check(holds=True, words="Agent has consented", detail="asked again when sent")
    words = WORDS.get(call.consent_reason, "No consent")
    return Check(False, words, "", *_against(False, call.consent_reason))


def _busy_check(call: LiveCall, *, is_busy: bool) -> Check:
    if call.barged_by:
        return Check(
            False,
            f"{shown_name(call.barged_by)} is barging",
            "",
            "Wait until the barge has ended.",
            "call_busy",
        )
    return _state_check(not is_busy, "Nobody else is playing", "call_busy")


def _age_check(call: LiveCall, *, now: datetime) -> Check:
    if now - call.seen_at > OLDEST_VIEW:
        age = spoken(seconds_since(call.seen_at, now=now))
        return Check(
            False,
            "Information is too old",
            f"{age} old",
            "Wait until the call has been read again.",
            "call_changed",
        )
    words = "Information is being read again" if is_stale(call, now=now) else "Information is fresh"
    return Check(holds=True, words=words, detail="")
