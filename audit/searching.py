"""What may be asked of the log, as the address of the list holds it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone

from audit import selectors
from audit.entry import LIMITS, OUTCOMES
from audit.models import AuditRecord

PAGE = 50
_LONG_AGO = {
    "hour": ("Past hour", timedelta(hours=1)),
    "day": ("Past 24 hours", timedelta(days=1)),
    "week": ("Past 7 days", timedelta(days=7)),
    "month": ("Past 30 days", timedelta(days=30)),
}
# Django's admin names its filters so; links and bookmarks may hold either form.
_SUFFIX = "__exact"


def _text(limit: int, label: str) -> forms.CharField:
    return forms.CharField(required=False, max_length=limit, label=label)


def _identifier(label: str) -> forms.UUIDField:
    return forms.UUIDField(
        required=False, label=label, error_messages={"invalid": "This is not a whole identifier."}
    )


def _day(label: str) -> forms.DateField:
    return forms.DateField(
        required=False, label=label, error_messages={"invalid": "Write a day as 2026-11-22."}
    )


class Search(forms.Form):
    """The search. Those fields that the page has no input for come by links."""

    q = _text(200, "Search")
    action = _text(LIMITS["action"], "Action")
    outcome = forms.ChoiceField(
        required=False,
        label="Outcome",
        choices=[("", "Any outcome"), *((word, word.capitalize()) for word in OUTCOMES)],
    )
    recorded = forms.ChoiceField(
        required=False,
        label="Recorded",
        choices=[("", "Any time"), *((code, words) for code, (words, _) in _LONG_AGO.items())],
    )
    since = _day("From")
    until = _day("To")
    actor = _text(LIMITS["actor_name"], "Person")
    conversation_id = _identifier("Call")
    injection_id = _identifier("Injection")
    clip_id = _identifier("Recording")
    reason_code = _text(LIMITS["reason_code"], "Reason code")
    before = _identifier("Older than")

    BY_LINK = ("actor", "conversation_id", "injection_id", "clip_id", "reason_code")

    def __init__(self, given: QueryDict) -> None:
        super().__init__({name.removesuffix(_SUFFIX): value for name, value in given.items()})

    def clean(self) -> dict[str, Any]:
        """Refuse a time that ends before it begins."""
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since is not None and until is not None and until < since:
            self.add_error("until", "The last day is before the first one.")
        return self.cleaned_data

    def records(self) -> QuerySet[AuditRecord]:
        """Return what a valid search finds, newest first."""
        return selectors.search(**self.conditions())

    def conditions(self) -> dict[str, Any]:
        """Return a valid search as `selectors.search` takes it."""
        given = self.cleaned_data
        since, until = days(given["since"], given["until"])
        bounds = [at for at in (since, _ago(given["recorded"])) if at is not None]
        return {
            "text": given["q"],
            **{name: given[name] for name in ("action", "outcome", "before", *self.BY_LINK)},
            "since": max(bounds, default=None),
            "until": until,
        }

    def sentence(self) -> str:
        """Return what was asked, in words."""
        return ", ".join(
            f"“{value}”" if name == "q" else f"{str(self.fields[name].label).lower()} {value}"
            for name, value in self._given()
        )

    def query(self) -> str:
        """Return this search as the query of an address; empty for the whole log."""
        return urlencode(list(self._given()))

    def address(self, **changes: object) -> str:
        """Return the address of this search from its newest record on, or with `changes`."""
        return "?" + urlencode([*self._given(), *changes.items()])

    def limits(self, found: Sequence[AuditRecord]) -> list[dict[str, str]]:
        """Return what links have narrowed the list to: label, value, what to show, the address without it."""
        name_of_actor = found[0].actor_name if found else ""
        given = dict(self._given())
        return [
            {
                "label": str(self.fields[name].label),
                "value": given[name],
                "shown": name_of_actor if name == "actor" and name_of_actor else given[name],
                "name": name,
                "without": "?" + urlencode({key: value for key, value in given.items() if key != name}),
            }
            for name in self.BY_LINK
            if name in given
        ]

    def _given(self) -> Iterator[tuple[str, str]]:
        for name, value in self.cleaned_data.items():
            if value not in (None, "") and name != "before":
                yield name, str(value)


def asked_in(given: QueryDict) -> Mapping[str, list[str]]:
    """Return the search that an address holds, as it stands there; empty for any page of the whole log."""
    return {
        name: values
        for name, values in given.lists()
        if name.removesuffix(_SUFFIX) in Search.base_fields.keys() - {"before"} and "".join(values).strip()
    }


def _ago(code: str) -> datetime | None:
    return timezone.now() - _LONG_AGO[code][1] if code else None


def days(first: date | None, last: date | None) -> tuple[datetime | None, datetime | None]:
    """Return the times between which these days lie. They are counted in UTC, and both are included."""
    # The last day there is has no day after it.
    after = None if last is None or last == date.max else last + timedelta(days=1)
    return _begin_of(first), _begin_of(after)


def _begin_of(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time.min, tzinfo=UTC)
