"""The anchor file: lines are added, never changed, and a torn one is told from a forged one."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit.anchors import file as anchors
from audit.anchors.file import line_of, read
from audit.checkpoint import Checkpoint
from audit.notes import SigningKey

KEY = SigningKey.from_seed("log", bytes(32))
AT = datetime(2026, 11, 22, 8, 0, 0, tzinfo=UTC)
LINES = [line_of(Checkpoint("log", size, bytes([size]) * 32).signed(KEY), AT) for size in (1, 5, 9)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "elsewhere" / "anchors"


def _found(path: Path) -> list[tuple[int, int | str]]:
    return [
        (line.number, line.fault if line.checkpoint is None else line.checkpoint.size)
        for line in read(path, keys=[KEY.public], after=(0, 0), end=anchors.whole_length(path))
    ]


def test_what_was_added_is_read_in_order(path: Path):
    assert anchors.append(path, LINES[:2]) == 2
    assert anchors.append(path, LINES[2:]) == 1
    assert _found(path) == [(1, 1), (2, 5), (3, 9)]
    assert anchors.last_size(path) == 9


def test_without_a_file_nothing_is_anchored(path: Path):
    assert anchors.last_size(path) == 0


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_line_torn_by_a_crash_is_written_again_and_passed_over(path: Path, cut: int):
    anchors.append(path, [LINES[0], LINES[1][:-cut]])
    torn_is_whole = cut == 1  # only the newline is missing
    assert anchors.last_size(path) == (5 if torn_is_whole else 1)
    anchors.append(path, LINES[1:])
    assert [size for _, size in _found(path)] == ([1, 5, 5, 9] if torn_is_whole else [1, 5, 9])


def test_a_torn_line_at_the_end_is_no_fault(path: Path):
    anchors.append(path, [LINES[0], LINES[1][:40]])
    assert _found(path) == [(1, 1)]


def test_a_last_line_that_is_whole_and_no_checkpoint_is_named(path: Path):
    anchors.append(path, [LINES[0], "nonsense\n"])
    assert _found(path) == [(1, 1), (2, "is not a checkpoint")]


@pytest.mark.parametrize("line", ["nonsense\n", "{}\n", "[]\n", '{"checkpoint"}\n'])
def test_a_line_that_is_no_checkpoint_is_named(path: Path, line: str):
    anchors.append(path, [LINES[0], line, LINES[1]])
    assert _found(path) == [(1, 1), (2, "is not a checkpoint"), (3, 5)]


def test_a_line_that_somebody_else_signed_is_named(path: Path):
    other = SigningKey.from_seed("log", bytes(range(32)))
    anchors.append(path, [line_of(Checkpoint("log", 3, bytes(32)).signed(other), AT)])
    assert _found(path) == [(1, "is not a checkpoint of this log: not signed by a key that is trusted")]


def test_an_anchor_that_is_cut_short_while_it_is_read_ends(tmp_path: Path):
    path = tmp_path / "anchors"
    path.write_bytes(b"")
    assert list(read(path, keys=[], after=(0, 0), end=100)) == []
