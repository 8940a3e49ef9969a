"""A folder with one short recording of each kind, made once."""

from pathlib import Path

import pytest

from tests.injections.audio.sounds import speech, write


@pytest.fixture(scope="session")
def masters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("masters")
    sound = speech(seconds=0.6)
    return {
        "wav": write(folder, sound),
        "mp3": write(folder, sound, container="mp3"),
        "vorbis": write(folder, sound, container="ogg", subtype="VORBIS"),
        "opus": write(folder, sound, container="ogg", subtype="OPUS"),
        "flac": write(folder, sound, container="flac"),
    }


@pytest.fixture
def changed(tmp_path: Path):
    """Write bytes under a name and return where."""

    def make(data: bytes, name: str = "recording.bin") -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return make
