"""What every page needs: who is there, where they may go, and whether the board is live."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from injections import gate, selectors
from injections.callers import Caller, caller_of
from injections.roles import Action
from injections.web.standing import Standing, digest, mood, standing
from injections.web.strip_pass import new_pass

_PAGES = (
    ("live_calls", "Live calls", (Action.SEE_CALLS,)),
    ("injections", "Injections", (Action.SEE_OWN_INJECTIONS, Action.SEE_ALL_INJECTIONS)),
    ("clips", "Recordings", (Action.SEE_CLIPS,)),
    ("deliveries", "Deliveries", (Action.RESEND_EVENT,)),
    ("admin:index", "Compliance", (Action.READ_LOG,)),
    ("admin:index", "Administration", (Action.MANAGE_PORTAL,)),
    ("status", "Status", (Action.SEE_STATUS,)),
)
_SECTIONS = {
    "barge_panel": "live_calls",
    "barge_arm": "live_calls",
    "barge_disarm": "live_calls",
    "barge_fire": "live_calls",
    "barge_pressed": "live_calls",
    "injection": "injections",
    "injection_settle": "injections",
    "clip": "clips",
    "clip_upload": "clips",
    "clip_reject": "clips",
    "delivery_resend": "deliveries",
    "breaker": "status",
}


@dataclass(frozen=True, slots=True)
class NavItem:
    """One link of the main navigation."""

    href: str
    words: str
    is_current: bool


class Portal:
    """The `portal` of every template. Each part is asked for only when a template uses it: fragments stay cheap."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def now(self) -> datetime:
        return timezone.now()

    @cached_property
    def now_s(self) -> str:
        """The server's clock in seconds: countdowns and ages start from it, not from the viewer's clock."""
        return f"{self.now.timestamp():.3f}"

    @cached_property
    def caller(self) -> Caller | None:
        user = getattr(self._request, "user", None)
        return caller_of(self._request) if user is not None and user.is_authenticated else None

    @cached_property
    def role(self) -> str:
        return "" if self.caller is None else self.caller.actor.role.replace("_", " ")

    @cached_property
    def platform(self) -> str:
        """What answers at the platform's address."""
        return "Simulator" if settings.GENESYS_IS_SIMULATOR else "Genesys"

    @cached_property
    def feed(self) -> selectors.Feed:
        return selectors.feed(now=self.now)

    @cached_property
    def standing(self) -> Standing:
        """What the gate does with requests now; no question to the database."""
        return standing(gate.view(), now=self.now, patience_s=settings.INJECT_DEADLINE_S)

    @cached_property
    def strip_pass(self) -> str:
        """The pass with which the open page asks for its strip."""
        return new_pass()

    @cached_property
    def strip_mood(self) -> str:
        return mood(self.standing, self.feed)

    @cached_property
    def strip_digest(self) -> str:
        return digest(self.standing, self.feed)

    @cached_property
    def doubts(self) -> selectors.Doubts:
        """How many injections that this person may see have an end that nobody knows."""
        return selectors.Doubts(0, 0) if self.caller is None else selectors.doubts(by=self.caller)

    @cached_property
    def may_settle(self) -> bool:
        return self.caller is not None and self.caller.may(Action.SETTLE_UNKNOWN)

    @cached_property
    def theme(self) -> str:
        """The chosen theme, or nothing: then the viewer's system decides."""
        chosen = self._request.COOKIES.get("theme", "")
        return chosen if chosen in {"light", "dark"} else ""

    @cached_property
    def has_shortcuts(self) -> bool:
        return self._request.COOKIES.get("shortcuts") != "off"

    @cached_property
    def nav(self) -> list[NavItem]:
        caller = self.caller
        if caller is None:
            return []
        return [
            NavItem(reverse(name), words, is_current=name == self._section)
            for name, words, actions in _PAGES
            if any(caller.may(action) for action in actions)
        ]

    @cached_property
    def _section(self) -> str:
        match = self._request.resolver_match
        name = "" if match is None else match.view_name
        return "admin:index" if name.startswith("admin:") else _SECTIONS.get(name, name)


def portal(request: HttpRequest) -> Mapping[str, Portal]:
    """Give every template its `portal`."""
    return {"portal": Portal(request)}
