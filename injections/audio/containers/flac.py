"""Flac files: metadata blocks, then frames; the last frame must end where the file ends.

Source: RFC 9639, sections 8 (metadata) and 9.3 (frame footer, CRC-16).
"""

from typing import Final

from injections.audio.refusal import refused

_STREAMINFO_SIZE: Final = 34
_FRAME_SYNC: Final = (b"\xff\xf8", b"\xff\xf9")
_ID3V1_SIZE: Final = 128
_FRAME_OVERHEAD: Final = 64


def walk_flac(data: bytes, start: int) -> None:
    """Check the metadata of a flac file that begins at `start`, and that its last frame is whole and last.

    Raises:
        AudioRefused: `truncated` or `damaged`; bytes after the last frame look the same as a cut, so they are
            told apart later, by the number of samples that decode.
    """
    at, most_frame_bytes = start + 4, None
    is_last = False
    while not is_last:
        is_last, kind, body, at = _metadata_block(data, at)
        if most_frame_bytes is None:
            most_frame_bytes = _most_frame_bytes(kind, body)
    if most_frame_bytes is None or data[at : at + 2] not in _FRAME_SYNC:
        raise refused("truncated" if at >= len(data) else "damaged", found="no sound follows its header")
    end = len(data) - (_ID3V1_SIZE if data[-_ID3V1_SIZE:].startswith(b"TAG") else 0)
    if not _ends_with_a_frame(data[at:end], most_frame_bytes):
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


def _most_frame_bytes(kind: int, body: bytes) -> int:
    """Read from the first block, STREAMINFO, how large a frame can be."""
    if kind != 0 or len(body) != _STREAMINFO_SIZE:
        raise refused("damaged", found="it does not say how the sound is stored")
    most_samples = int.from_bytes(body[2:4])
    most_bytes = int.from_bytes(body[7:10])
    packed = int.from_bytes(body[10:18])
    channels, bits = (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1
    # A writer may leave the largest frame unknown (0), or lie; nothing is larger than the sound uncompressed.
    uncompressed = most_samples * channels * (bits + 1) // 8 + _FRAME_OVERHEAD
    return min(most_bytes, uncompressed) if most_bytes > 0 else uncompressed


def _ends_with_a_frame(frames: bytes, most_frame_bytes: int) -> bool:
    """Say whether a frame, whose checksum over itself and its own CRC-16 is 0, ends where the bytes end.

    One pass from the end to the beginning, each step of the CRC undone: forwards, a file full of sync codes
    would have to be gone through once for each of them.
    """
    tail = frames[-most_frame_bytes - _FRAME_OVERHEAD :]
    crc = 0
    for at in range(len(tail) - 1, -1, -1):
        index = _INDEX_OF_LOW_BYTE[crc & 0xFF]
        crc = (index ^ tail[at]) << 8 | (crc ^ _CRC16[index]) >> 8
        if crc == 0 and tail[at : at + 2] in _FRAME_SYNC:
            return True
    return False


def _crc16_table() -> tuple[int, ...]:
    def entry(byte: int) -> int:
        crc = byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x8005 if crc & 0x8000 else crc << 1) & 0xFFFF
        return crc

    return tuple(entry(byte) for byte in range(256))


_CRC16: Final = _crc16_table()
# The low bytes of the table are all different: from one follows the entry that was used.
_INDEX_OF_LOW_BYTE: Final = {entry & 0xFF: index for index, entry in enumerate(_CRC16)}
