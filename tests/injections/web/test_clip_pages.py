import uuid
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as portal_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from injections.models import AudioClip
from injections.models.audio_clip import ClipStatus
from injections.roles import Role
from tests.factories import AudioClipFactory
from tests.injections.web.conftest import records

DEMO = Path(portal_settings.BASE_DIR) / "injections" / "demo" / "recording-notice.wav"


@pytest.fixture
def audio_admin(browser_of: Any) -> Client:
    client: Client = browser_of(Role.AUDIO_ADMIN)
    return client


@pytest.fixture
def approver(browser_of: Any) -> Client:
    client: Client = browser_of(Role.CLIP_APPROVER)
    return client


def a_draft(**values: Any) -> AudioClip:
    made: AudioClip = AudioClipFactory(status=ClipStatus.DRAFT, decided_at=None, decided_by=None, **values)
    return made


def sent(**changes: Any) -> dict[str, Any]:
    values = {
        "file": SimpleUploadedFile("notice.wav", DEMO.read_bytes(), content_type="audio/wav"),
        "title": "Recording notice",
        "language": "en",
        "transcript": "This call is being recorded.",
    } | changes
    return {name: value for name, value in values.items() if value is not None}


def test_a_recording_is_taken_and_shown_as_waiting(audio_admin: Client):
    answer = audio_admin.post("/clips/upload/", sent(), follow=True)
    page = answer.content.decode()
    assert "Waiting for approval" in page
    assert "What was found in it" in page
    assert AudioClip.objects.get().status == ClipStatus.DRAFT


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"file": None}, "Choose a recording"),
        ({"file": SimpleUploadedFile("empty.wav", b"")}, "This file is empty"),
        ({"file": SimpleUploadedFile("x" * 201 + ".wav", b"x")}, "The name of this file is too long"),
        ({"file": "not a file"}, "Choose a recording"),
        ({"title": ""}, "Give it a title"),
        ({"title": "x" * 121}, "at most 120 characters"),
        ({"title": "nul \x00"}, "The title holds a control character (U+0000, character 5)."),
        (
            {"title": "\u202eevil"},
            "The title holds a hidden character that turns the direction of writing (U+202E",
        ),
        ({"title": "\u200b\u200b"}, "Give it a title in words."),
        ({"transcript": "a\u2066b"}, "What is said holds a hidden character"),
        ({"language": "\u202een"}, "This is not one of the choices"),
        ({"language": "tlh"}, "This is not one of the choices"),
        ({"transcript": None}, "Write down what is said"),
        ({"transcript": "x" * 2001}, "at most 2000 characters"),
    ],
)
def test_a_bad_field_of_an_upload_is_named(audio_admin: Client, changes: dict[str, Any], said: str):
    answer = audio_admin.post("/clips/upload/", sent(**changes))
    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert not AudioClip.objects.exists()


def test_a_file_that_is_no_sound_is_refused_and_the_other_fields_are_kept(audio_admin: Client):
    fake = SimpleUploadedFile("notice.wav", b"<html>not a sound</html>" * 50)
    answer = audio_admin.post("/clips/upload/", sent(file=fake, title="Kept title"))
    page = answer.content.decode()
    assert answer.status_code == 400
    assert 'value="Kept title"' in page
    assert 'id="file-error"' in page
    assert len(records("clip.upload_refused")) == 1


def test_a_transcript_may_have_lines(audio_admin: Client):
    assert audio_admin.post("/clips/upload/", sent(transcript="One.\r\nTwo.")).status_code == 302


def test_no_refusal_of_an_upload_offers_a_format_that_is_not_taken(audio_admin: Client):
    fake = SimpleUploadedFile("notice.wav", b"no sound at all" * 50)
    page = audio_admin.post("/clips/upload/", sent(file=fake)).content.decode()
    assert "Choose a wav, mp3 or ogg file." in page


def test_a_name_too_long_for_the_parser_is_named_like_any_other(audio_admin: Client):
    file = BytesIO(b"x")
    file.name = "x" * 2000 + ".wav"  # Django's own files for tests cut longer names
    answer = audio_admin.post("/clips/upload/", sent(file=file))
    assert answer.status_code == 400
    page = answer.content.decode()
    assert "The name of its file is too long." in page
    assert "Rename the file to at most 200 characters" in page
    assert "Back to the upload" in page


def test_a_recording_that_will_be_cut_off_says_so_before_it_is_approved(approver: Client):
    page = approver.get(f"/clips/{a_draft(duration_ms=40_000).pk}/").content.decode()
    assert "It is cut off: only the first 30 s of 40 s are played into a call." in page
    assert "cut off" not in approver.get(f"/clips/{a_draft(duration_ms=30_000).pk}/").content.decode()


def test_an_approver_approves_what_another_uploaded(approver: Client):
    made = a_draft()
    approver.post(f"/clips/{made.pk}/approve/")
    made.refresh_from_db()
    assert (made.status, made.decided_by) == (ClipStatus.APPROVED, approver.user)  # type: ignore[attr-defined]


def test_nobody_approves_their_own_upload(approver: Client):
    made = a_draft(uploaded_by=approver.user)  # type: ignore[attr-defined]
    page = approver.get(f"/clips/{made.pk}/").content.decode()
    assert "You uploaded this recording yourself." in page
    assert "Reject" not in page
    assert approver.post(f"/clips/{made.pk}/approve/").status_code == 403


def test_a_rejection_needs_its_reason(approver: Client):
    made = a_draft()
    answer = approver.post(f"/clips/{made.pk}/reject/", {"reason": "  "})
    assert answer.status_code == 400
    assert "Say what has to be better" in answer.content.decode()


@pytest.mark.parametrize(("reason", "said"), [("…", "Say in words"), ("x" * 501, "at most 500 characters")])
def test_a_rejection_that_explains_nothing_keeps_what_was_written(approver: Client, reason: str, said: str):
    made = a_draft()
    page = approver.post(f"/clips/{made.pk}/reject/", {"reason": reason}).content.decode()
    assert said in page
    assert f'value="{reason}"' in page
    made.refresh_from_db()
    assert made.status == ClipStatus.DRAFT


def test_a_rejection_is_shown_with_its_reason(approver: Client):
    made = a_draft()
    answer = approver.post(f"/clips/{made.pk}/reject/", {"reason": "Too quiet"}, follow=True)
    assert "Too quiet" in answer.content.decode()


def test_what_was_decided_is_not_decided_again(approver: Client):
    answer = approver.post(f"/clips/{AudioClipFactory().pk}/approve/")
    assert answer.status_code == 409
    assert "This was decided already" in answer.content.decode()


def test_an_audio_admin_retires_a_recording(audio_admin: Client):
    made = AudioClipFactory()
    page = audio_admin.post(f"/clips/{made.pk}/retire/", follow=True).content.decode()
    assert "Retired" in page


@pytest.mark.parametrize("step", ["", "approve/"])
def test_an_unknown_recording_is_not_found(approver: Client, step: str):
    path = f"/clips/{uuid.uuid4()}/{step}"
    assert (approver.post(path) if step else approver.get(path)).status_code == 404


def test_the_library_is_searched_by_words(audio_admin: Client):
    AudioClipFactory(title="Privacy reminder")
    AudioClipFactory(title="Aviso")
    answer = audio_admin.get("/clips/?q=privacy")
    assert [row["clip"].title for row in answer.context["rows"]] == ["Privacy reminder"]


def test_a_list_that_is_cut_off_says_so(audio_admin: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("injections.web.views.clips._MOST", 2)
    AudioClipFactory.create_batch(2)
    assert "Search to find the others." not in audio_admin.get("/clips/").content.decode()
    AudioClipFactory()
    answer = audio_admin.get("/clips/")
    assert len(answer.context["rows"]) == 2
    assert "The newest 2 are shown. Search to find the others." in answer.content.decode()


def test_the_filter_offers_the_words_of_the_list(audio_admin: Client):
    a_draft()
    page = audio_admin.get("/clips/").content.decode()
    assert page.count("Waiting for approval") == 2


@pytest.mark.parametrize("query", ["status=x", "q=" + "x" * 101, "q=%00"])
def test_a_search_that_makes_no_sense_is_a_400(audio_admin: Client, query: str):
    assert audio_admin.get(f"/clips/?{query}").status_code == 400


def test_a_supervisor_may_listen_but_not_change(browser_of: Any):
    page = browser_of(Role.SUPERVISOR).get(f"/clips/{AudioClipFactory().pk}/").content.decode()
    assert "<audio controls" in page
    assert "Retire" not in page
