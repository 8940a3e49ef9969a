import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile

from injections.web.forms import ClipUploadForm
from injections.web.plain_text import plain_text, shown_name


@pytest.mark.parametrize(
    "character", ["\u202e", "\u2066", "\u200f", "\u061c", "\x00", "\x1b", "\x85", "\u2028"]
)
def test_what_nobody_sees_is_refused_with_field_reason_and_remedy(character: str):
    with pytest.raises(ValidationError) as refused:
        plain_text("The title")(f"a{character}b")
    (message,) = refused.value.messages
    assert message.startswith("The title holds a ")
    assert f"(U+{ord(character):04X}, character 2)" in message
    assert "Take it out" in message


@pytest.mark.parametrize("text", ["Aviso de grabación", "إشعار التسجيل", "通知 🙂", "👩‍⚖️ نمی‌خواهم"])
def test_writing_of_any_direction_is_taken(text: str):
    plain_text("The title")(text)


def test_lines_are_taken_only_where_there_may_be_some():
    plain_text("What is said", has_lines=True)("One.\r\n\tTwo.")
    with pytest.raises(ValidationError):
        plain_text("The title")("One.\nTwo.")


def test_a_file_name_that_would_be_shown_as_another_is_refused():
    file = SimpleUploadedFile("notice.wav", b"x")
    file._name = "notice\u202evaw.exe"  # what an upload's parser would have let through
    form = ClipUploadForm({"title": "A", "language": "en", "transcript": "A"}, {"file": file})
    assert form.errors["file"][0].startswith("The name of this file holds a hidden character")


def test_a_name_is_shown_without_what_turns_it():
    assert shown_name("\u202elive\u2069 Zoë") == "live Zoë"
