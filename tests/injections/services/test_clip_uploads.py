"""Recordings come in, with real files: examined, one copy of the bytes, on the disk before on record."""

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError

from audit.models import AuditRecord
from audit.services import NotRecorded
from injections.audio.refusal import AudioRefused
from injections.callers import Caller
from injections.models import AudioClip
from injections.models.audio_clip import ClipStatus
from injections.roles import Role
from injections.services import clips
from injections.services.clips import upload_clip
from injections.services.refusals import NotPermitted
from tests.factories import UserFactory
from tests.injections.conftest import DEMO, caller_for, own_storage, uploaded
from tests.support.at_once import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Path) -> Path:
    """The folder in which this test's recordings are kept."""
    return own_storage(settings, tmp_path)


@pytest.fixture
def admin(db: None) -> Caller:
    """Someone who uploads."""
    return caller_for(UserFactory(role=Role.AUDIO_ADMIN))


def _upload(file: SimpleUploadedFile, by: Caller, title: str = "Notice") -> AudioClip:
    return upload_clip(file=file, title=title, transcript="Recorded.", language="en", by=by)


def _kept(storage: Path) -> set[str]:
    return {path.name for path in storage.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("file", "container"),
    [("recording-notice.wav", "wav"), ("supervisor-joining.mp3", "mp3"), ("privacy-reminder.ogg", "ogg")],
)
def test_a_recording_is_kept_under_its_own_digest(
    admin: Caller, storage: Path, file: str, container: str
) -> None:
    content = (DEMO / file).read_bytes()
    clip = _upload(uploaded(file), admin)
    assert (clip.container, clip.sha256) == (container, hashlib.sha256(content).hexdigest())
    assert _kept(storage) == {f"{clip.sha256}.{container}", f"{clip.levelled_sha256}.wav"}
    assert (storage / clip.storage_name).read_bytes() == content
    levelled = (storage / clip.levelled_storage_name).read_bytes()
    assert hashlib.sha256(levelled).hexdigest() == clip.levelled_sha256


def test_what_was_found_by_decoding_is_written_down(admin: Caller) -> None:
    clip = _upload(uploaded("recording-notice.wav"), admin)
    clip.refresh_from_db()
    assert clip.size_bytes == (DEMO / "recording-notice.wav").stat().st_size
    assert 3_000 <= clip.duration_ms <= 9_000
    assert clip.sample_rate_hz >= 8_000
    assert clip.channels == 1
    assert clip.loudness_lufs is not None
    assert all(0 <= bar <= 100 for bar in clip.waveform)
    assert len(clip.waveform) > 10


def test_it_waits_for_another_person_and_cannot_be_played_yet(admin: Caller) -> None:
    clip = _upload(uploaded("recording-notice.wav"), admin)
    assert (clip.status, clip.is_playable, clip.uploaded_by) == (ClipStatus.DRAFT, False, admin.user)


def test_an_upload_is_on_record_with_its_digest(admin: Caller) -> None:
    clip = _upload(uploaded("recording-notice.wav"), admin, title="Recording notice")
    record = AuditRecord.objects.get(action="clip.uploaded")
    assert (record.clip_id, record.outcome, record.actor_id) == (clip.pk, "done", admin.actor.id)
    assert clip.sha256 in record.body
    assert clip.levelled_sha256 in record.body


def _text() -> SimpleUploadedFile:
    return SimpleUploadedFile("notice.wav", b"This is no recording. " * 50)


def _truncated() -> SimpleUploadedFile:
    whole = (DEMO / "recording-notice.wav").read_bytes()
    return SimpleUploadedFile("notice.wav", whole[: len(whole) // 2])


def _empty() -> SimpleUploadedFile:
    return SimpleUploadedFile("notice.wav", b"")


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (_text, "not_audio"),
        (_truncated, "truncated"),
        (_empty, "empty"),
        (lambda: uploaded("recording-notice.wav", named="notice.mp3"), "wrong_extension"),
    ],
    ids=["text", "truncated", "empty", "misnamed"],
)
def test_a_refused_file_is_kept_nowhere_but_on_record(
    admin: Caller, storage: Path, make: Callable[[], SimpleUploadedFile], code: str
) -> None:
    with pytest.raises(AudioRefused) as caught:
        _upload(make(), admin, title="A bad one")
    assert caught.value.code == code
    assert _kept(storage) == set()
    assert not AudioClip.objects.exists()
    record = AuditRecord.objects.get(action="clip.upload_refused")
    assert (record.outcome, record.reason_code) == ("refused", "bad_request")
    assert code in record.body
    assert "A bad one" in record.body


def test_a_format_that_the_platform_cannot_play_is_refused(
    admin: Caller, storage: Path, tmp_path: Path
) -> None:
    flac = tmp_path / "notice.flac"
    command = ["ffmpeg", "-loglevel", "error", "-i", str(DEMO / "recording-notice.wav"), str(flac)]
    subprocess.run(command, check=True, timeout=20)
    with pytest.raises(AudioRefused) as caught:
        _upload(SimpleUploadedFile("notice.flac", flac.read_bytes()), admin)
    assert caught.value.code == "unsupported_format"
    assert _kept(storage) == set()


def test_a_file_that_is_too_big_is_refused_before_it_is_read(admin: Caller, storage: Path) -> None:
    class Enormous(SimpleUploadedFile):
        def chunks(self, chunk_size: int | None = None) -> Any:
            pytest.fail("it was read")

    file = Enormous("notice.wav", b"RIFF")
    file.size = 25_000_001
    with pytest.raises(AudioRefused, match="larger than 25 MB") as caught:
        _upload(file, admin)
    assert caught.value.code == "too_big"
    assert AuditRecord.objects.filter(action="clip.upload_refused").count() == 1


def test_the_very_same_recording_is_taken_once(admin: Caller, storage: Path) -> None:
    first = _upload(uploaded("recording-notice.wav"), admin, title="The first")
    kept = _kept(storage)
    with pytest.raises(AudioRefused, match="The first") as caught:
        _upload(uploaded("recording-notice.wav", named="again.wav"), admin)
    assert caught.value.code == "duplicate"
    assert (AudioClip.objects.get(), _kept(storage)) == (first, kept)
    assert AuditRecord.objects.filter(action="clip.upload_refused").count() == 1


def test_two_different_recordings_are_both_taken(admin: Caller) -> None:
    _upload(uploaded("recording-notice.wav"), admin)
    _upload(uploaded("supervisor-joining.mp3"), admin)
    assert AudioClip.objects.count() == 2


@pytest.mark.parametrize(
    "what_is_there", [lambda it: it[:1000], lambda it: bytes(len(it))], ids=["half", "zeros"]
)
def test_what_a_dead_process_or_a_power_cut_left_is_written_anew(
    admin: Caller, storage: Path, what_is_there: Callable[[bytes], bytes]
) -> None:
    content = (DEMO / "recording-notice.wav").read_bytes()
    storage.mkdir()
    (storage / f"{hashlib.sha256(content).hexdigest()}.wav").write_bytes(what_is_there(content))
    clip = _upload(uploaded("recording-notice.wav"), admin)
    assert (storage / clip.storage_name).read_bytes() == content


def test_both_files_are_on_the_disk_before_a_row_tells_of_them(
    admin: Caller, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, synced = os.fsync, list[int]()

    def watched(descriptor: int) -> None:
        assert not AudioClip.objects.exists()
        synced.append(os.fstat(descriptor).st_ino)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    clip = _upload(uploaded("recording-notice.wav"), admin)
    master, levelled = storage / clip.storage_name, storage / clip.levelled_storage_name
    assert synced[-4:] == [path.stat().st_ino for path in (master, storage, levelled, storage)]


def test_the_same_recording_uploaded_by_two_at_once_is_taken_once(
    admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = clips._store

    def somebody_is_faster(name: str, content: Any) -> None:
        store(name, content)
        monkeypatch.setattr(clips, "_store", store)
        _upload(uploaded("recording-notice.wav"), admin, title="The faster one")

    monkeypatch.setattr(clips, "_store", somebody_is_faster)
    with pytest.raises(AudioRefused, match="already, as “The faster one”") as caught:
        _upload(uploaded("recording-notice.wav"), admin)
    assert (caught.value.code, AudioClip.objects.count()) == ("duplicate", 1)


def test_a_row_that_the_database_refuses_for_another_reason_is_not_called_a_duplicate(
    admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_entry: Any) -> Any:
        raise IntegrityError("something else")

    monkeypatch.setattr(clips.audit, "append", fail)
    with pytest.raises(IntegrityError, match="something else"):
        _upload(uploaded("recording-notice.wav"), admin)
    assert not AudioClip.objects.exists()


def test_an_upload_that_cannot_be_recorded_does_not_happen(
    admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips.audit, "append", _fail)
    with pytest.raises(NotRecorded):
        _upload(uploaded("recording-notice.wav"), admin)
    assert not AudioClip.objects.exists()


def _fail(_entry: Any) -> Any:
    raise NotRecorded("the disk is full")


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.CLIP_APPROVER, Role.COMPLIANCE, Role.ADMINISTRATOR])
def test_another_role_uploads_nothing_and_is_recorded(storage: Path, role: Role) -> None:
    by = caller_for(UserFactory(role=role))
    with pytest.raises(NotPermitted):
        _upload(uploaded("recording-notice.wav"), by)
    assert _kept(storage) == set()
    record = AuditRecord.objects.get(action="access.refused")
    assert (record.reason_code, record.actor_id) == ("not_permitted", by.actor.id)


@pytest.mark.django_db(transaction=True)
def test_of_two_uploads_of_the_same_bytes_at_the_same_moment_one_is_taken(
    admin: Caller, storage: Path
) -> None:
    raised = at_once(*(lambda: _upload(uploaded("supervisor-joining.mp3"), admin) for _ in range(2)))
    refused = [error for error in raised if error is not None]
    assert [getattr(error, "code", error) for error in refused] == ["duplicate"]
    clip = AudioClip.objects.get()
    with default_storage.open(clip.storage_name) as file:
        assert hashlib.sha256(file.read()).hexdigest() == clip.sha256
