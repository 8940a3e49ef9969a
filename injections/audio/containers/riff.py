"""Wav files: RIFF chunks that must fill the file exactly.

Source: Multimedia Programming Interface and Data Specifications 1.0 (IBM, Microsoft, 1991), chapter 2.
"""

import struct
from collections.abc import Iterator
from typing import Final

from injections.audio.refusal import refused

_HEADER: Final = 12
_CHUNK_HEADER: Final = 8
_MOST_CHUNKS: Final = 1_000
_UNKNOWN_SIZE: Final = 0xFFFFFFFF


def walk_riff(data: bytes) -> None:
    """Check that a RIFF file is a wav whose chunks fill it to its last byte.

    Raises:
        AudioRefused: `truncated`, `polyglot`, `damaged`, `empty`, `video`, `unsupported_format`.
    """
    if len(data) < _HEADER:
        raise refused("truncated", found="only its first bytes are there")
    _check_form(data[8:12])
    (size,) = struct.unpack_from("<I", data, 4)
    end = _CHUNK_HEADER + size
    if size == _UNKNOWN_SIZE:
        raise refused("truncated", found="its length was never written, as when an export is broken off")
    if len(data) < end:
        raise refused("truncated", found=f"{len(data)} of {end} bytes are there")
    # A pad byte that the writer did not count is common and harmless.
    if data[end:].strip(b"\0") or len(data) - end > 1:
        raise refused("polyglot", found=f"{len(data) - end} bytes follow the end of the sound")
    _check_chunks(dict(_chunks(data, end)))


def _check_form(form: bytes) -> None:
    if form == b"AVI ":
        raise refused("video")
    if form != b"WAVE":
        raise refused("unsupported_format", found="This kind of RIFF file")


def _check_chunks(sizes: dict[bytes, int]) -> None:
    if b"fmt " not in sizes:
        raise refused("damaged", found="it does not say how the sound is stored")
    if sizes.get(b"data", 0) == 0:
        raise refused("empty")


def _chunks(data: bytes, end: int) -> Iterator[tuple[bytes, int]]:
    offset, seen = _HEADER, set[bytes]()
    for _ in range(_MOST_CHUNKS):
        # Up to one odd byte can be left: the padding of an odd chunk.
        if offset >= end - 1:
            return
        name, size = _chunk_header(data, offset, end)
        if name in seen and name in {b"fmt ", b"data"}:
            raise refused("polyglot", found="it holds the sound twice")
        if name == b"data" and b"fmt " not in seen:
            raise refused("damaged", found="it does not say how the sound is stored")
        seen.add(name)
        yield name, size
        offset += _CHUNK_HEADER + size + size % 2
    raise refused("damaged", found="it falls into too many pieces")


def _chunk_header(data: bytes, offset: int, end: int) -> tuple[bytes, int]:
    if offset + _CHUNK_HEADER > end:
        raise refused("damaged", found="its last piece is incomplete")
    name, size = struct.unpack_from("<4sI", data, offset)
    if not all(0x20 <= byte < 0x7F for byte in name):
        raise refused("damaged", found=f"unreadable at byte {offset}")
    if offset + _CHUNK_HEADER + size > end:
        raise refused("truncated", found=f"a piece of {size} bytes does not fit into the file")
    return name, size
