"""Files that survive a power cut: written whole beside the old one, then put in its place."""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def write_whole(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Replace the content of `path`. A reader, and whoever comes after a crash, sees the old or the new one."""
    write_chunks(path, [text.encode()], mode=mode)


def write_chunks(path: Path, chunks: Iterable[bytes], *, mode: int = 0o600) -> None:
    """Do the same with what comes bit by bit; make its folder if need be.

    Whoever is reading the old file goes on reading it.

    Raises:
        OSError: it cannot be written. Nothing is left of it.
    """
    with _written_beside(path, chunks, mode) as fresh:
        fresh.replace(path)
    sync_folder(path.parent)


def write_new(path: Path, text: str, *, mode: int = 0o600) -> bool:
    """Write a file that does not exist yet; return whether this call made it. Never overwrites."""
    with _written_beside(path, [text.encode()], mode) as fresh:
        try:
            os.link(fresh, path)
        except FileExistsError:
            return False
    sync_folder(path.parent)
    return True


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable: they are its entries, written when the system sees fit."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _written_beside(path: Path, chunks: Iterable[bytes], mode: int) -> Iterator[Path]:
    """Give a whole file on the disk beside `path`, and leave nothing of it behind under its own name."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        sync_folder(path.parent.parent)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        yield fresh
    finally:
        fresh.unlink(missing_ok=True)
