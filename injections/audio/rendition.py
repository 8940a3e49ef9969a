"""Make what the telephone plays: mono, at telephony rates, at the level of the voices around it.

Made when a recording is uploaded, never in a call. The same recording gives the same bytes every time.
"""

import hashlib
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr

from injections.audio.facts import KINDS, RenditionFacts, RenditionKind
from injections.audio.limits import DEFAULT_TARGET, Target
from injections.audio.loudness import decibels, mono_of, speech_level, true_peak
from injections.audio.probe import Samples

_FULL_SCALE: Final = 32_767.0
# Mu-law has steps of 3 % at the top: it may land half a step above what was asked for.
_CEILING_MARGIN_DB: Final = 0.4
# Slow is inaudible; fast is needed where pulses follow each other more closely, and sounds a little rough.
_LOOK_AHEAD_SECONDS: Final = (0.005, 0.001, 0.0002)
_STRETCH_SECONDS: Final = 10
_STRETCH_STEPS: Final = 40  # 0.2 s
_INTERPOLATION_MARGIN: Final = 64
_CLOSE_ENOUGH_DB: Final = 0.2
_WORTH_A_ROUND_DB: Final = 0.01
_MOST_ROUNDS: Final = 12
_LARGEST_STEP_DB: Final = 6.0


class Resampler:
    """Bring a recording to mono at the rates of all kinds while it is being decoded, block by block."""

    def __init__(self, *, sample_rate_hz: int, channel: int | None) -> None:
        self._channel = channel
        rates = sorted({kind.sample_rate_hz for kind in KINDS})
        self._streams = {
            rate: soxr.ResampleStream(sample_rate_hz, rate, 1, dtype="float32", quality="HQ")
            for rate in rates
        }
        self._parts: dict[int, list[Samples]] = {rate: [] for rate in rates}

    def add(self, block: Samples) -> None:
        """Take the next block, shape (samples, channels): the average of the channels, or the one chosen."""
        mono = (
            mono_of(block)[:, 0] if self._channel is None else np.ascontiguousarray(block[:, self._channel])
        )
        self._push(mono, is_last=False)

    def finish(self) -> dict[int, Samples]:
        """Return the whole mono signal at each rate."""
        self._push(np.zeros(0, dtype=np.float32), is_last=True)
        return {rate: np.concatenate(parts) for rate, parts in self._parts.items()}

    def _push(self, mono: Samples, *, is_last: bool) -> None:
        for rate, stream in self._streams.items():
            self._parts[rate].append(stream.resample_chunk(mono, last=is_last))


def write_renditions(signals: dict[int, Samples], folder: Path, *, target: Target) -> list[RenditionFacts]:
    """Level the mono signal of each rate and write all kinds into `folder` as `<kind>.wav`.

    Raises:
        OSError: the folder cannot be written.
    """
    made: dict[RenditionKind, RenditionFacts] = {}
    for rate, signal in signals.items():
        levelled = level(signal, sample_rate_hz=rate, target=target)
        made |= {kind: _write(kind, levelled, folder) for kind in KINDS if kind.sample_rate_hz == rate}
    return [made[kind] for kind in KINDS]


def level(mono: Samples, *, sample_rate_hz: int, target: Target = DEFAULT_TARGET) -> Samples:
    """Return a mono signal at the target's active-speech level and under its true peak, faded in and out.

    Where peaks forbid the level by plain gain, a limiter with look-ahead takes them down and the gain
    follows, until the level is met to 0.2 dB or no louder is possible. Lead silence is put before the fade.
    """
    wanted = 20 * np.log10(target.active_speech_rms / _FULL_SCALE)
    ceiling = 10 ** ((target.true_peak_dbfs - _CEILING_MARGIN_DB) / 20)
    mono = mono - mono.mean()
    faded = _fade(mono, length=target.fade_ms * sample_rate_hz // 1_000)
    result = _reach(faded, wanted, ceiling=ceiling, sample_rate_hz=sample_rate_hz)
    lead = np.zeros(target.lead_silence_ms * sample_rate_hz // 1_000, dtype=np.float32)
    return np.concatenate([lead, result])


def _reach(mono: Samples, wanted: float, *, ceiling: float, sample_rate_hz: int) -> Samples:
    """Return the signal at the wanted level, limited no faster than it takes to get there."""
    gain_db = wanted - speech_level(mono, sample_rate_hz=sample_rate_hz)
    size = _size_between(mono, step=_STRETCH_SECONDS * sample_rate_hz)
    gain = np.float32(10 ** (gain_db / 20))
    if size.max() * gain <= ceiling:
        return mono * gain
    limiter = _Limiter(mono, size, ceiling=ceiling, sample_rate_hz=sample_rate_hz)
    tried = []
    for look_ahead in _LOOK_AHEAD_SECONDS:
        tried.append(limiter.approach(wanted, gain_db, look_ahead=look_ahead))
        if tried[-1][0] < _CLOSE_ENOUGH_DB:
            break
    return min(tried, key=lambda attempt: attempt[0])[1]


class _Limiter:
    """Gain for one signal, its true peaks under a ceiling; `size` is the largest value around each sample."""

    def __init__(self, mono: Samples, size: Samples, *, ceiling: float, sample_rate_hz: int) -> None:
        self._mono, self._size, self._ceiling, self._rate = mono, size, ceiling, sample_rate_hz

    def approach(self, wanted: float, gain_db: float, *, look_ahead: float) -> tuple[float, Samples]:
        """Raise the gain for what the limiter takes, while that helps; return the dB missed, and the best."""
        reach = max(1, int(look_ahead * self._rate))
        best, best_missing = self._mono, np.inf
        for _ in range(_MOST_ROUNDS):
            gain = np.float32(10 ** (gain_db / 20))
            limited = _limit(self._mono * gain, self._size * gain, ceiling=self._ceiling, reach=reach)
            missing = wanted - speech_level(limited, sample_rate_hz=self._rate)
            if abs(missing) > best_missing - _WORTH_A_ROUND_DB:
                break
            best, best_missing = limited, abs(missing)
            if best_missing < _CLOSE_ENOUGH_DB:
                break
            gain_db += min(missing * 2, _LARGEST_STEP_DB)
        return best_missing, best


def _limit(loud: Samples, size: Samples, *, ceiling: float, reach: int) -> Samples:
    """Take the true peaks of a signal (`size` around each sample) down to the ceiling, smoothly."""
    margin, step = 2 * reach, _STRETCH_STEPS * reach
    limited = loud.copy()
    # In stretches, so that quiet ones cost nothing and ten minutes need no more memory than ten seconds.
    for at in range(0, len(loud), step):
        start = max(0, at - margin)
        around = size[start : at + step + margin]
        if around.max() > ceiling:
            gain = _limiting_gain(around, ceiling=ceiling, reach=reach)
            limited[at : at + step] *= gain[at - start : at - start + step]
    # A gain that moves makes new peaks between the samples: tiny, and taken off as a whole.
    return limited * np.float32(ceiling / max(true_peak(limited), ceiling))


def _limiting_gain(size: Samples, *, ceiling: float, reach: int) -> Samples:
    allowed = np.minimum(np.float32(1.0), np.float32(ceiling) / np.maximum(size, np.float32(ceiling / 2**10)))
    # The least over both sides, then averages no wider: smooth, and nowhere above what is allowed.
    lowest = _sliding_minimum(np.pad(allowed, 2 * reach, mode="edge"), width=2 * reach + 1)
    box = np.full(reach + 1, 1 / (reach + 1), dtype=np.float32)
    return np.convolve(np.convolve(lowest, box, mode="valid"), box, mode="valid")


def _size_between(signal: Samples, *, step: int) -> Samples:
    """Return for each sample the largest absolute value near it, between samples included."""
    parts = []
    for at in range(0, len(signal), step):
        start = max(0, at - _INTERPOLATION_MARGIN)
        piece = signal[start : at + step + _INTERPOLATION_MARGIN]
        fine = np.abs(np.asarray(soxr.resample(piece, 1, 4, quality="HQ")))[: 4 * len(piece)]
        fine = np.pad(fine, (0, 4 * len(piece) - len(fine)))
        between = np.maximum(np.maximum(fine[1::4], fine[2::4]), fine[3::4])
        size = np.maximum(np.abs(piece), between)
        size[1:] = np.maximum(size[1:], between[:-1])
        parts.append(size[at - start : at - start + step])
    return np.concatenate(parts)


def _sliding_minimum(values: Samples, *, width: int) -> Samples:
    """Return the least of each `width` neighbours, in logarithmically many passes."""
    least, covered = values, 1
    while covered < width:
        shift = min(covered, width - covered)
        least = np.minimum(least[:-shift], least[shift:])
        covered += shift
    return least


def _fade(mono: Samples, *, length: int) -> Samples:
    length = min(length, len(mono) // 2)
    if length == 0:
        return mono
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)).astype(np.float32)
    faded = mono.copy()
    faded[:length] *= ramp
    faded[-length:] *= ramp[::-1]
    return faded


def _write(kind: RenditionKind, samples: Samples, folder: Path) -> RenditionFacts:
    path = folder / kind.file_name
    steps = np.rint(samples * _FULL_SCALE).astype(np.int16)
    soundfile.write(path, steps, kind.sample_rate_hz, subtype=kind.subtype, format="WAV")
    played, _rate = soundfile.read(path, dtype="float32")
    data = path.read_bytes()
    return RenditionFacts(
        kind=kind.name,
        path=path.name,
        sha256=hashlib.sha256(data).hexdigest(),
        duration_ms=round(len(played) * 1_000 / kind.sample_rate_hz),
        size_bytes=len(data),
        sample_rate_hz=kind.sample_rate_hz,
        active_speech_dbfs=round(speech_level(played, sample_rate_hz=kind.sample_rate_hz), 2),
        true_peak_dbfs=round(decibels(true_peak(played) ** 2), 2),
    )
