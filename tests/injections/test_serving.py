"""Recordings over their addresses: whole, in parts, unchanged, and to nobody who may not have them."""

import hashlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.files.storage import default_storage
from django.test import Client

from injections import media
from injections.audio.child import analyse
from injections.audio.facts import Analysis
from injections.models import AudioClip
from injections.roles import Role
from injections.services.clips import LEVELLED
from tests.factories import AudioClipFactory, UserFactory
from tests.injections.conftest import DEMO, own_storage

pytestmark = pytest.mark.django_db


FILE = "supervisor-joining.mp3"


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """What the examination of one recording found and made; done once, for it takes its time."""
    return analyse(DEMO / FILE, declared_name=FILE, out_dir=tmp_path_factory.mktemp("examined"))


@pytest.fixture
def clip(db: None, examined: Analysis, settings: Any, tmp_path: Path) -> AudioClip:
    """A recording whose master and levelled file are in the storage."""
    levelled = next(made for made in examined.renditions if made.kind == LEVELLED)
    made: AudioClip = AudioClipFactory(
        container="mp3",
        size_bytes=examined.facts.size_bytes,
        sha256=examined.facts.sha256,
        levelled_sha256=levelled.sha256,
    )
    folder = own_storage(settings, tmp_path)
    folder.mkdir()
    shutil.copy(DEMO / FILE, folder / made.storage_name)
    shutil.copy(levelled.path, folder / made.levelled_storage_name)
    return made


def _path(clip: AudioClip, *, normalize: bool = False, now_s: float | None = None) -> str:
    url = media.clip_url(clip, normalize=normalize, now_s=time.time() if now_s is None else now_s)
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _content(response: Any) -> bytes:
    try:
        return b"".join(response.streaming_content) if response.streaming else bytes(response.content)
    finally:
        response.close()


def _bytes(clip: AudioClip) -> bytes:
    with default_storage.open(clip.storage_name) as file:
        return bytes(file.read())


def _get(clip: AudioClip, **headers: str) -> Any:
    return Client().get(_path(clip), headers=headers)


def test_the_whole_recording_hashes_to_what_the_record_holds(clip: AudioClip) -> None:
    response = _get(clip)
    content = _content(response)
    assert response.status_code == 200
    assert hashlib.sha256(content).hexdigest() == clip.sha256
    assert int(response["Content-Length"]) == len(content) == clip.size_bytes


def test_the_levelled_recording_hashes_to_what_the_record_holds(clip: AudioClip) -> None:
    response = Client().get(_path(clip, normalize=True))
    content = _content(response)
    assert hashlib.sha256(content).hexdigest() == clip.levelled_sha256
    assert (response["Content-Type"], content[:4]) == ("audio/wav", b"RIFF")


@pytest.mark.parametrize(
    ("file", "content_type"),
    [
        ("recording-notice.wav", "audio/wav"),
        ("supervisor-joining.mp3", "audio/mpeg"),
        ("privacy-reminder.ogg", "audio/ogg"),
    ],
)
def test_the_type_is_that_of_the_bytes(
    demo_clip: Callable[..., AudioClip], file: str, content_type: str
) -> None:
    response = _get(demo_clip(file))
    response.close()
    assert response["Content-Type"] == content_type


def test_head_says_the_same_without_the_bytes(clip: AudioClip) -> None:
    whole, head = _get(clip), Client().head(_path(clip))
    _content(whole)
    assert (head.status_code, _content(head)) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Accept-Ranges", "Cache-Control"):
        assert head[name] == whole[name]


def test_head_knows_no_ranges(clip: AudioClip) -> None:
    head = Client().head(_path(clip), headers={"Range": "bytes=0-1"})
    head.close()
    assert (head.status_code, int(head["Content-Length"])) == (200, clip.size_bytes)


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=100-199", 100, 199),
        ("bytes=1000-", 1000, -1),
        ("bytes=0-", 0, -1),
        ("bytes=-1", -1, -1),
        ("bytes=-100", -100, -1),
        ("bytes=0-999999999999", 0, -1),
        ("bytes=-999999999999", 0, -1),
    ],
)
def test_one_range_is_served_exactly(clip: AudioClip, wanted: str, first: int, last: int) -> None:
    everything = _bytes(clip)
    size = len(everything)
    first, last = first % size, last % size
    response = _get(clip, Range=wanted)
    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {first}-{last}/{size}"
    assert int(response["Content-Length"]) == last - first + 1
    assert _content(response) == everything[first : last + 1]


def test_a_range_longer_than_a_block_is_served_exactly(demo_clip: Callable[..., AudioClip]) -> None:
    clip = demo_clip("recording-notice.wav")
    everything = _bytes(clip)
    assert len(everything) > 70_000
    assert _content(_get(clip, Range="bytes=1-70000")) == everything[1:70_001]


@pytest.mark.parametrize("beyond", ["bytes={size}-", "bytes={size}-{more}", "bytes=-0"])
def test_a_range_that_holds_nothing_is_416_with_the_length(clip: AudioClip, beyond: str) -> None:
    size = clip.size_bytes
    response = _get(clip, Range=beyond.format(size=size, more=size + 9))
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{size}"


@pytest.mark.parametrize(
    "odd",
    [
        "bytes=0-1,3-4",
        "bytes=-",
        "bytes",
        "items=0-1",
        "bytes=a-b",
        "bytes=0-1x",
        "bytes=" + "1" * 99 + "-",
        "",
    ],
)
def test_a_range_that_cannot_be_read_gives_the_whole(clip: AudioClip, odd: str) -> None:
    response = _get(clip, Range=odd)
    assert (response.status_code, len(_content(response))) == (200, clip.size_bytes)


def test_a_range_of_another_version_gives_the_whole(clip: AudioClip) -> None:
    response = _get(clip, Range="bytes=0-1", **{"If-Range": '"another"'})
    assert (response.status_code, len(_content(response))) == (200, clip.size_bytes)


def test_a_range_of_the_same_version_is_served(clip: AudioClip) -> None:
    response = _get(clip, Range="bytes=0-1", **{"If-Range": f'"{clip.sha256}"'})
    assert (response.status_code, len(_content(response))) == (206, 2)


@pytest.mark.parametrize("tags", ['"{tag}"', 'W/"{tag}"', '"other", "{tag}"', "*"])
def test_what_the_player_has_already_is_not_sent_again(clip: AudioClip, tags: str) -> None:
    response = _get(clip, **{"If-None-Match": tags.format(tag=clip.sha256)})
    assert (response.status_code, _content(response)) == (304, b"")
    assert response["ETag"] == f'"{clip.sha256}"'


def test_another_version_in_hand_is_sent_again(clip: AudioClip) -> None:
    response = _get(clip, **{"If-None-Match": f'"{clip.levelled_sha256}"'})
    assert len(_content(response)) == clip.size_bytes


def test_an_address_without_a_signature_serves_nothing(clip: AudioClip) -> None:
    assert Client().get(urlsplit(media.public_url(clip)).path).status_code == 404


def test_a_wrong_signature_serves_nothing(clip: AudioClip) -> None:
    path = _path(clip)
    token = path.split("/")[4]
    assert Client().get(path.replace(token, token[:-5] + "AAAAA")).status_code == 404


def test_an_expired_signature_serves_nothing(clip: AudioClip) -> None:
    assert Client().get(_path(clip, now_s=time.time() - 601)).status_code == 404


def test_a_signature_without_levelling_serves_nothing_levelled(clip: AudioClip) -> None:
    assert Client().get(_path(clip) + "?normalize=true").status_code == 404
    assert Client().get(_path(clip, normalize=True).partition("?")[0]).status_code == 404


def test_a_refused_address_does_not_say_whether_the_recording_exists(clip: AudioClip) -> None:
    known = Client().get(_path(clip, now_s=0.0))
    unknown = Client().get(_path(AudioClipFactory.build(uploaded_by=None, decided_by=None)))
    assert (known.status_code, unknown.status_code) == (404, 404)


def test_a_recording_whose_file_is_gone_is_404_and_in_the_log(
    clip: AudioClip, caplog: pytest.LogCaptureFixture
) -> None:
    default_storage.delete(clip.storage_name)
    response = Client(raise_request_exception=False).get(_path(clip))
    assert response.status_code == 404
    assert clip.storage_name in caplog.text


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_recording_can_only_be_read(clip: AudioClip, method: str) -> None:
    assert getattr(Client(), method)(_path(clip)).status_code == 405


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.AUDIO_ADMIN, Role.CLIP_APPROVER, Role.COMPLIANCE])
@pytest.mark.parametrize("is_levelled", [True, False])
def test_people_whose_role_allows_it_listen(clip: AudioClip, role: Role, is_levelled: bool) -> None:
    client = Client()
    client.force_login(UserFactory(role=role))
    content = _content(client.get(media.listen_path(clip, is_levelled=is_levelled)))
    expected = clip.levelled_sha256 if is_levelled else clip.sha256
    assert hashlib.sha256(content).hexdigest() == expected


def test_without_a_login_nobody_listens(clip: AudioClip) -> None:
    response = Client().get(media.listen_path(clip))
    assert response.status_code == 302
    assert response["Location"].startswith("/login/")


@pytest.mark.parametrize("role", [Role.API_CLIENT, Role.ADMINISTRATOR])
def test_another_role_does_not_listen(clip: AudioClip, role: Role) -> None:
    client = Client()
    client.force_login(UserFactory(role=role))
    assert client.get(media.listen_path(clip)).status_code == 404
