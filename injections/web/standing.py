"""How requests to the platform stand, told to people: what holds them back, since when, what a barge would do now."""

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.utils.html import format_html
from django.utils.safestring import SafeString

from injections.gate import BREAKER_INTERVAL_S, REQUESTS_A_TRY, GateView
from injections.selectors import Feed
from injections.services.admission import OLDEST_VIEW
from injections.web.moments import clock_time, countdown
from injections.web.plain_text import shown_name
from injections.web.verdicts import Badge, Check
from injections.web.words import spoken

BADGES: Final = {
    "forced": Badge("stop", "■", "Held back by hand"),
    "open": Badge("stop", "✕", "Held back"),
    "spent": Badge("caution", "◷", "Limit used up"),
    "blind": Badge("caution", "?", "Not known"),
    "clear": Badge("go", "●", "Let through"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What the gate does with a request now.

    `code`: `forced` (breaker opened by hand), `open` (breaker opened by failures), `spent` (request limit used up),
    `blind` (nobody can tell), `clear`. `patience_s` is how long a barge may wait before it is given up.
    """

    code: str
    since: datetime | None
    by: str
    left: int
    allowed: int
    resets_at: datetime
    patience_s: int
    now: datetime

    @property
    def is_holding(self) -> bool:
        """Tell whether a barge would have to wait."""
        return self.code in {"forced", "open", "spent"}

    @property
    def is_breaker_open(self) -> bool:
        """Tell whether it is the breaker that holds requests back."""
        return self.code in {"forced", "open"}

    @property
    def badge(self) -> Badge:
        return BADGES[self.code]

    @property
    def budget(self) -> str:
        """What is left of the request limit, in words."""
        if self.code == "blind":
            return "Request limit not known"
        return f"{self.left} of {self.allowed} requests left this minute"

    @property
    def what(self) -> str:
        """What goes on, in one sentence."""
        match self.code:
            case "forced":
                return f"{self.by} holds every request to Genesys Cloud back."
            case "open":
                return "Genesys Cloud is failing: requests are held back."
            case "spent":
                return "The platform takes no more requests for the moment."
        return ""

    @property
    def since_words(self) -> SafeString:
        """Since when, as the page prints it; empty when there is no such time."""
        return SafeString() if self.since is None else format_html("since {}", clock_time(self.since))

    @property
    def resets_in(self) -> SafeString:
        """When the request limit starts anew, counting down."""
        return countdown(self.resets_at, now=self.now)

    @property
    def patience(self) -> SafeString:
        """How long a barge waits while requests are held back."""
        return format_html(
            "A barge now waits: it is tried every {} s, for {} s at most; then it is given up and not played.",
            int(BREAKER_INTERVAL_S),
            self.patience_s,
        )

    @property
    def meaning(self) -> SafeString:
        """What a barge would do now, and for how long."""
        if self.is_breaker_open:
            return format_html(
                "{} Calls are not read meanwhile: one that was not heard of for {} s cannot be barged.",
                self.patience,
                int(OLDEST_VIEW.total_seconds()),
            )
        if self.code != "spent":
            return SafeString()
        wait_s = (self.resets_at - self.now).total_seconds()
        if wait_s >= self.patience_s:
            return format_html(
                "A barge now would be given up at once: requests go out again only {}, and a barge waits {} at most.",
                self.resets_in,
                spoken(self.patience_s),
            )
        return format_html("A barge now waits; it is sent {}.", self.resets_in)


def standing(view: GateView, *, now: datetime, patience_s: int) -> Standing:
    """Return how things stand by the gate's own account; the gravest counts, as it does for the gate."""
    return Standing(
        code=_code(view),
        since=None if view.opened_at is None else datetime.fromtimestamp(view.opened_at, tz=UTC),
        by=shown_name(view.forced_by),
        left=view.left,
        allowed=view.allowed,
        resets_at=datetime.fromtimestamp(view.resets_at, tz=UTC),
        patience_s=patience_s,
        now=now,
    )


def gate_checks(stands: Standing, feed: Feed, *, is_too_old: bool) -> tuple[Check, Check]:
    """Return the lines of a checklist that tell whether a barge would go out now; neither forbids it.

    `is_too_old`: nobody may decide about the call by what is known of it.
    """
    return _platform_check(stands, feed, is_too_old=is_too_old), _budget_check(stands)


def _platform_check(stands: Standing, feed: Feed, *, is_too_old: bool) -> Check:
    if stands.is_breaker_open:
        meaning = "No barge into this call can be asked for until they are let through."
        return Check("caution", stands.what, remedy=meaning if is_too_old else stands.patience)
    if stands.code == "blind":
        return Check(
            "caution",
            "Not known whether requests are held back",
            remedy="They go out as if nothing held them back.",
        )
    if feed.is_late:
        return Check("caution", "Genesys Cloud does not answer as it should", remedy=feed.problem)
    return Check("go", "Genesys Cloud answers")


def _budget_check(stands: Standing) -> Check:
    if stands.code == "blind":
        return Check("caution", stands.budget)
    if stands.code == "spent":
        return Check("caution", stands.what, remedy=stands.meaning)
    return Check("go", "Requests are left", f"{stands.left} left")


def mood(stands: Standing, feed: Feed) -> str:
    """Return one word for the whole of it, which changes when what a person may do has changed."""
    return f"{stands.code}-late" if feed.is_late else stands.code


def digest(stands: Standing, feed: Feed) -> str:
    """Return a short word that changes when anything that the strip shows has changed."""
    problem = feed.problem if feed.is_late else ""
    shown = (mood(stands, feed), problem, stands.since, stands.by, stands.left, stands.allowed)
    resets_s = int(stands.resets_at.timestamp()) if stands.code == "spent" else 0
    return f"{zlib.crc32(repr((shown, resets_s)).encode()):x}"


def _code(view: GateView) -> str:
    if not view.is_known:
        return "blind"
    if view.is_open:
        return "forced" if view.forced_by else "open"
    return "spent" if view.left < REQUESTS_A_TRY else "clear"
