"""The structure of the file, to its last byte."""

import io
import struct
import zipfile
import zlib

import pytest

from injections.audio.containers import identify_container
from injections.audio.containers.ogg import _checksum
from injections.audio.refusal import AudioRefused
from tests.injections.audio.probing import probe
from tests.injections.audio.sounds import speech, write

KINDS = ["wav", "mp3", "vorbis", "opus", "flac"]
CONTAINERS = {"wav": "wav", "mp3": "mp3", "vorbis": "ogg", "opus": "ogg", "flac": "flac"}


def a_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("payload.txt", "something else")
    return buffer.getvalue()


FOREIGN = {
    "zip": a_zip(),
    "page": b"<html><script>alert(1)</script></html>",
    "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n",
    "program": b"MZ\x90\0" + b"\0" * 60 + b"This program cannot be run in DOS mode.\r\n$",
    "noise": bytes(range(1, 200)) * 20,
}


def code_of(data: bytes) -> str:
    with pytest.raises(AudioRefused) as refusal:
        identify_container(data)
    return refusal.value.code


@pytest.mark.parametrize("kind", KINDS)
def test_an_undamaged_file_is_recognised(masters, kind):
    assert identify_container(masters[kind].read_bytes()).container == CONTAINERS[kind]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_refused(masters, kind, share):
    data = masters[kind].read_bytes()

    assert code_of(data[: int(len(data) * share)]) == "truncated"


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_lacks_its_last_byte_is_refused(masters, kind):
    assert code_of(masters[kind].read_bytes()[:-1]) == "truncated"


def test_an_ogg_cut_between_two_pages_is_refused(tmp_path):
    data = write(tmp_path, speech(seconds=4.0), container="ogg").read_bytes()

    assert code_of(data[: data.rindex(b"OggS")]) == "truncated"


def test_an_mp3_cut_between_two_frames_is_refused(masters):
    data = masters["mp3"].read_bytes()
    last_frame = max(at for at in range(len(data) - 4) if data[at : at + 2] == data[:2])

    assert code_of(data[:last_frame]) == "truncated"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("foreign", FOREIGN)
def test_something_after_the_sound_is_refused(masters, kind, foreign):
    code = code_of(masters[kind].read_bytes() + FOREIGN[foreign])

    # The end of a flac cannot be told from a cut before it is decoded.
    assert code == "polyglot" or (kind == "flac" and code == "truncated")


@pytest.mark.parametrize("kind", ["wav", "vorbis", "opus", "flac"])
@pytest.mark.parametrize("foreign", ["zip", "page", "pdf", "program"])
def test_something_before_the_sound_is_refused(masters, kind, foreign):
    assert code_of(FOREIGN[foreign] + masters[kind].read_bytes()) == "polyglot"


@pytest.mark.parametrize("foreign", ["zip", "page", "pdf", "program"])
def test_something_inside_a_wav_chunk_is_refused(masters, foreign):
    data, payload = masters["wav"].read_bytes(), FOREIGN[foreign]
    payload += b"\0" * (len(payload) % 2)
    chunk = b"JUNK" + struct.pack("<I", len(payload)) + payload
    whole = data[:4] + struct.pack("<I", len(data) - 8 + len(chunk)) + data[8:] + chunk

    assert code_of(whole) == "polyglot"


def test_a_page_inside_an_mp3_tag_is_refused(masters):
    text = b"\0<script src=x></script>"
    frame = b"TIT2" + struct.pack(">I", len(text)) + b"\0\0" + text
    tag = b"ID3\x03\0\0" + bytes([0, 0, 0, len(frame)]) + frame

    assert code_of(tag + masters["mp3"].read_bytes()) == "polyglot"


def test_an_encrypted_mp3_is_refused(masters):
    frame = b"AENC" + struct.pack(">I", 6) + b"\0\0" + b"me\0\0\0\0"
    tag = b"ID3\x03\0\0" + bytes([0, 0, 0, len(frame)]) + frame

    assert code_of(tag + masters["mp3"].read_bytes()) == "drm"


def test_two_mp3_files_joined_are_refused(masters):
    assert code_of(masters["mp3"].read_bytes() * 2) == "damaged"


def test_two_ogg_files_joined_are_refused(masters):
    assert code_of(masters["vorbis"].read_bytes() + masters["opus"].read_bytes()) == "polyglot"


def test_a_changed_byte_in_an_ogg_is_refused(masters):
    data = bytearray(masters["vorbis"].read_bytes())
    data[len(data) // 2] ^= 1

    assert code_of(bytes(data)) == "damaged"


def test_the_checksum_of_an_ogg_page_agrees_with_its_definition():
    page = b"OggS" + bytes(range(200))
    crc = 0
    for byte in page[:22] + b"\0\0\0\0" + page[26:]:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF

    assert _checksum(page) == crc
    assert crc != zlib.crc32(page)


def test_an_ogg_with_a_film_beside_the_sound_is_refused(masters):
    data = masters["vorbis"].read_bytes()
    body = b"\x80theora\x03\x02\x01" + b"\0" * 30
    page = b"OggS\0\x02" + b"\0" * 8 + struct.pack("<II", 99, 0) + b"\0\0\0\0" + bytes([1, len(body)]) + body
    page = page[:22] + struct.pack("<I", _checksum(page)) + page[26:]

    assert code_of(page + data) == "video"
    first_page_end = data.index(b"OggS", 4)
    assert code_of(data[:first_page_end] + page + data[first_page_end:]) == "video"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\0", "empty"),
        (b"\0" * 5_000, "empty"),
        (b"hello, this is not a recording", "not_audio"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 100, "not_audio"),
        (a_zip(), "not_audio"),
        (b"\0\0\0\x20ftypM4A " + b"\0" * 100, "unsupported_format"),
        (b"\0\0\0\x20ftypM4P " + b"\0" * 100, "drm"),
        (b"\0\0\0\x20ftypisom" + b"hdlr\0\0\0\0\0\0\0\0vide" + b"\0" * 100, "video"),
        (b"\x1a\x45\xdf\xa3" + b"\0" * 50 + b"V_VP9" + b"\0" * 50, "video"),
        (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + b"\0" * 50, "unsupported_format"),
        (b"FORM\0\0\0\x20AIFF" + b"\0" * 50, "unsupported_format"),
        (b"RIFF\x20\0\0\0AVI " + b"\0" * 28, "video"),
        (b"FLV\x01" + b"\0" * 50, "video"),
        (b"\xff\xf1\x50\x80" + b"\0" * 50, "unsupported_format"),
        (b"\xff\xfd\x50\x80" + b"\0" * 50, "unsupported_codec"),
        (b"RIFF", "truncated"),
        (b"OggS", "truncated"),
        (b"fLaC", "truncated"),
        (b"ID3\x03\0\0\0\0\x7f\x7f", "truncated"),
    ],
)
def test_what_is_no_recording_is_named_for_what_it_is(data, code):
    assert code_of(data) == code


def test_a_file_without_a_byte_is_empty(changed):
    with pytest.raises(AudioRefused) as refusal:
        probe(changed(b""))

    assert refusal.value.code == "empty"


def test_a_wav_whose_length_was_never_written_is_refused(masters):
    data = masters["wav"].read_bytes()

    assert code_of(data[:4] + b"\xff\xff\xff\xff" + data[8:]) == "truncated"


def test_a_wav_with_an_uncounted_pad_byte_is_accepted(masters):
    assert identify_container(masters["wav"].read_bytes() + b"\0").container == "wav"


def test_a_flac_with_something_after_it_is_refused_although_it_decodes(masters, changed):
    path = changed(masters["flac"].read_bytes() + FOREIGN["noise"])

    with pytest.raises(AudioRefused):
        probe(path)
