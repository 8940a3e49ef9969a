"""Digests of files, in the form of sha256sum."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import IO

_CHUNK = 1 << 18


class Sums:
    """Collects the digests of files while they are written."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def counted(self, name: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Give the chunks of a file on, and keep its digest at their end."""
        digest = hashlib.sha256()
        for chunk in chunks:
            digest.update(chunk)
            yield chunk
        self._lines.append(f"{digest.hexdigest()}  {name}\n")

    def text(self) -> str:
        """Return what `sha256sum --check` reads."""
        return "".join(self._lines)

    @staticmethod
    def of(file: IO[bytes]) -> str:
        """Return the digest of a whole file."""
        digest = hashlib.sha256()
        file.seek(0)
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
        return digest.hexdigest()
