"""Addresses of the portal's own recordings: what a signature covers, how long it holds, what may be recorded."""

from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest

from injections import media
from injections.models import AudioClip
from tests.factories import AudioClipFactory

NOW = 1_800_000_000.0
BASE = "https://portal.example"


@pytest.fixture(autouse=True)
def _base_url(settings: Any) -> None:
    settings.PORTAL_BASE_URL = BASE


@pytest.fixture
def clip() -> AudioClip:
    """A recording that is in no database."""
    made: AudioClip = AudioClipFactory.build(
        title="Recording notice", container="mp3", uploaded_by=None, decided_by=None
    )
    return made


def _read(url: str, *, now_s: float = NOW, **changes: Any) -> media.MediaLink:
    parts = urlsplit(url)
    _, _, _, clip_id, token, name = parts.path.split("/")
    values: dict[str, Any] = {
        "clip_id": UUID(clip_id),
        "token": token,
        "name": name,
        "is_levelled": parse_qs(parts.query).get("normalize") == ["true"],
        "now_s": now_s,
    }
    return media.read_link(**(values | changes))


@pytest.mark.parametrize("normalize", [True, False])
def test_a_signed_address_leads_to_its_recording(clip: AudioClip, normalize: bool) -> None:
    link = _read(media.clip_url(clip, normalize=normalize, now_s=NOW))
    assert link == media.MediaLink(clip_id=clip.pk, is_levelled=normalize)


def test_it_is_absolute_and_ends_in_the_true_format(clip: AudioClip) -> None:
    parts = urlsplit(media.clip_url(clip, normalize=False, now_s=NOW))
    assert f"{parts.scheme}://{parts.netloc}" == BASE
    assert parts.path.endswith("/recording-notice.mp3")
    assert parts.query == ""


def test_the_levelled_rendition_is_a_wav_and_says_so_in_its_query(clip: AudioClip) -> None:
    parts = urlsplit(media.clip_url(clip, normalize=True, now_s=NOW))
    assert parts.path.endswith("/recording-notice.wav")
    assert parts.query == "normalize=true"


def test_a_title_without_a_letter_still_makes_a_name() -> None:
    clip = AudioClipFactory.build(title="«»", uploaded_by=None, decided_by=None)
    assert media.file_name(clip, is_levelled=False) == "recording.wav"


def test_it_holds_for_ten_minutes_and_not_a_second_longer(clip: AudioClip) -> None:
    url = media.clip_url(clip, normalize=True, now_s=NOW)
    assert _read(url, now_s=NOW + 600)
    with pytest.raises(media.LinkRefused, match="expired"):
        _read(url, now_s=NOW + 601)


@pytest.mark.parametrize(
    "change",
    [
        {"clip_id": uuid4()},
        {"name": "another.wav"},
        {"name": "recording-notice.mp3"},
        {"is_levelled": False},
    ],
    ids=["recording", "name", "extension", "normalize"],
)
def test_any_changed_part_breaks_the_signature(clip: AudioClip, change: dict[str, Any]) -> None:
    url = media.clip_url(clip, normalize=True, now_s=NOW)
    with pytest.raises(media.LinkRefused, match="changed"):
        _read(url, **change)


def test_levelling_cannot_be_asked_for_after_signing(clip: AudioClip) -> None:
    url = media.clip_url(clip, normalize=False, now_s=NOW)
    with pytest.raises(media.LinkRefused):
        _read(url, is_levelled=True)


def test_the_expiry_cannot_be_put_off(clip: AudioClip) -> None:
    token = urlsplit(media.clip_url(clip, normalize=False, now_s=NOW)).path.split("/")[4]
    expires, _, signature = token.partition("-")
    with pytest.raises(media.LinkRefused, match="changed"):
        _read(media.clip_url(clip, normalize=False, now_s=NOW), token=f"{int(expires) + 1}-{signature}")


@pytest.mark.parametrize(
    "token",
    ["", "-", "1800000600", "1800000600-", "abc-def", "-1-x", "١٢٣-x", "9" * 400 + "-x", "1-a:b", "1e9-x"],
)
def test_a_token_that_is_none_is_refused(clip: AudioClip, token: str) -> None:
    with pytest.raises(media.LinkRefused):
        media.read_link(clip_id=clip.pk, token=token, name="x.wav", is_levelled=False, now_s=0.0)


@pytest.mark.parametrize("position", range(0, 43, 7))
def test_every_character_of_the_signature_counts(clip: AudioClip, position: int) -> None:
    url = media.clip_url(clip, normalize=False, now_s=NOW)
    expires, _, signature = urlsplit(url).path.split("/")[4].partition("-")
    other = "A" if signature[position] != "A" else "B"
    forged = signature[:position] + other + signature[position + 1 :]
    with pytest.raises(media.LinkRefused):
        _read(url, token=f"{expires}-{forged}")


def test_another_key_signs_other_addresses(clip: AudioClip, settings: Any) -> None:
    url = media.clip_url(clip, normalize=False, now_s=NOW)
    settings.MEDIA_SIGNING_KEY = "a key that was changed because the old one leaked"
    with pytest.raises(media.LinkRefused):
        _read(url)


def test_the_key_of_the_sessions_signs_no_address(clip: AudioClip, settings: Any) -> None:
    url = media.clip_url(clip, normalize=False, now_s=NOW)
    settings.SECRET_KEY = "changed"
    assert _read(url)


@pytest.mark.parametrize("container", ["wav", "mp3", "ogg"])
def test_the_lasting_address_names_its_recording(container: str) -> None:
    clip = AudioClipFactory.build(container=container, uploaded_by=None, decided_by=None)
    url = media.public_url(clip)
    assert url.startswith(BASE)
    assert url.endswith(f".{container}")
    assert media.own_clip_id(url) == clip.pk


def test_the_lasting_address_does_not_change_with_time(clip: AudioClip) -> None:
    assert media.public_url(clip) == media.public_url(clip)


def test_a_signed_address_names_its_recording_too(clip: AudioClip) -> None:
    assert media.own_clip_id(media.clip_url(clip, normalize=True, now_s=NOW)) == clip.pk


CLIP_ID = "0f9e2c1a-5b7d-4e3f-8a6b-1c2d3e4f5a6b"


@pytest.mark.parametrize(
    "url",
    [
        f"https://elsewhere.example/media/clips/{CLIP_ID}/x.wav",
        f"{BASE}.evil.example/media/clips/{CLIP_ID}/x.wav",
        f"{BASE}:8443/media/clips/{CLIP_ID}/x.wav",
        f"http://portal.example/media/clips/{CLIP_ID}/x.wav",
        f"{BASE}/media/clips/{CLIP_ID}/x.wav.exe",
        f"{BASE}/media/clips/{CLIP_ID}/x.wavX",
        f"{BASE}/media/clips/{CLIP_ID}/",
        f"{BASE}/media/clips/{CLIP_ID}/a/b/x.wav",
        f"{BASE}/media/clips/{'-' * 36}/x.wav",
        f"{BASE}/media/other/{CLIP_ID}/x.wav",
        f"{BASE}/",
        "",
        "https://[::1/x.wav",
    ],
)
def test_any_other_address_names_none_of_ours(url: str) -> None:
    assert media.own_clip_id(url) is None


@pytest.mark.parametrize(
    "origin",
    [
        "https://portal.example",
        "HTTPS://portal.example",
        "https://PORTAL.example",
        "https://portal.example:443",
    ],
)
def test_our_own_origin_is_known_however_it_is_written(origin: str) -> None:
    # Taken for a stranger's, its recording would be played past the approval that it needs.
    url = f"{origin}/media/clips/{CLIP_ID}/x.wav"
    assert media.is_own(url)
    assert media.own_clip_id(url) == UUID(CLIP_ID)


@pytest.mark.parametrize(
    "url",
    ["", "x", "https://", "https://[::1/x.wav", "https://portal.example:99999/x.wav", "//portal.example/x"],
)
def test_what_is_no_address_is_not_ours(url: str) -> None:
    assert media.is_own(url) is False


def test_a_record_holds_no_signature_of_ours(clip: AudioClip) -> None:
    url = media.clip_url(clip, normalize=True, now_s=NOW)
    assert media.without_secrets(url) == f"{BASE}/media/clips/{clip.pk}/recording-notice.wav"


def test_a_record_holds_no_query_of_a_stranger_s_address() -> None:
    url = "https://cdn.example/a/b.wav?X-Amz-Signature=s3cret#frag"
    assert media.without_secrets(url) == "https://cdn.example/a/b.wav"


def test_people_listen_by_login_without_a_signature(clip: AudioClip) -> None:
    assert media.listen_path(clip) == f"/clips/{clip.pk}/audio"
    assert media.listen_path(clip, is_levelled=True) == f"/clips/{clip.pk}/audio?levelled=1"
