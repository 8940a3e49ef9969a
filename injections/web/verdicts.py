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
from injections.selectors import OpenDoubt
from injections.services.admission import OLDEST_VIEW
from injections.web.moments import clock_time
from injections.web.plain_text import shown_name
from injections.web.reason_words import WORDS, remedy
from injections.web.words import seconds_since, spoken

# From here on the page says that it may be out of date: the watcher vouches for every call each six seconds,
# so ten mean that it is late.
STALE_AFTER: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Badge:
    """A state in three ways at once: a hue (go, caution, stop, plain, unknown), a shape, and words."""

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


_MARKS: Final = {
    "go": ("✓", "Holds:"),
    "caution": ("–", "Mind:"),
    "stop": ("✕", "Does not hold:"),
    "unknown": ("?", "Not known:"),
    "open": ("○", "Still to do:"),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the checklist: what must hold, how it stands, and what is known of it.

    `kind` is one of `_MARKS`; only `stop` forbids a barge. `told` is the line with a time in it, where it has one;
    `words` say the same without.
    """

    kind: str
    words: str
    detail: str | SafeString = ""
    remedy: str | SafeString = ""
    code: str = ""
    told: SafeString | None = None

    @property
    def holds(self) -> bool:
        """Tell whether it leaves a barge possible."""
        return self.kind != "stop"

    @property
    def mark(self) -> str:
        return _MARKS[self.kind][0]

    @property
    def spoken_mark(self) -> str:
        return _MARKS[self.kind][1]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the portal itself knows of a call beside what the platform tells.

    `is_busy`: a recording of ours is playing or due in it. `doubt`: one of which nobody knows whether it was heard.
    `is_held_back`: requests are held back, so that no call is read.
    """

    now: datetime
    is_busy: bool = False
    doubt: OpenDoubt | None = None
    is_held_back: bool = False

    @property
    def is_playing(self) -> bool:
        """Tell whether a recording of ours is known to be playing or due."""
        return self.is_busy and not self.is_doubt_audible

    @property
    def is_doubt_audible(self) -> bool:
        """Tell whether something may be playing, and nobody knows."""
        return self.doubt is not None and self.doubt.is_audible


_YES: Final = Badge("go", "✓", "Yes")
_DOUBT: Final = Badge("unknown", "?", "May have been heard")
_STATES: Final = {
    "alerting": Badge("plain", "○", "Ringing"),
    "connected": Badge("go", "●", "Connected"),
    "held": Badge("caution", "Ⅱ", "On hold"),
    "secure_pause": Badge("stop", "■", "Secure pause"),
    "barged": Badge("plain", "◐", "Being barged"),
}
STATE_WORDS: Final = {code: badge.words for code, badge in _STATES.items()}


def state_code(call: LiveCall, seen: Seen) -> str:
    """Return the one word for what the call is in."""
    if call.is_secure_paused:
        return "secure_pause"
    if call.is_held:
        return "held"
    if call.state != "connected":
        return "alerting"
    return "barged" if call.barged_by or seen.is_playing else "connected"


def state_badge(code: str) -> Badge:
    """Return the badge of a state code."""
    return _STATES[code]


def verdict(call: LiveCall, seen: Seen) -> Badge:
    """Return whether `call` may be barged now, the gravest reason against it first.

    A doubt comes first of all: whoever does not see it plays the same recording a second time.
    """
    if seen.doubt is not None:
        return _DOUBT
    if call.consent_reason:
        return Badge("stop", "✕", WORDS.get(call.consent_reason, "No consent"))
    if call.is_secure_paused:
        return Badge("stop", "✕", "Card data being taken")
    if call.barged_by or seen.is_playing:
        return Badge(
            "plain",
            "◐",
            f"{shown_name(call.barged_by)} is barging" if call.barged_by else "Recording due or playing",
        )
    if call.is_held:
        return Badge("caution", "–", "Not now: on hold")
    if not _has_answered(call):
        return Badge("caution", "–", "Not answered yet")
    if is_stale(call, now=seen.now):
        return Badge("caution", "–", "Not read now" if seen.is_held_back else "Checking again")
    return _YES


def is_stale(call: LiveCall, *, now: datetime) -> bool:
    """Tell whether the last word of the platform on `call` is too old to be shown as the present."""
    return now - call.seen_at > STALE_AFTER


def is_too_old(call: LiveCall, *, now: datetime) -> bool:
    """Tell whether nobody may decide about `call` by what is known of it."""
    return now - call.seen_at > OLDEST_VIEW


def checklist(call: LiveCall, seen: Seen) -> tuple[Check, ...]:
    """Return what must hold before a recording may go into `call`, each line with what is known of it."""
    age = f"{int(seconds_since(call.seen_at, now=seen.now))} s ago"
    return (
        *(() if seen.doubt is None else (_doubt_check(seen.doubt),)),
        Check("go", "Call is active", age),  # a call that has ended is no longer here
        _agent_check(call),
        _consent_check(call),
        _state_check(not call.is_held, "Not on hold", "on_hold"),
        _state_check(not call.is_secure_paused, "No secure pause", "secure_pause"),
        _busy_check(call, seen),
        _age_check(call, seen),
    )


def blocking(checks: tuple[Check, ...]) -> Check | None:
    """Return the first line that forbids a barge, or None."""
    return next((check for check in checks if not check.holds), None)


def doubt_told(doubt: OpenDoubt) -> SafeString:
    """Return in one sentence what may have been heard, with its time."""
    return format_html(
        "The outcome of “<bdi>{}</bdi>”, {}, is not known: it may have been heard",
        shown_name(doubt.title),
        clock_time(doubt.sent_at),
    )


def _doubt_check(doubt: OpenDoubt) -> Check:
    title = shown_name(doubt.title)
    if doubt.is_audible:
        words = f"“{title}” may be playing: its outcome is not known"
        meanwhile = "Wait: it may be heard at this moment. Then listen to the call before you decide."
        return Check("stop", words, "", meanwhile, "call_busy", doubt_told(doubt))
    return Check(
        "unknown",
        f"The outcome of “{title}” is not known: it may have been heard",
        "",
        "Ask the agent, or listen to the call, before you play anything: a barge now may repeat it.",
        told=doubt_told(doubt),
    )


def _has_answered(call: LiveCall) -> bool:
    return call.state == "connected" and call.agent_participant_id is not None


def _state_check(holds: bool, words: str, code: str, *, detail: str = "") -> Check:
    return Check("go", words, detail) if holds else Check("stop", WORDS[code], detail, remedy(code), code)


def _agent_check(call: LiveCall) -> Check:
    return _state_check(
        _has_answered(call), "Agent is connected", "agent_not_connected", detail=shown_name(call.agent_name)
    )


def _consent_check(call: LiveCall) -> Check:
    code = call.consent_reason
    if not code:
        return Check("go", "Agent has consented", "asked again when sent")
    return Check("stop", WORDS.get(code, "No consent"), "", remedy(code), code)


def _busy_check(call: LiveCall, seen: Seen) -> Check:
    if call.barged_by:
        words = f"{shown_name(call.barged_by)} is barging"
        return Check("stop", words, "", "Wait until the barge has ended.", "call_busy")
    return _state_check(not seen.is_playing, "Nobody else is playing", "call_busy")


def _age_check(call: LiveCall, seen: Seen) -> Check:
    if not is_stale(call, now=seen.now):
        return Check("go", "Information is fresh")
    age = f"{spoken(seconds_since(call.seen_at, now=seen.now))} old"
    kind, code = ("stop", "call_changed") if is_too_old(call, now=seen.now) else ("caution", "")
    if seen.is_held_back:
        meaning = "Nothing can be known of this call until they are let through." if code else ""
        return Check(kind, "Not read while requests are held back", age, meaning, code)
    if kind == "stop":
        return Check(kind, "Information is too old", age, "Wait until the call has been read again.", code)
    return Check(kind, "Information is old; it is being asked for again", age)
