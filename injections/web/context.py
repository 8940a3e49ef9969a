"""What every page needs: who is there, where they may go, and whether the board is live."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from injections import selectors
from injections.callers import Caller, caller_of
from injections.roles import Action

_PAGES = (
    ("live_calls", "Live calls", (Action.SEE_CALLS,)),
    ("injections", "Injections", (Action.SEE_OWN_INJECTIONS, Action.SEE_ALL_INJECTIONS)),
    ("clips", "Recordings", (Action.SEE_CLIPS,)),
    ("admin:index", "Compliance", (Action.READ_LOG,)),
    ("admin:index", "Administration", (Action.MANAGE_PORTAL,)),
    ("status", "Status", (Action.SEE_STATUS,)),
)
_SECTIONS = {"barge_panel": "live_calls", "injection": "injections", "clip": "clips", "clip_upload": "clips"}


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
    def feed(self) -> selectors.Feed:
        return selectors.feed(now=self.now)

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
        return _SECTIONS.get(name, name)


def portal(request: HttpRequest) -> Mapping[str, Portal]:
    """Give every template its `portal`."""
    return {"portal": Portal(request)}
