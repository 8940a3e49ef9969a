"""Files put together by hand, each with one thing wrong that only a walk of the structure can see."""

import struct

import pytest

from injections.audio.containers import identify_container
from injections.audio.containers.ogg import _checksum
from injections.audio.refusal import AudioRefused
from tests.injections.audio.probing import probe

FMT = struct.pack("<HHIIHH", 1, 1, 8_000, 16_000, 2, 16)


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def wav(*chunks: bytes) -> bytes:
    return chunk(b"RIFF", b"WAVE" + b"".join(chunks))


def page(flags: int, sequence: int, body: bytes = b"", *, serial: int = 1) -> bytes:
    segments = bytes([255] * (len(body) // 255) + [len(body) % 255])
    whole = b"OggS\0" + struct.pack("<BqIIIB", flags, 0, serial, sequence, 0, len(segments)) + segments + body
    return whole[:22] + struct.pack("<I", _checksum(whole)) + whole[26:]


BEGINS, GOES_ON, ENDS = 2, 0, 4
VORBIS, SPEEX, THEORA = b"\x01vorbis" + bytes(23), b"Speex   " + bytes(72), b"\x80theora" + bytes(30)
SOUND = chunk(b"data", bytes(100))
# 44.1 kHz and 48 kHz, mono, 32 kbit/s: 104 and 96 bytes.
FRAME, OTHER = b"\xff\xfb\x10\xc0" + bytes(100), b"\xff\xfb\x14\xc0" + bytes(92)


def ape(size: int, *, has_header: bool = False) -> bytes:
    return b"APETAGEX" + struct.pack("<IIII", 2_000, size, 0, 0x80000000 if has_header else 0) + bytes(8)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (wav(SOUND), "damaged"),
        (wav(chunk(b"LIST", b"INFO")), "damaged"),
        (wav(SOUND, chunk(b"fmt ", FMT)), "damaged"),
        (wav(chunk(b"fmt ", FMT)), "empty"),
        (wav(chunk(b"fmt ", FMT), chunk(b"data", b"")), "empty"),
        (wav(chunk(b"fmt ", FMT), SOUND, SOUND), "polyglot"),
        (wav(chunk(b"fmt ", FMT), chunk(b"fmt ", FMT), SOUND), "polyglot"),
        (wav(chunk(b"fmt ", FMT), SOUND, b"LIST"), "damaged"),
        (wav(chunk(b"fmt ", FMT), SOUND, chunk(b"\0\1\2\3", b"")), "damaged"),
        (wav(chunk(b"fmt ", FMT), SOUND, b"JUNK" + struct.pack("<I", 0xFFFFFFF0)), "truncated"),
        (wav(chunk(b"fmt ", FMT), SOUND, *[chunk(b"JUNK", b"")] * 1_000), "damaged"),
        (chunk(b"RIFF", b"RMID"), "unsupported_format"),
        (b"RF64" + wav(chunk(b"fmt ", FMT), SOUND)[4:], "unsupported_format"),
        (page(BEGINS, 0, VORBIS) + page(ENDS, 2), "damaged"),
        (page(BEGINS, 0, VORBIS) + page(GOES_ON, 1, serial=2) + page(ENDS, 2), "polyglot"),
        (page(BEGINS, 0, VORBIS) + page(BEGINS, 1, VORBIS) + page(ENDS, 2), "polyglot"),
        (page(BEGINS, 0, VORBIS) + page(ENDS, 1) + page(BEGINS, 0, VORBIS) + page(ENDS, 1), "polyglot"),
        (page(BEGINS, 0, VORBIS) + page(ENDS, 1) + b"something else", "polyglot"),
        (page(BEGINS, 0, VORBIS) + b"OggX" + page(ENDS, 1)[4:], "damaged"),
        (page(GOES_ON, 0, VORBIS) + page(ENDS, 1), "damaged"),
        (page(GOES_ON, 0, b"anything") + page(ENDS, 1), "damaged"),
        (page(BEGINS, 0, b"anything") + page(ENDS, 1), "unsupported_codec"),
        (page(BEGINS, 0, SPEEX) + page(ENDS, 1), "unsupported_codec"),
        (page(BEGINS, 0, THEORA) + page(ENDS, 1), "video"),
        (page(BEGINS, 0, VORBIS) + page(GOES_ON, 1), "truncated"),
        (FRAME * 5 + OTHER * 5, "damaged"),
        (FRAME * 5 + FRAME[:50], "truncated"),
        (FRAME * 5 + b"\xff\xfb", "truncated"),
        (FRAME * 5 + b"junk" + FRAME * 5, "damaged"),
        (FRAME * 5 + b"a whole other story" * 9, "polyglot"),
        (b"ID3\x03\0\0" + bytes(4), "empty"),
        (b"ID3\x03\0\0" + bytes(4) + b"something else", "not_audio"),
        (FRAME * 5 + ape(0xFFFFFFF0), "truncated"),
        (b"fLaC" + b"\x84\0\0\x22" + bytes(34), "damaged"),
        (b"fLaC" + b"\x80\0\0\x22" + bytes(34), "truncated"),
        (b"fLaC" + b"\0\0\0\x22" + bytes(34) + b"\xff\0\0\0", "damaged"),
        (b"fLaC" + b"\0\0\0\x22" + bytes(34) + b"\x84\xff\xff\xff", "truncated"),
    ],
)
def test_a_structure_that_does_not_hold_together_is_named_for_what_is_wrong(data, code):
    with pytest.raises(AudioRefused) as refusal:
        identify_container(data)

    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("data", "container"),
    [
        (wav(chunk(b"fmt ", FMT), SOUND, chunk(b"LIST", b"INFO!")), "wav"),
        (page(BEGINS, 0, VORBIS) + page(GOES_ON, 1) + page(ENDS, 2), "ogg"),
        (FRAME * 5, "mp3"),
        (FRAME * 5 + b"TAG" + bytes(125), "mp3"),
        (FRAME * 5 + b"a tag" + ape(32 + 5), "mp3"),
        (FRAME * 5 + ape(32, has_header=True) + b"a tag" + ape(32 + 5, has_header=True), "mp3"),
        (b"ID3\x03\0\0" + bytes(3) + b"\x7f" + bytes(127) + FRAME * 5, "mp3"),
    ],
)
def test_a_structure_that_holds_together_is_taken_with_its_tags(data, container):
    assert identify_container(data).container == container


@pytest.mark.parametrize("rate", [0, 1, 7_999, 192_001, 0xFFFFFFFF])
@pytest.mark.parametrize("channels", [0, 1, 9, 65_535])
def test_a_header_with_impossible_numbers_is_refused(changed, rate, channels):
    fmt = struct.pack("<HHIIHH", 1, channels, rate, 0, channels * 2 & 0xFFFF, 16)

    with pytest.raises(AudioRefused) as refusal:
        probe(changed(wav(chunk(b"fmt ", fmt), chunk(b"data", bytes(40_000)))))

    assert refusal.value.code in {"damaged", "unsupported_codec", "empty"}
