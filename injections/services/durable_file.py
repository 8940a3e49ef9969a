"""Files that are on the disk, whole and under their name, before a row tells of them."""

import os
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4


def write_durably(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file that is there whole or not at all, even after a power cut; make its folder if need be.

    Takes the place of what has that name; whoever is reading the old file goes on reading it.

    Raises:
        OSError: it cannot be written. Nothing is left of it.
    """
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _sync_folder(path.parent.parent)
    part = path.with_name(f".{uuid4()}.part")
    try:
        with part.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    # The name is an entry of the folder, and the folder is written when the system sees fit.
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
