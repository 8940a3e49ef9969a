"""A file is written whole or not at all."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.files import write_chunks, write_new, write_whole


def _breaks_off() -> Iterator[bytes]:
    yield b"half"
    raise OSError("the upload is gone")


def test_a_file_holds_all_its_chunks_and_nothing_stands_beside_it(tmp_path: Path) -> None:
    write_chunks(tmp_path / "clips" / "a.wav", [b"one", b"two"])
    assert (tmp_path / "clips" / "a.wav").read_bytes() == b"onetwo"
    assert [path.name for path in (tmp_path / "clips").iterdir()] == ["a.wav"]


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="gone"):
        write_chunks(tmp_path / "a.wav", _breaks_off())
    assert list(tmp_path.iterdir()) == []


def test_what_breaks_off_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    write_chunks(tmp_path / "a.wav", [b"old"])
    with pytest.raises(OSError, match="gone"):
        write_chunks(tmp_path / "a.wav", _breaks_off())
    assert (tmp_path / "a.wav").read_bytes() == b"old"


def test_who_reads_the_old_file_reads_it_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_chunks(path, [b"old and whole"])
    with path.open("rb") as reading:
        write_chunks(path, [b"new"])
        assert reading.read() == b"old and whole"


def test_the_content_reaches_the_disk_before_its_name_and_the_name_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced = tmp_path / "clips" / "a.wav", list[tuple[int, bool]]()
    sync = os.fsync

    def watched(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_ino, path.exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    write_chunks(path, [b"sound"])
    assert synced == [
        (tmp_path.stat().st_ino, False),
        (path.stat().st_ino, False),
        (path.parent.stat().st_ino, True),
    ]


def test_a_new_file_is_not_written_over_another(tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert [write_new(path, "first"), write_new(path, "second")] == [True, False]
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_only_the_owner_reads_what_was_written(tmp_path: Path) -> None:
    write_whole(tmp_path / "secret", "text")
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
