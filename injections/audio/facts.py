"""What is known about a recording once it has been examined: plain values, free of the decoders' libraries.

The portal's own processes import this and `child`, never numpy or libsndfile.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFacts:
    """What a recording is. `frames` counts samples per channel; `sha256` is over the whole file, in hex."""

    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    frames: int
    duration_ms: int
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What was measured. Shares are 0..1, `dc_offset` is relative to full scale, times are in milliseconds.

    dBFS is relative to a sample value of 1.0, so a full-scale sine has an active level of -3.01; dBm0 follows
    RFC 7874, section 4: an RMS of 2600 in 16-bit samples is -19 dBm0. Nothing is written lower than -120 dB.
    """

    integrated_lufs: float
    active_speech_dbm0: float
    active_speech_dbfs: float
    activity_share: float
    true_peak_dbfs: float
    clipping_share: float
    dc_offset: float
    head_silence_ms: int
    tail_silence_ms: int
    noise_dbfs: float


@dataclass(frozen=True, slots=True)
class RenditionKind:
    """One form in which a recording is kept for playing; `subtype` is libsndfile's name of the encoding."""

    name: str
    sample_rate_hz: int
    subtype: str

    @property
    def file_name(self) -> str:
        """The name of the file that holds it."""
        return f"{self.name}.wav"


KINDS: Final = (
    RenditionKind("wav_8k", 8_000, "PCM_16"),
    RenditionKind("wav_16k", 16_000, "PCM_16"),
    RenditionKind("mulaw_8k", 8_000, "ULAW"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenditionFacts:
    """A rendition that was written to `path`. Its levels were measured on it after all processing."""

    kind: str
    path: str
    sha256: str
    duration_ms: int
    size_bytes: int
    sample_rate_hz: int
    active_speech_dbfs: float
    true_peak_dbfs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What one recording is, how loud it is, how it looks (bars of 0..100), and what was made of it."""

    facts: AudioFacts
    levels: Levels
    peaks: list[int]
    renditions: list[RenditionFacts]


def analysis_from(data: Mapping[str, Any]) -> Analysis:
    """Rebuild an analysis from what an untrusted process wrote, accepting only the exact form.

    Raises:
        KeyError, TypeError, ValueError: it has not that form.
    """
    peaks = [_typed(int, height) for height in data["peaks"]]
    renditions = [_record(RenditionFacts, made) for made in data["renditions"]]
    if any(not 0 <= height <= 100 for height in peaks):
        raise ValueError("a bar of the waveform is out of range")
    if [(made.kind, made.path) for made in renditions] != [(kind.name, kind.file_name) for kind in KINDS]:
        raise ValueError("the renditions are not those that were asked for")
    return Analysis(
        facts=_record(AudioFacts, data["facts"]),
        levels=_record(Levels, data["levels"]),
        peaks=peaks,
        renditions=renditions,
    )


def _record(kind: type[_T], data: Mapping[str, Any]) -> _T:
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]  # mypy has no bound that means "a dataclass"
    if set(data) != {field.name for field in fields}:
        raise ValueError(f"{kind.__name__} has other fields")
    return kind(**{field.name: _typed(field.type, data[field.name]) for field in fields})


def _typed(kind: Any, value: Any) -> Any:
    """Return the value if its type is exactly `kind` (a whole number also where a float is wanted)."""
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise TypeError(f"{value!r:.40} is not {kind}")
    return value
