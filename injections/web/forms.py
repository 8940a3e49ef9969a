"""The forms of the pages: what may come in, and what a person is told when it may not."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar, Final

from django import forms
from django.db.models import QuerySet

from injections.lifecycle import ENDED, Status
from injections.models import AudioClip, Queue
from injections.models.audio_clip import ClipStatus
from injections.selectors import OPEN_QUESTIONS, InjectionFilter
from injections.web.plain_text import plain_text
from injections.web.results import STATUS_WORDS
from injections.web.rows import SORTS, STATES, BoardFilter

REASONS: Final = (
    "Recording notice was not given",
    "Disclosure required by law",
    "Caller asked for a supervisor",
    "Call is being taken over",
    "Quality or safety concern",
)
LANGUAGES: Final = {
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "de": "German",
    "it": "Italian",
    "pt": "Portuguese",
    "nl": "Dutch",
    "pl": "Polish",
    "zh": "Chinese",
    "ja": "Japanese",
    "ko": "Korean",
    "hi": "Hindi",
    "ar": "Arabic",
}
CLIP_STATES: Final = {
    ClipStatus.DRAFT: "Waiting for approval",
    ClipStatus.APPROVED: "Approved",
    ClipStatus.REJECTED: "Rejected",
    ClipStatus.RETIRED: "Retired",
}
_OUTCOMES: Final = [
    ("", "Any outcome"),
    ("attention", "Unclear outcome"),
    ("running", "Under way"),
    *((status.value, words) for status, words in STATUS_WORDS.items()),
]
_INCOMPLETE: Final = "The page is incomplete. Open the call again."
_NO_PAGE: Final = "There is no such page. Begin with the newest."
_VISIBLE: Final = re.compile(r"\w")


class SwitchField(forms.ChoiceField):
    """A checkbox that takes nothing but "on" or nothing at all."""

    def __init__(self) -> None:
        super().__init__(
            choices=[("on", "on")],
            required=False,
            error_messages={"invalid_choice": "Switch this on or off; nothing else can be sent here."},
        )

    def clean(self, value: Any) -> bool:
        """Return True for "on", False for nothing."""
        return bool(super().clean(value) == "on")


class SearchField(forms.CharField):
    """What a list is searched for."""

    def __init__(self) -> None:
        super().__init__(
            label="Search",
            max_length=100,
            required=False,
            validators=[plain_text("The text")],
            error_messages={"max_length": "Search for at most 100 characters."},
        )


def in_words(otherwise: str) -> Callable[[str], None]:
    """Return a validator that refuses a text without a single letter or digit: dots and blanks explain nothing."""

    def validate(text: str) -> None:
        if _VISIBLE.search(text) is None:
            raise forms.ValidationError(otherwise)

    return validate


class ReasonField(forms.CharField):
    """Why somebody does something, for the record."""

    def __init__(self, *, missing: str, wordless: str, has_lines: bool = False) -> None:
        super().__init__(
            max_length=500,
            validators=[plain_text("The reason", has_lines=has_lines), in_words(wordless)],
            error_messages={"required": missing, "max_length": "Say it in at most 500 characters."},
        )


class PickField(forms.ChoiceField):
    """A choice from a list; what is not in it is told without being repeated."""

    default_error_messages: ClassVar = {
        "invalid_choice": "This is not one of the choices. Choose from the list."
    }


class RowField(forms.ModelChoiceField):  # type: ignore[type-arg]  # any model
    """A choice among rows; what is no identifier at all is told like an unknown one."""

    def to_python(self, value: Any) -> Any:
        """Return the row. Raises ValidationError `invalid_choice`."""
        try:
            return super().to_python(value)
        except forms.ValidationError:
            raise forms.ValidationError(
                self.error_messages["invalid_choice"], code="invalid_choice"
            ) from None


class BoardFilterForm(forms.Form):
    """Search, filters and order of the board; they stand in the address."""

    q = SearchField()
    queue = RowField(
        queryset=Queue.objects.none(),
        required=False,
        error_messages={"invalid_choice": "This queue is not one of yours. Choose another."},
    )
    state = PickField(choices=[("", "Any state"), *STATES.items()], required=False)
    sort = PickField(label="Order", choices=list(SORTS.items()), required=False)

    def __init__(self, *args: Any, queues: QuerySet[Queue], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["queue"].queryset = queues  # type: ignore[attr-defined]

    def narrowed(self) -> BoardFilter:
        """Return the valid part of what was asked for."""
        if not self.is_bound:
            return BoardFilter()
        self.is_valid()
        data = self.cleaned_data
        queue = data.get("queue")
        return BoardFilter(
            q=data.get("q") or "",
            queue=None if queue is None else queue.pk,
            state=data.get("state") or "",
            sort=data.get("sort") or "",
        )


class ArmForm(forms.Form):
    """What a supervisor agrees to before a barge: recording, who is muted, why, and what they saw of the call."""

    clip = RowField(
        queryset=AudioClip.objects.none(),
        error_messages={
            "required": "Choose a recording.",
            "invalid_choice": "This recording is not approved, or no longer. Choose another.",
        },
    )
    agent_mute = SwitchField()
    caller_mute = SwitchField()
    normalize_level = SwitchField()
    reason = ReasonField(
        missing="Say why you barge: choose one of the suggestions or write your own.",
        wordless="Say why you barge, in words.",
    )
    participant_id = forms.UUIDField(error_messages={"required": _INCOMPLETE, "invalid": _INCOMPLETE})
    seen_version = forms.CharField(
        max_length=32,
        error_messages=dict.fromkeys(("required", "max_length", "null_characters_not_allowed"), _INCOMPLETE),
    )

    def __init__(self, *args: Any, clips: QuerySet[AudioClip], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["clip"].queryset = clips  # type: ignore[attr-defined]


class InjectionFilterForm(forms.Form):
    """Filters of the list of injections."""

    status = PickField(choices=_OUTCOMES, required=False)
    q = SearchField()
    day = forms.DateField(
        required=False, label="Day", error_messages={"invalid": "Give a day like 2026-11-22."}
    )
    before = forms.UUIDField(required=False, label="Page", error_messages={"invalid": _NO_PAGE})

    def narrowed(self) -> InjectionFilter:
        """Return the valid part of what was asked for."""
        self.is_valid()
        data = self.cleaned_data
        day = data.get("day")
        since = None if day is None else datetime.combine(day, time(), tzinfo=UTC)
        return InjectionFilter(
            statuses=_statuses(data.get("status") or ""),
            text=data.get("q") or "",
            since=since,
            until=None if since is None else _next_day(since),
            before=data.get("before"),
        )


class ClipFilterForm(forms.Form):
    """Filters of the list of recordings."""

    status = PickField(choices=[("", "Any state"), *CLIP_STATES.items()], required=False)
    q = SearchField()


class ClipUploadForm(forms.Form):
    """A new recording. What the bytes are is found by decoding them, not by asking."""

    file = forms.FileField(
        max_length=200,
        error_messages={
            "required": "Choose a recording: a WAV, MP3 or OGG file.",
            "empty": "This file is empty. Choose another.",
            "max_length": "The name of this file is too long. Rename it to at most 200 characters.",
        },
    )
    title = forms.CharField(
        max_length=120,
        error_messages={
            "required": "Give it a title that supervisors will recognise.",
            "max_length": "Give it a title of at most 120 characters.",
        },
        validators=[plain_text("The title"), in_words("Give it a title in words.")],
    )
    language = PickField(choices=list(LANGUAGES.items()), initial="en")
    transcript = forms.CharField(
        max_length=2000,
        error_messages={
            "required": "Write down what is said: whoever approves it, and whoever cannot hear it, relies on it.",
            "max_length": "Write down what is said in at most 2000 characters.",
        },
        validators=[plain_text("What is said", has_lines=True)],
    )

    def clean_file(self) -> Any:
        """Refuse a file whose name would be shown as another one."""
        file = self.cleaned_data["file"]
        plain_text("The name of this file")(file.name)
        return file


class DecisionForm(forms.Form):
    """Why a recording is rejected."""

    reason = ReasonField(
        missing="Say what has to be better, so that it can be done again.",
        wordless="Say in words what has to be better.",
    )


class SettleForm(forms.Form):
    """What a compliance officer found out about a doubtful injection, and how."""

    outcome = forms.ChoiceField(
        choices=[("played", "It was played"), ("not_played", "It was not played")],
        error_messages={
            "required": "Say whether it was played or not.",
            "invalid_choice": "Say whether it was played or not; nothing else can be settled.",
        },
    )
    reason = ReasonField(
        missing="Say how you know: the record keeps it.",
        wordless="Say how you know, in words.",
        has_lines=True,
    )


class HoldForm(forms.Form):
    """Why an administrator holds every request to the platform back."""

    reason = ReasonField(
        missing="Say why requests are held back: the record keeps it.",
        wordless="Say in words why requests are held back.",
    )


class DeliveryFilterForm(forms.Form):
    """Filters of the list of deliveries to the QA system."""

    state = PickField(
        choices=[
            ("", "All events"),
            ("failed", "Failed so far"),
            ("waiting", "Not tried yet"),
            ("delivered", "Delivered"),
        ],
        required=False,
    )
    before = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=2**62,
        label="Page",
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), _NO_PAGE),
    )


def _statuses(chosen: str) -> tuple[str, ...]:
    if chosen == "attention":
        return OPEN_QUESTIONS
    if chosen == "running":
        return tuple(status for status in Status if status not in ENDED and status not in OPEN_QUESTIONS)
    return (chosen,) if chosen else ()


def _next_day(day: datetime) -> datetime | None:
    try:
        return day + timedelta(days=1)
    except OverflowError:
        return None
