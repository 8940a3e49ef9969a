"""A recording as a picture: a row of bars that a page draws as an SVG path."""

from itertools import pairwise

import numpy as np

from injections.audio.probe import Samples

DEFAULT_BARS = 120
_TALLEST = 100


def bars(peaks: Samples, *, count: int = DEFAULT_BARS) -> list[int]:
    """Reduce a row of non-negative peaks to `count` integers from 0 to 100, the loudest being 100.

    Heights are relative to the recording's own peak, so that a quiet recording can still be read.
    """
    edges = np.linspace(0, len(peaks), count + 1)
    tallest = max(float(peaks.max()), 1e-9)
    return [
        round(float(peaks[int(start) : max(int(stop), int(start) + 1)].max()) / tallest * _TALLEST)
        for start, stop in pairwise(edges)
    ]
