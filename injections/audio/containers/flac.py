"""Flac files: metadata blocks, then frames; the last frame must end where the file ends.

Source: RFC 9639, sections 8 (metadata) and 9.3 (frame footer, CRC-16).
"""

import struct
from dataclasses import dataclass
from typing import Final

from injections.audio.refusal import refused

_STREAMINFO_SIZE: Final = 34
_FRAME_SYNC: Final = (b"\xff\xf8", b"\xff\xf9")
_ID3V1_SIZE: Final = 128
_FRAME_OVERHEAD: Final = 64


@dataclass(frozen=True, slots=True)
class _StreamInfo:
    most_frame_bytes: int
    total_samples: int


def walk_flac(data: bytes, start: int) -> None:
    """Check the metadata of a flac file that begins at `start`, and that its last frame is whole and last.

    Raises:
        AudioRefused: `truncated` or `damaged`; bytes after the last frame look the same as a cut, so they are
            told apart later, by the number of samples that decode.
    """
    at, info = start + 4, None
    is_last = False
    while not is_last:
        is_last, kind, body, at = _metadata_block(data, at)
        if info is None:
            info = _stream_info(kind, body)
    if info is None or data[at : at + 2] not in _FRAME_SYNC:
        raise refused("truncated" if at >= len(data) else "damaged", found="no sound follows its header")
    end = len(data) - (_ID3V1_SIZE if data[-_ID3V1_SIZE:].startswith(b"TAG") else 0)
    if not _ends_with_a_frame(data[at:end], info.most_frame_bytes):
        raise refused("truncated", found="its last piece of sound is incomplete, or something follows it")


def _metadata_block(data: bytes, at: int) -> tuple[bool, int, bytes, int]:
    if at + 4 > len(data):
        raise refused("truncated", found="its header is incomplete")
    kind, length = data[at], int.from_bytes(data[at + 1 : at + 4])
    end = at + 4 + length
    if end > len(data):
        raise refused("truncated", found="its header is incomplete")
    if kind & 0x7F == 0x7F:
        raise refused("damaged", found=f"unreadable at byte {at}")
    return bool(kind & 0x80), kind & 0x7F, data[at + 4 : end], end


def _stream_info(kind: int, body: bytes) -> _StreamInfo:
    if kind != 0 or len(body) != _STREAMINFO_SIZE:
        raise refused("damaged", found="it does not say how the sound is stored")
    most_samples = struct.unpack_from(">H", body, 2)[0]
    most_bytes = int.from_bytes(body[7:10])
    packed = int.from_bytes(body[10:18])
    channels, bits = (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1
    # A writer may leave the largest frame unknown (0); then nothing is larger than the sound uncompressed.
    known = most_bytes if most_bytes > 0 else most_samples * channels * (bits + 1) // 8 + _FRAME_OVERHEAD
    return _StreamInfo(most_frame_bytes=known, total_samples=packed & (1 << 36) - 1)


def _ends_with_a_frame(frames: bytes, most_frame_bytes: int) -> bool:
    tail = frames[-most_frame_bytes - _FRAME_OVERHEAD :]
    candidates = sorted(
        (at for sync in _FRAME_SYNC for at in _places(tail, sync)),
        reverse=True,
    )
    return any(_crc16(tail[at:]) == 0 for at in candidates)


def _places(data: bytes, what: bytes) -> list[int]:
    found, at = [], data.find(what)
    while at >= 0:
        found.append(at)
        at = data.find(what, at + 1)
    return found


def _crc16_table() -> tuple[int, ...]:
    def entry(byte: int) -> int:
        crc = byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x8005 if crc & 0x8000 else crc << 1) & 0xFFFF
        return crc

    return tuple(entry(byte) for byte in range(256))


_CRC16: Final = _crc16_table()


def _crc16(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFFFF) ^ _CRC16[crc >> 8 ^ byte]
    return crc
