"""Linear filters by their frequency response: exact for any rate, and fast without a loop over samples.

numpy has no recursive filter. Ours ring for far less than `HISTORY_SECONDS`, so multiplying overlapping
blocks by the response in the frequency domain (overlap-save) gives what the recursion would, to the
precision of float32.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from injections.audio.probe import Samples

Response = npt.NDArray[np.complex64]

HISTORY_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Biquad:
    """One second-order section: numerator b and denominator a in powers of z^-1."""

    b: tuple[float, float, float]
    a: tuple[float, float, float]


def response(sections: tuple[Biquad, ...], *, length: int) -> Response:
    """Return the response of chained sections at the frequencies of a real FFT of `length` points."""
    z = np.exp(-2j * np.pi * np.arange(length // 2 + 1) / length)
    total = np.ones_like(z)
    for section in sections:
        total *= np.polyval(section.b[::-1], z) / np.polyval(section.a[::-1], z)
    return np.asarray(total, dtype=np.complex64)


class BlockFilter:
    """Filter a signal that comes in blocks of shape (samples, channels); what went before is remembered."""

    def __init__(self, sections: tuple[Biquad, ...], *, sample_rate_hz: int, channels: int) -> None:
        self._history = int(HISTORY_SECONDS * sample_rate_hz)
        self._length = 1 << (4 * self._history - 1).bit_length()
        self._response = response(sections, length=self._length)[:, None]
        self._past: Samples = np.zeros((self._history, channels), dtype=np.float32)

    def __call__(self, block: Samples) -> Samples:
        """Return the filtered block; same shape, no delay."""
        step = self._length - self._history
        return np.concatenate([self._filter(block[at : at + step]) for at in range(0, len(block), step)])

    def _filter(self, piece: Samples) -> Samples:
        joined = np.concatenate([self._past, piece])
        self._past = joined[len(joined) - self._history :]
        spectrum = np.fft.rfft(joined, n=self._length, axis=0)
        spectrum *= self._response
        filtered = np.fft.irfft(spectrum, n=self._length, axis=0)
        return filtered[self._history : len(joined)].astype(np.float32, copy=False)


def k_weighting(sample_rate_hz: int) -> tuple[Biquad, ...]:
    """Return the two sections of ITU-R BS.1770-4, annex 1, for any rate.

    The Recommendation prints coefficients for 48 kHz only. These are the analogue prototypes behind them
    (S. Mansbridge, S. Finn, J. Reiss, AES 2012), transformed bilinearly: at 48 kHz they equal the printed
    ones to eight digits.
    """
    k = np.tan(np.pi * 1681.974450955533 / sample_rate_hz)
    q, gain = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    band = gain**0.4996667741545416
    a0 = 1 + k / q + k * k
    shelf = Biquad(
        b=((gain + band * k / q + k * k) / a0, 2 * (k * k - gain) / a0, (gain - band * k / q + k * k) / a0),
        a=(1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0),
    )
    k, q = np.tan(np.pi * 38.13547087602444 / sample_rate_hz), 0.5003270373238773
    a0 = 1 + k / q + k * k
    high_pass = Biquad(b=(1.0, -2.0, 1.0), a=(1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0))
    return shelf, high_pass


def speech_band(sample_rate_hz: int) -> tuple[Biquad, ...]:
    """Return the 300 Hz high-pass before which RFC 7874, section 4, measures (Butterworth, order 4)."""
    k = np.tan(np.pi * 300.0 / sample_rate_hz)
    sections = []
    for q in (0.5411961001461969, 1.3065629648763766):
        a0 = 1 + k / q + k * k
        sections.append(
            Biquad(b=(1 / a0, -2 / a0, 1 / a0), a=(1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0))
        )
    return tuple(sections)
