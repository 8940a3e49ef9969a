"""Walk a file's outer structure ourselves: decoders forgive a missing end and ignore what is glued on.

libsndfile plays a wav or ogg that was cut in half without a word, and skips whatever follows the sound.
Each walker here accounts for every byte of the file, or refuses it.
"""

from dataclasses import dataclass

from injections.audio.containers.flac import walk_flac
from injections.audio.containers.foreign import refuse_embedded, refuse_unknown
from injections.audio.containers.mpeg import is_frame_header, skip_id3v2, walk_mpeg
from injections.audio.containers.ogg import walk_ogg
from injections.audio.containers.riff import walk_riff

__all__ = ["Structure", "identify_container"]


@dataclass(frozen=True, slots=True)
class Structure:
    """A container that has been walked. `samples` per channel, only where the walk counts them (mp3)."""

    container: str
    samples: int | None = None


def identify_container(data: bytes) -> Structure:
    """Say which container these bytes are, after checking that they are that and nothing else.

    The container is one of `wav`, `ogg`, `flac` and `mp3`.

    Raises:
        AudioRefused: `empty`, `not_audio`, `unsupported_format`, `truncated`, `damaged`, `polyglot`, `drm`,
            `video`.
    """
    structure = _walk(data)
    refuse_embedded(data)
    return structure


def _walk(data: bytes) -> Structure:
    if data.startswith(b"RIFF"):
        walk_riff(data)
        return Structure("wav")
    if data.startswith(b"OggS"):
        walk_ogg(data)
        return Structure("ogg")
    start = skip_id3v2(data)
    if data.startswith(b"fLaC", start):
        walk_flac(data, start)
        return Structure("flac")
    if start > 0 or is_frame_header(data, start):
        return Structure("mp3", samples=walk_mpeg(data, start))
    return refuse_unknown(data)
