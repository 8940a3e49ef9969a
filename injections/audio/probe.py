"""Find out what a recording is by decoding all of it; its name is only compared with the result."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import soundfile

from injections.audio.containers import Structure, identify_container
from injections.audio.facts import AudioFacts
from injections.audio.limits import AudioLimits
from injections.audio.refusal import refused

Samples = npt.NDArray[np.float32]
Listener = Callable[[Samples], None]

EXTENSIONS: Final = {"wav": ("wav",), "mp3": ("mp3",), "ogg": ("ogg", "oga", "opus"), "flac": ("flac",)}
CODECS: Final = {
    "PCM_U8": "pcm_u8",
    "PCM_S8": "pcm_s8",
    "PCM_16": "pcm_s16",
    "PCM_24": "pcm_s24",
    "PCM_32": "pcm_s32",
    "FLOAT": "pcm_f32",
    "DOUBLE": "pcm_f64",
    "ULAW": "mulaw",
    "ALAW": "alaw",
    "IMA_ADPCM": "adpcm_ima",
    "MS_ADPCM": "adpcm_ms",
    "GSM610": "gsm",
    "MPEG_LAYER_III": "mp3",
    "VORBIS": "vorbis",
    "OPUS": "opus",
}
_CONTAINER_NAMES: Final = {"WAV": "wav", "WAVEX": "wav", "OGG": "ogg", "FLAC": "flac", "MP3": "mp3"}
BLOCK_SECONDS: Final = 2
# Floating-point files may exceed full scale; beyond this (+24 dB) they hold numbers, not sound.
_LARGEST_SAMPLE: Final = 16.0
# What an encoder may put before and after the sound (12 bits each), and the frame that holds the header.
_MP3_PADDING: Final = 2 * 4_096 + 1_152


class Recording:
    """An open recording whose container has been checked, and whose sound has not been decoded yet."""

    def __init__(self, source: Any, *, structure: Structure, data: bytes, limits: AudioLimits) -> None:
        self._source = source
        self._limits = limits
        self._structure = structure
        self.container = structure.container
        self.codec = _codec(source, structure.container)
        self.sample_rate_hz: int = source.samplerate
        self.channels: int = source.channels
        self.size_bytes = len(data)
        self.sha256 = hashlib.sha256(data).hexdigest()
        self._refuse_unusual()

    def decode(self, *listeners: Listener) -> AudioFacts:
        """Decode the recording once, for all listeners, in float32 blocks, shape (samples, channels).

        A block lasts `BLOCK_SECONDS`, only the last one less. Full scale is 1.0.

        Raises:
            AudioRefused: `truncated`, `damaged`, `polyglot`, `too_long`, `too_short`, `empty`.
        """
        frames = 0
        for block in self._blocks():
            frames += len(block)
            if frames > self._most_frames():
                raise refused("too_long", limit_min=self._limits.max_duration_ms // 60_000)
            for listen in listeners:
                listen(block)
        self._check_length(frames)
        return self._facts(frames)

    def _blocks(self) -> Iterator[Samples]:
        length = BLOCK_SECONDS * self.sample_rate_hz
        while True:
            try:
                block: Samples = self._source.read(length, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                raise refused("damaged", found="its sound cannot be decoded") from error
            if len(block) == 0:
                return
            # One comparison also refuses what is not a number.
            if not np.abs(block).max() <= _LARGEST_SAMPLE:
                raise refused("damaged", found="it holds values that are not sound")
            yield block

    def _refuse_unusual(self) -> None:
        limits = self._limits
        if not limits.min_rate_hz <= self.sample_rate_hz <= limits.max_rate_hz:
            raise refused("unsupported_codec", found=f"{self.sample_rate_hz} samples a second")
        if self.channels > limits.max_channels:
            raise refused("unsupported_codec", found=f"{self.channels} channels")
        declared = self._source.frames
        if (
            declared > self._most_frames() * limits.bomb_factor
            or declared * self.channels > limits.max_samples
        ):
            raise refused("decompression_bomb")
        if declared > self._most_frames():
            raise refused("too_long", limit_min=limits.max_duration_ms // 60_000)

    def _check_length(self, frames: int) -> None:
        walked = self._structure.samples
        if frames == 0:
            raise refused("empty")
        # Without a Xing header libsndfile guesses the length of an mp3 from its first frame, and stops there.
        if walked is not None and frames < walked - _MP3_PADDING:
            raise refused("damaged", found="it does not say how long it lasts, and decodes only in part")
        if walked is None and frames < self._source.frames:
            raise refused("truncated", found=f"{frames} of {self._source.frames} samples can be decoded")
        if frames * 1_000 < self._limits.min_duration_ms * self.sample_rate_hz:
            raise refused("too_short", limit_ms=self._limits.min_duration_ms)

    def _most_frames(self) -> int:
        return self._limits.max_duration_ms * self.sample_rate_hz // 1_000

    def _facts(self, frames: int) -> AudioFacts:
        return AudioFacts(
            container=self.container,
            codec=self.codec,
            sample_rate_hz=self.sample_rate_hz,
            channels=self.channels,
            frames=frames,
            duration_ms=round(frames * 1_000 / self.sample_rate_hz),
            sha256=self.sha256,
            size_bytes=self.size_bytes,
        )


@contextmanager
def opened(path: Path, *, declared_name: str | None, limits: AudioLimits) -> Iterator[Recording]:
    """Open a recording after checking its size, its container to the last byte, and its name's extension.

    With `declared_name`, the extension must agree with what was found. Silence and clipping are judged from
    the measured levels: see `loudness.refuse_unusable`.

    Raises:
        AudioRefused: the file must not be used; code and message say why.
        OSError: the file cannot be read.
    """
    data = _read(path, limits)
    structure = identify_container(data)
    if structure.container not in limits.containers:
        raise refused("unsupported_format", found=structure.container.upper())
    if declared_name is not None:
        check_extension(declared_name, container=structure.container)
    with _decoder(path) as source:
        yield Recording(source, structure=structure, data=data, limits=limits)


def check_extension(name: str, *, container: str) -> None:
    """Refuse a name whose extension (after the last dot, whole, case folded) is not one of the container's.

    Raises:
        AudioRefused: `wrong_extension`.
    """
    stem, dot, extension = name.rpartition(".")
    if dot and stem and extension.casefold() in EXTENSIONS[container]:
        return
    named = f".{extension[:20]}" if dot else "without an extension"
    raise refused("wrong_extension", named=named, found=container, right=EXTENSIONS[container][0])


def _read(path: Path, limits: AudioLimits) -> bytes:
    with path.open("rb") as file:
        data = file.read(limits.max_bytes + 1)
    if len(data) > limits.max_bytes:
        raise refused("too_big", limit_mb=limits.max_bytes // 1_000_000)
    if len(data) == 0:
        raise refused("empty")
    return data


@contextmanager
def _decoder(path: Path) -> Iterator[Any]:
    try:
        source = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        raise refused("damaged", found="its sound cannot be decoded") from error
    with source:
        yield source


def _codec(source: Any, container: str) -> str:
    if _CONTAINER_NAMES.get(source.format) != container or source.subtype not in CODECS:
        raise refused("unsupported_codec", found=f"{source.format} {source.subtype}")
    codec = CODECS[source.subtype]
    return "flac" if container == "flac" else codec
