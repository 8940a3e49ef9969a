"""Mp3 files: tags, then Layer III frames back to back, then tags.

Source: ISO/IEC 11172-3 section 2.4.1 and 13818-3 (frame header); id3.org (ID3v2.3, 2.4); the Xing and Info
headers as written by LAME.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from injections.audio.refusal import refused

_BITRATES_1: Final = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_BITRATES_2: Final = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES: Final = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_VERSION_1: Final = 3
_LAYER_III: Final = 1
_MONO: Final = 3
_HEADER: Final = 4
_SAMPLES_1: Final = 1_152
_ID3V1: Final = 128
_MOST_PADDING: Final = 8_192


@dataclass(frozen=True, slots=True)
class _Frame:
    at: int
    length: int
    kind: tuple[int, int, bool]  # version, sample rate, mono: what may not change within a recording


def skip_id3v2(data: bytes) -> int:
    """Return where the ID3v2 tags at the beginning of a file end; 0 when there is none.

    Raises:
        AudioRefused: `truncated` when a tag claims more than the file holds, `drm` when it announces
            encryption.
    """
    at = 0
    while data.startswith(b"ID3", at) and at + 10 <= len(data):
        size = _syncsafe(data[at + 6 : at + 10])
        end = at + 10 + size + (10 if data[at + 5] & 0x10 else 0)
        if end > len(data):
            raise refused("truncated", found="its description is longer than the file")
        _refuse_encryption(data[at + 10 : end], version=data[at + 3])
        at = end
    return at


def is_frame_header(data: bytes, at: int) -> bool:
    """Say whether a Layer III frame can begin here; Layer I and II and AAC differ in the same bits."""
    return _frame(data, at) is not None


def walk_mpeg(data: bytes, start: int) -> int:
    """Check that Layer III frames fill the file from `start` to its closing tags, and that none is missing.

    Returns the number of samples per channel in the frames, the encoder's padding included.

    Raises:
        AudioRefused: `truncated`, `damaged`, `polyglot`, `not_audio`, `unsupported_codec`.
    """
    end = _before_closing_tags(data)
    start = _skip_padding(data, start, end)
    first = _frame(data, start)
    if first is None:
        raise refused("not_audio" if start < end else "empty")
    counted = sum(1 for _ in _frames(data, first, end))
    _check_count(data, first, counted)
    return counted * (_SAMPLES_1 if first.kind[0] == _VERSION_1 else _SAMPLES_1 // 2)


def _frames(data: bytes, first: _Frame, end: int) -> Iterator[_Frame]:
    frame: _Frame | None = first
    while frame is not None:
        if frame.kind != first.kind:
            raise refused("damaged", found=f"the kind of sound changes at byte {frame.at}")
        after = frame.at + frame.length
        if after > end:
            raise refused("truncated", found="its last piece of sound is incomplete")
        yield frame
        if after == end:
            return
        frame = _frame(data, after)
        if frame is None and _skip_padding(data, after, end) < end:
            raise _what_follows(data, after, end)


def _what_follows(data: bytes, at: int, end: int) -> Exception:
    if end - at < _HEADER:
        return refused("truncated", found="its last piece of sound is incomplete")
    resumes = any(
        (frame := _frame(data, place)) is not None and is_frame_header(data, place + frame.length)
        for place in range(at + 1, min(at + 4_096, end - _HEADER))
    )
    if resumes:
        return refused("damaged", found=f"unreadable at byte {at}")
    return refused("polyglot", found=f"{end - at} bytes follow the end of the sound")


def _check_count(data: bytes, first: _Frame, counted: int) -> None:
    announced = _announced_frames(data, first)
    if announced is None:
        return
    if counted - 1 < announced:
        raise refused("truncated", found=f"{counted - 1} of {announced} pieces of sound are there")
    if counted - 1 > announced:
        # Decoders stop where the header says; other players go on: two people would hear two recordings.
        raise refused("damaged", found="it holds more sound than its header says, as when files are joined")


def _announced_frames(data: bytes, first: _Frame) -> int | None:
    """Read the number of frames, without the header's own, from a Xing or Info header."""
    version, _rate, is_mono = first.kind
    side = (17 if is_mono else 32) if version == _VERSION_1 else (9 if is_mono else 17)
    at = first.at + _HEADER + side
    if data[at : at + 4] not in {b"Xing", b"Info"} or at + 12 > first.at + first.length:
        return None
    flags, frames = struct.unpack_from(">II", data, at + 4)
    return int(frames) if flags & 1 else None


def _frame(data: bytes, at: int) -> _Frame | None:
    if at + _HEADER > len(data):
        return None
    bits = int.from_bytes(data[at : at + _HEADER])
    version, layer = bits >> 19 & 3, bits >> 17 & 3
    rate_index, bitrate_index = bits >> 10 & 3, bits >> 12 & 15
    is_sync = bits >> 21 == 0x7FF and version in _RATES and layer == _LAYER_III
    if not is_sync or rate_index == 3 or bitrate_index in {0, 15}:
        return None
    rate = _RATES[version][rate_index]
    is_first = version == _VERSION_1
    bitrate = (_BITRATES_1 if is_first else _BITRATES_2)[bitrate_index] * 1_000
    length = (144 if is_first else 72) * bitrate // rate + (bits >> 9 & 1)
    return _Frame(at=at, length=length, kind=(version, rate, bits >> 6 & 3 == _MONO))


def _before_closing_tags(data: bytes) -> int:
    end = len(data)
    if data[max(0, end - _ID3V1) :].startswith(b"TAG"):
        end -= _ID3V1
    if data[max(0, end - 32) : end].startswith(b"APETAGEX"):
        size, _items, flags = struct.unpack_from("<III", data, end - 20)
        end -= size + (32 if flags & 0x80000000 else 0)
    return max(end, 0)


def _skip_padding(data: bytes, at: int, end: int) -> int:
    padding = data[at : min(at + _MOST_PADDING, end)]
    return at + len(padding) - len(padding.lstrip(b"\0"))


def _refuse_encryption(tag: bytes, *, version: int) -> None:
    """Refuse a tag with an AENC frame (ID3v2.3 section 4.20): the sound itself is encrypted."""
    at = 0
    while version in {3, 4} and at + 10 <= len(tag) and tag[at] != 0:
        if tag[at : at + 4] == b"AENC":
            raise refused("drm")
        size = tag[at + 4 : at + 8]
        at += 10 + (_syncsafe(size) if version == 4 else int.from_bytes(size))


def _syncsafe(size: bytes) -> int:
    return size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3]
