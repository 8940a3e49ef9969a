import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bargeportal.scratch import take_scratch_folder
from tests.support.portal import ROOT

_UPLOAD = """
import sys, tempfile
from pathlib import Path
from bargeportal.scratch import take_scratch_folder
take_scratch_folder(Path(sys.argv[1]))
folder = tempfile.TemporaryDirectory(prefix="upload-")
Path(folder.name, "recording.wav").write_bytes(b"half a recording")
print(folder.name, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _give_back_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", tempfile.tempdir)


@contextmanager
def uploading(parent: Path) -> Iterator[Path]:
    """Run a process in the middle of an upload, and kill it in the end; give where its file lies."""
    process = subprocess.Popen(
        [sys.executable, "-c", _UPLOAD, str(parent)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        yield Path(process.stdout.readline().strip(), "recording.wav")
        process.kill()


def test_what_a_killed_process_left_behind_is_removed_by_the_next(tmp_path: Path) -> None:
    with uploading(tmp_path) as recording:
        pass
    assert recording.is_file()
    take_scratch_folder(tmp_path)
    assert not recording.exists()
    assert len(list(tmp_path.iterdir())) == 1


def test_what_a_process_is_working_on_is_left_to_it(tmp_path: Path) -> None:
    with uploading(tmp_path) as recording:
        take_scratch_folder(tmp_path)
        assert recording.is_file()


def test_temporary_files_lie_in_the_folder_which_is_its_user_s_alone(tmp_path: Path) -> None:
    folder = take_scratch_folder(tmp_path / "tmp")
    with tempfile.NamedTemporaryFile() as upload:
        assert Path(upload.name).parent == folder
    assert folder.stat().st_mode & 0o077 == 0
