"""What is not a recording: other formats by their first bytes, and other files hidden in a recording."""

import re
from typing import Final, NoReturn

from injections.audio.refusal import refused

# Signatures long or structured enough that 25 MB of compressed sound do not hold one by chance.
_EMBEDDED: Final = (
    (re.compile(rb"PK\x05\x06\0\0\0\0"), "a zip archive"),
    (re.compile(rb"Rar!\x1a\x07[\0\x01]"), "a rar archive"),
    (re.compile(rb"7z\xbc\xaf\x27\x1c"), "a 7z archive"),
    (re.compile(rb"%PDF-[12]\.[0-9]"), "a PDF document"),
    (
        re.compile(rb"<(?:script|html|iframe|!doctype html|\?php)[\s>/]", re.IGNORECASE),
        "a web page or script",
    ),
    (re.compile(rb"This program (?:cannot|must) be run"), "a Windows program"),
    (re.compile(rb"\x7fELF[\x01\x02][\x01\x02]\x01[\0-\x12]\0{4}"), "a program"),
    (re.compile(rb"\xca\xfe\xba\xbe\0\0\0[\x2d-\x50]\0"), "a Java program"),
)
_SOUND_INSIDE: Final = re.compile(
    rb"RIFF.{4}WAVEfmt |OggS\0\x02|fLaC[\0\x80]\0\0\x22|ID3[\x02-\x04]\0", re.DOTALL
)

_UNSUPPORTED: Final = (
    (0, b"FORM", "AIFF"),
    (0, b".snd", "AU"),
    (0, b"caff", "CAF"),
    (0, b"RF64", "RF64"),
    (0, b"BW64", "BW64"),
    (0, b"riff\x2e\x91\xcf\x11", "Wave64"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"wvPK", "WavPack"),
    (0, b"TTA", "TTA"),
    (0, b"#!AMR", "AMR"),
    (0, b"MThd", "MIDI"),
)
_VIDEO: Final = ((0, b"FLV\x01"), (0, b"\0\0\x01\xba"), (0, b"\0\0\x01\xb3"), (0, b"\0\0\0\x01\x67"))
_ASF: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_VIDEO: Final = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")
_ASF_PROTECTED: Final = (
    bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"),  # content encryption
    bytes.fromhex("14e68a292226174cb935dae07ee9289c"),  # extended content encryption
)
_MP4_PROTECTED: Final = (b"ftypM4P ", b"ftypaax ", b"ftypaaxc", b"sinf", b"enca", b"pssh")
_MATROSKA_VIDEO: Final = (b"V_VP8", b"V_VP9", b"V_AV1", b"V_MPEG", b"V_THEORA", b"V_MS/")


def refuse_embedded(data: bytes) -> None:
    """Refuse a recording that is, to another program, an archive, a document, a page or a program.

    Raises:
        AudioRefused: `polyglot`.
    """
    for signature, name in _EMBEDDED:
        if signature.search(data) is not None:
            raise refused("polyglot", found=f"{name} inside")


def refuse_unknown(data: bytes) -> NoReturn:
    """Say as well as possible what a file is that begins like none of the formats that are taken.

    Raises:
        AudioRefused: `empty`, `drm`, `video`, `unsupported_format`, `unsupported_codec`, `polyglot`,
            `not_audio`.
    """
    if not data.strip(b"\0"):
        raise refused("empty")
    _refuse_families(data)
    if _begins_with(data, *_VIDEO) or (data[0] == 0x47 and data[188:189] == b"\x47"):
        raise refused("video")
    for at, magic, name in _UNSUPPORTED:
        if data.startswith(magic, at):
            raise refused("unsupported_format", found=name)
    _refuse_mpeg_relatives(data)
    if _SOUND_INSIDE.search(data) is not None:
        raise refused("polyglot", found="something stands before the sound")
    raise refused("not_audio")


def _begins_with(data: bytes, *magics: tuple[int, bytes]) -> bool:
    return any(data.startswith(magic, at) for at, magic in magics)


def _refuse_families(data: bytes) -> None:
    """Refuse the containers that hold sound, video and protection alike, by what is in them."""
    if data.startswith(b"ftyp", 4):
        _refuse_family(data, protected=_MP4_PROTECTED, video=(b"vide",), name="MP4 (AAC)")
    if data.startswith(_ASF):
        _refuse_family(data, protected=_ASF_PROTECTED, video=(_ASF_VIDEO,), name="Windows Media")
    if data.startswith(b"\x1a\x45\xdf\xa3"):
        _refuse_family(data, protected=(), video=_MATROSKA_VIDEO, name="Matroska or WebM")


def _refuse_family(
    data: bytes, *, protected: tuple[bytes, ...], video: tuple[bytes, ...], name: str
) -> NoReturn:
    # Video first: a protected film is better described as a film.
    if any(mark in data for mark in video):
        raise refused("video")
    if any(mark in data for mark in protected):
        raise refused("drm")
    raise refused("unsupported_format", found=name)


def _refuse_mpeg_relatives(data: bytes) -> None:
    if data[:1] != b"\xff" or len(data) < 2 or data[1] & 0xE0 != 0xE0:
        return
    if data[1] & 0xF6 == 0xF0:
        raise refused("unsupported_format", found="AAC")
    if data[1] & 0x06 in {0x04, 0x06}:
        raise refused("unsupported_codec", found="MPEG Layer I or II")
