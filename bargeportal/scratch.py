"""A folder of each process's own for what passes through it: uploads, long bodies.

They hold recordings, and a process that is killed removes nothing; so they lie in the data folder, where the next
process to start finds and removes them.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

_locks: Final[
    list[int]
] = []  # open as long as this process lives: that is what tells its folder from one left behind


def take_scratch_folder(parent: Path) -> Path:
    """Make this process's folder for temporary files below `parent`, and remove those of processes that ended."""
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    turn = os.open(parent, os.O_RDONLY)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)  # nobody meets a folder that is made and not held yet
        for left in parent.iterdir():
            _remove_unless_held(left)
        folder = Path(tempfile.mkdtemp(prefix="process-", dir=parent))
        held = os.open(folder, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
        _locks.append(held)
    finally:
        os.close(turn)
    tempfile.tempdir = str(folder)
    return folder


def _remove_unless_held(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # another account's, or gone
    try:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
