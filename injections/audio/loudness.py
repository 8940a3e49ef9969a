"""Measure how loud a recording is: as a broadcaster hears it, as a telephone does, and what is wrong."""

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from injections.audio.facts import Levels
from injections.audio.filters import K_WEIGHTING, SPEECH_BAND, FilterBank
from injections.audio.limits import AudioLimits
from injections.audio.probe import BLOCK_SECONDS, Samples
from injections.audio.refusal import refused

Powers = npt.NDArray[np.float64]

_FULL_SCALE: Final = 32_767.0
_DBM0_OFFSET: Final = -19.0 - 20 * math.log10(2600.0 / _FULL_SCALE)
_GATE_BLOCKS: Final = 4  # 400 ms, in steps of 100 ms
_ABSOLUTE_GATE: Final = -70.0
_RELATIVE_GATE: Final = -10.0
_SURROUND_GAIN: Final = 1.41
FRAMES_PER_SECOND: Final = 100
PEAKS_PER_SECOND: Final = 400
_HANGOVER_FRAMES: Final = 20  # 200 ms, as ITU-T P.56 method B
_MARGIN_DB: Final = 15.9  # the same: speech is active down to this far below its own level
_PEAK_BLOCK: Final = 65_536
_FLOOR: Final = 1e-12  # -120 dBFS: quieter is written as this, so that every level is a number
_NEAR_FULL_SCALE: Final = 0.985
_FLAT: Final = 1.6e-5  # half a step of 16 bits
_QUIET_BELOW_SPEECH_DB: Final = 30.0


class LevelMeter:
    """Take a recording block by block, as `Recording.decode` gives it, and know its levels at the end.

    Memory does not grow with the recording but for one number per 10 ms (100 ms for loudness).
    """

    def __init__(self, *, sample_rate_hz: int, channels: int) -> None:
        self._rate = sample_rate_hz
        self._filters = FilterBank(K_WEIGHTING, SPEECH_BAND, sample_rate_hz=sample_rate_hz)
        self._gains = _channel_gains(channels)
        self._loudness_powers: list[Powers] = []
        self._mono_powers: list[Powers] = []
        self._channel_powers: list[Powers] = []
        self._peaks: list[Samples] = []
        self._true_peak = TruePeakMeter()
        self._sum = np.zeros(channels)
        self._clipped = 0
        self._samples = 0

    def add(self, block: Samples) -> None:
        """Measure the next block, shape (samples, channels)."""
        weighted, narrow = self._filters(block)
        self._loudness_powers.append(_frame_powers(weighted, self._rate // 10) @ self._gains)
        for signal, powers in ((mono_of(narrow), self._mono_powers), (narrow, self._channel_powers)):
            powers.append(_frame_powers(signal, self._rate // FRAMES_PER_SECOND))
        self._peaks.append(_frame_peaks(mono_of(block)[:, 0], self._rate // PEAKS_PER_SECOND))
        self._true_peak.add(block)
        self._sum += block.sum(axis=0, dtype=np.float64)
        self._clipped += _clipped_samples(block)
        self._samples += len(block)

    def peaks(self) -> Samples:
        """Return the largest absolute value of each 1/400 s, channels averaged: what waveforms show."""
        return np.concatenate(self._peaks)

    def best_channel(self) -> int | None:
        """Return None when the average of the channels carries the speech, else the channel that does.

        Channels recorded in opposite phase cancel when averaged: a caller would hear silence where the
        uploader's headphones play a voice. Averaging with silent channels costs a known share; to lose more
        is cancellation.
        """
        mono = np.concatenate(self._mono_powers).mean()
        channels = np.concatenate(self._channel_powers).mean(axis=0)
        loudest = int(np.argmax(channels))
        return loudest if mono < channels[loudest] / len(channels) ** 2 / 2 else None

    def levels(self) -> Levels:
        """Return the levels of everything added so far."""
        best = self.best_channel()
        measured, column = (self._mono_powers, 0) if best is None else (self._channel_powers, best)
        powers = np.concatenate(measured)[:, column]
        level, active = active_level(powers)
        head, tail = _silence(powers, level)
        speech_dbfs = decibels(level)
        return Levels(
            integrated_lufs=round(integrated_loudness(np.concatenate(self._loudness_powers)), 2),
            active_speech_dbm0=round(speech_dbfs + _DBM0_OFFSET, 2),
            active_speech_dbfs=round(speech_dbfs, 2),
            activity_share=round(float(active.mean()), 4),
            true_peak_dbfs=round(decibels(self._true_peak.peak**2), 2),
            clipping_share=round(self._clipped / (self._samples * len(self._sum)), 6),
            dc_offset=round(float(np.abs(self._sum).max()) / self._samples, 6),
            head_silence_ms=head,
            tail_silence_ms=tail,
            noise_dbfs=round(_noise(powers), 2),
        )


def refuse_unusable(levels: Levels, *, limits: AudioLimits) -> None:
    """Refuse what decodes well and yet must not be played.

    Raises:
        AudioRefused: `silent`, `clipped`.
    """
    if levels.active_speech_dbfs < limits.silence_dbfs:
        raise refused("silent")
    if levels.clipping_share > limits.max_clipping_share:
        raise refused("clipped", found=f"{levels.clipping_share:.0%}")


def integrated_loudness(powers: Powers) -> float:
    """Return the gated loudness in LUFS from the weighted powers of consecutive 100 ms: BS.1770-4, annex 1.

    A recording shorter than one gating block (400 ms), which the Recommendation leaves undefined, is
    measured whole.
    """
    if len(powers) < _GATE_BLOCKS:
        blocks = powers.mean(keepdims=True)
    else:
        blocks = np.lib.stride_tricks.sliding_window_view(powers, _GATE_BLOCKS).mean(axis=1)
    heard = blocks[_lufs(blocks) > _ABSOLUTE_GATE]
    if len(heard) == 0:
        return float(10 * np.log10(_FLOOR))
    relative = _lufs(heard.mean()) + _RELATIVE_GATE
    return float(_lufs(heard[_lufs(heard) > relative].mean()))


def active_level(powers: Powers) -> tuple[float, npt.NDArray[np.bool_]]:
    """Return the mean power while somebody speaks, and which of the 10 ms frames that is.

    As ITU-T P.56, method B, on frames: speech is what lies at most 15.9 dB under the active level itself,
    and the 200 ms after it. The fixed point is approached from the mean of everything, and reached in a few
    rounds.
    """
    level, active = float(powers.mean()), np.ones(len(powers), dtype=np.bool_)
    for _ in range(20):
        loud = powers > level * 10 ** (-_MARGIN_DB / 10)
        held = np.convolve(loud, np.ones(_HANGOVER_FRAMES + 1))[: len(powers)] > 0
        if not held.any() or np.array_equal(held, active):
            break
        active, level = held, float(powers[held].mean())
    return max(level, _FLOOR), active


def speech_level(mono: Samples, *, sample_rate_hz: int) -> float:
    """Return the active-speech level of a mono signal in dBFS."""
    bank = FilterBank(SPEECH_BAND, sample_rate_hz=sample_rate_hz)
    powers = [
        _frame_powers(narrow, sample_rate_hz // FRAMES_PER_SECOND)[:, 0]
        for block in blocks(mono, length=BLOCK_SECONDS * sample_rate_hz)
        for narrow in bank(block)
    ]
    return decibels(active_level(np.concatenate(powers))[0])


def true_peak(mono: Samples) -> float:
    """Return the largest value of a mono signal, between its samples too."""
    meter = TruePeakMeter()
    for block in blocks(mono, length=_PEAK_BLOCK):
        meter.add(block)
    return meter.peak


def blocks(mono: Samples, *, length: int) -> Iterator[Samples]:
    """Cut a mono signal into blocks of shape (length, 1), as a recording is decoded; the last may be shorter."""
    return (mono[at : at + length, None] for at in range(0, len(mono), length))


def mono_of(block: Samples) -> Samples:
    """Return the average of the channels, shape (samples, 1); a column by column sum, since numpy's is slow here."""
    if block.shape[1] == 1:
        return block
    total = block[:, 0].copy()
    for channel in block.T[1:]:
        total += channel
    return (total / np.float32(block.shape[1]))[:, None]


def decibels(power: float) -> float:
    """Return a power in dB, never below -120."""
    return float(10 * np.log10(max(power, _FLOOR)))


class TruePeakMeter:
    """Follow the largest value between the samples: four times oversampled, as BS.1770-4, annex 2."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._past: Samples | None = None

    def add(self, block: Samples) -> None:
        """Look at the next block, shape (samples, channels)."""
        if self._past is None:
            self._past = np.zeros((2 * _REACH, block.shape[1]), dtype=np.float32)
        joined = np.concatenate([self._past, block])
        self._past = joined[-2 * _REACH :]
        self.peak = max(self.peak, float(np.abs(block).max()))
        for channel in joined.T:
            self._look_between(channel)

    def _look_between(self, signal: Samples) -> None:
        # Between samples a signal rises 3 dB above them, 6 in contrived cases: quieter places cannot matter.
        size = np.abs(signal[_REACH - 1 : len(signal) - _REACH + 1])
        nearest = np.maximum(size[:-1], size[1:])
        around = np.lib.stride_tricks.sliding_window_view(signal, 2 * _REACH)
        between = around[nearest > self.peak / 2] @ _PHASES
        if between.size > 0:
            self.peak = max(self.peak, float(np.abs(between).max()))


_REACH: Final = 12


def _interpolators() -> Samples:
    """Make the filters that estimate a signal 1/4, 1/2 and 3/4 of the way between samples, one a column."""
    at = np.arange(-_REACH + 1, _REACH + 1)
    window = np.kaiser(8 * _REACH + 1, 7.0)
    phases = []
    for quarter in (1, 2, 3):
        taps = np.sinc(at - quarter / 4) * window[4 * (at + _REACH) - quarter]
        phases.append(taps / taps.sum())
    return np.stack(phases, axis=1).astype(np.float32)


_PHASES: Final = _interpolators()


def _lufs(power: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(-0.691 + 10 * np.log10(np.maximum(power, _FLOOR)))


def _channel_gains(channels: int) -> npt.NDArray[np.float64]:
    """Return the weights of BS.1770-4, table 3: surround channels count more, the bass channel not at all."""
    gains = np.ones(channels)
    if channels == 5:
        gains[3:] = _SURROUND_GAIN
    if channels >= 6:
        gains[3], gains[4:] = 0.0, _SURROUND_GAIN
    return gains


def _frame_powers(block: Samples, length: int) -> Powers:
    """Return the mean square of each whole frame, shape (frames, channels); a rest is left out."""
    frames = len(block) // length
    # Named in full: of no frame at all, numpy cannot work out the number of channels.
    whole = block[: frames * length].reshape(frames, length, block.shape[1])
    return np.asarray(np.einsum("flc,flc->fc", whole, whole, dtype=np.float64) / length)


def _frame_peaks(mono: Samples, length: int) -> Samples:
    padded = np.pad(np.abs(mono), (0, -len(mono) % length))
    return np.asarray(padded.reshape(-1, length).max(axis=1))


def _clipped_samples(block: Samples) -> int:
    """Count samples above full scale, and those that stay at it: a flat top two samples long and more."""
    size = np.abs(block)
    if size.max() < _NEAR_FULL_SCALE:
        return 0
    flat = (np.abs(np.diff(block, axis=0)) < _FLAT) & (size[1:] >= _NEAR_FULL_SCALE)
    return int(np.count_nonzero(flat | (size[1:] > 1.0)))


def _silence(powers: Powers, level: float) -> tuple[int, int]:
    """Return how long it is quiet before and after the speech, in ms."""
    heard = np.flatnonzero(powers > level * 10 ** (-_QUIET_BELOW_SPEECH_DB / 10))
    if len(heard) == 0:
        return 0, 0
    frame_ms = 1_000 // FRAMES_PER_SECOND
    return int(heard[0]) * frame_ms, int(len(powers) - 1 - heard[-1]) * frame_ms


def _noise(powers: Powers) -> float:
    """Estimate the background: the level that one frame in twenty does not exceed, digital silence aside."""
    sounding = powers[powers > _FLOOR]
    return decibels(float(np.percentile(sounding, 5))) if len(sounding) > 0 else decibels(0.0)
