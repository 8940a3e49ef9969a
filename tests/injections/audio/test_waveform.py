"""The picture of a recording."""

import numpy as np
import pytest

from injections.audio.waveform import bars


@pytest.mark.parametrize("length", [1, 7, 119, 120, 121, 4_000])
def test_there_are_as_many_bars_as_asked_for_whatever_the_length(length):
    assert len(bars(np.ones(length, np.float32))) == 120


def test_the_loudest_bar_is_100_however_quiet_the_recording():
    assert max(bars(np.array([0.0, 0.001, 0.0005], np.float32), count=3)) == 100


def test_heights_follow_the_sound():
    assert bars(np.array([0.1, 0.1, 0.4, 0.2, 0.0, 0.0], np.float32), count=3) == [25, 100, 0]


def test_silence_is_flat():
    assert set(bars(np.zeros(400, np.float32))) == {0}
