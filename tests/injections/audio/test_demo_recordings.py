"""The recordings that the demo loads are what they are said to be."""

import json
from pathlib import Path

import pytest

from injections.audio.child import analyse

DEMO = Path(__file__).resolve().parents[3] / "injections" / "demo"
RECORDINGS = json.loads((DEMO / "recordings.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("entry", RECORDINGS, ids=lambda entry: entry["file"])
def test_a_demo_recording_passes_the_rules_for_uploads(entry, tmp_path):
    analysis = analyse(DEMO / entry["file"], declared_name=entry["file"], out_dir=tmp_path)

    assert 3_000 <= analysis.facts.duration_ms <= 9_000


@pytest.mark.parametrize("entry", RECORDINGS, ids=lambda entry: entry["file"])
def test_a_demo_recording_is_fully_described(entry):
    assert set(entry) == {"file", "title", "language", "transcript", "origin", "voice_source"}
    assert all(entry.values())


def test_the_demo_shows_all_three_formats_and_two_languages():
    assert {Path(entry["file"]).suffix for entry in RECORDINGS} == {".wav", ".mp3", ".ogg"}
    assert {entry["language"] for entry in RECORDINGS} == {"en", "es"}


def test_the_demo_recordings_are_small():
    assert sum(path.stat().st_size for path in DEMO.iterdir()) < 400_000
