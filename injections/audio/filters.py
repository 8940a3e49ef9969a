"""Linear filters by their frequency response: exact for any rate, and fast without a loop over samples.

numpy has no recursive filter. Ours ring for far less than `HISTORY_SECONDS`, so multiplying overlapping
blocks by the response in the frequency domain (overlap-save) gives what the recursion would, to the
precision of float32.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from injections.audio.probe import Samples

Response = npt.NDArray[np.complex64]

HISTORY_SECONDS: Final = 0.1


_DESIGN_RATE_HZ: Final = 48_000


@dataclass(frozen=True, slots=True)
class Biquad:
    """One second-order section at 48 kHz: numerator b and denominator a in powers of z^-1."""

    b: tuple[float, float, float]
    a: tuple[float, float, float]


# ITU-R BS.1770-4, annex 1, tables 1 and 2.
K_WEIGHTING: Final = (
    Biquad(
        b=(1.53512485958697, -2.69169618940638, 1.19839281085285),
        a=(1.0, -1.69065929318241, 0.73248077421585),
    ),
    Biquad(b=(1.0, -2.0, 1.0), a=(1.0, -1.99004745483398, 0.99007225036621)),
)


def _butterworth_section(hz: float, q: float) -> Biquad:
    """Return a high-pass section by the bilinear transform."""
    k = math.tan(math.pi * hz / _DESIGN_RATE_HZ)
    a0 = 1 + k / q + k * k
    return Biquad(b=(1 / a0, -2 / a0, 1 / a0), a=(1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0))


# The 300 Hz high-pass before which RFC 7874, section 4, measures speech; it leaves the order to us: fourth.
SPEECH_BAND: Final = tuple(_butterworth_section(300.0, q) for q in (0.5411961001461969, 1.3065629648763766))


def response(sections: tuple[Biquad, ...], *, sample_rate_hz: int, length: int) -> Response:
    """Return what chained sections do at the frequencies of a real FFT of `length` points at any sample rate.

    The filters are looked up at their true frequencies rather than designed anew for each rate: a redesigned
    K-weighting is 0.2 dB off at 8 kHz. Above their 24 kHz they stay as they are there: nobody hears that.
    """
    hz = np.minimum(np.fft.rfftfreq(length, 1 / sample_rate_hz), _DESIGN_RATE_HZ / 2)
    z = np.exp(-2j * np.pi * hz / _DESIGN_RATE_HZ)
    total = np.ones_like(z)
    for section in sections:
        total *= np.polyval(section.b[::-1], z) / np.polyval(section.a[::-1], z)
    return np.asarray(total, dtype=np.complex64)


class FilterBank:
    """Send a signal that comes in blocks through several filters at once; what went before is remembered."""

    def __init__(self, *filters: tuple[Biquad, ...], sample_rate_hz: int) -> None:
        self._history = int(HISTORY_SECONDS * sample_rate_hz)
        # One second at a time: blocks of whole seconds leave no rest, and ordinary rates have small factors.
        self._length = self._history + sample_rate_hz
        self._responses = [
            response(sections, sample_rate_hz=sample_rate_hz, length=self._length)[:, None]
            for sections in filters
        ]
        self._past: Samples | None = None

    def __call__(self, block: Samples) -> list[Samples]:
        """Return for each filter the block of shape (samples, channels) filtered; same shape, no delay."""
        if self._past is None:
            # As if the first value had always been there: a constant offset then makes no sound at the start.
            self._past = np.repeat(block[:1], self._history, axis=0)
        joined = np.concatenate([self._past, block])
        self._past = joined[len(joined) - self._history :].copy()
        step = self._length - self._history
        pieces = [self._filter(joined[at : at + self._length]) for at in range(0, len(block), step)]
        return [np.concatenate(filtered) for filtered in zip(*pieces, strict=True)]

    def _filter(self, piece: Samples) -> list[Samples]:
        """Filter one stretch, of which the first `history` samples only serve to begin in the right state."""
        spectrum = np.fft.rfft(piece, n=self._length, axis=0)
        return [
            np.fft.irfft(spectrum * one, n=self._length, axis=0)[self._history : len(piece)].astype(
                np.float32, copy=False
            )
            for one in self._responses
        ]
