"""Recordings that evidence packs take from the library."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command

from injections.evidence import open_recording
from injections.models import AudioClip
from tests.audit.conftest import log_places, record, seal  # noqa: F401  fixtures
from tests.audit.evidence.packs import verdict

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_recording_is_found_by_the_digest_of_either_rendition(demo_clip: Callable[..., AudioClip]):
    clip = demo_clip()
    for digest in (clip.sha256, clip.levelled_sha256):
        file = open_recording(digest)
        assert file is not None
        with file:
            assert hashlib.sha256(file.read()).hexdigest() == digest
            assert str(file.name).endswith(".wav")


def test_what_is_unknown_or_gone_from_the_storage_is_no_recording(demo_clip: Callable[..., AudioClip]):
    clip = demo_clip()
    default_storage.delete(clip.storage_name)
    assert (open_recording(clip.sha256), open_recording("0" * 64)) == (None, None)


def test_a_pack_holds_the_bytes_that_were_played(
    demo_clip: Callable[..., AudioClip],
    record: Callable[..., Any],  # noqa: F811  the fixture
    seal: Callable[[], None],  # noqa: F811  the fixture
    tmp_path: Path,
):
    clip = demo_clip()
    played = record(
        action="injection.dispatching",
        details={"recording": {"title": clip.title, "sha256": clip.levelled_sha256}},
    )
    seal()
    path = tmp_path / "pack.zip"
    call_command("evidence_pack", "--out", str(path), "--action", "injection.dispatching")
    name = f"recordings/{clip.levelled_sha256}.wav"
    with zipfile.ZipFile(path) as archive:
        assert hashlib.sha256(archive.read(name)).hexdigest() == clip.levelled_sha256
        assert json.loads(archive.read("records.jsonl"))["text"] == played.body
    assert verdict(path).faults == []
