"""What the telephone plays: level, peaks, fades, form."""

import numpy as np
import pytest
import soundfile
import soxr

from injections.audio.facts import KINDS
from injections.audio.limits import Target
from injections.audio.loudness import TruePeakMeter, speech_level
from injections.audio.rendition import Resampler, level, write_renditions
from tests.injections.audio.sounds import speech, tone

WANTED_DBFS = 20 * np.log10(2_600 / 32_767)
LENGTHS = [0.5, 1.0, 2.9, 10.0, 30.0]


def true_peak(sound, *, rate=8_000):
    """Measure by another way than the product does: the resampler, sixteen times."""
    return 20 * np.log10(np.abs(soxr.resample(sound, rate, 16 * rate, quality="VHQ")).max())


def renditions(sound, folder, *, rate=16_000, target=None):
    resampler = Resampler(sample_rate_hz=rate, channel=None)
    resampler.add(sound if sound.ndim == 2 else sound[:, None])
    return write_renditions(resampler.finish(), folder, target=target or Target())


@pytest.mark.parametrize("seconds", LENGTHS)
@pytest.mark.parametrize("rms", [0.002, 0.05, 0.25])
@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_speech_is_brought_to_the_target_within_one_decibel(seconds, rms, rate):
    levelled = level(speech(seconds=seconds, rms=rms, rate=rate), sample_rate_hz=rate)

    assert speech_level(levelled, sample_rate_hz=rate) == pytest.approx(WANTED_DBFS, abs=1.0)


@pytest.mark.parametrize("seconds", LENGTHS)
@pytest.mark.parametrize("hz", [400, 1_000, 3_000])
def test_a_tone_is_brought_to_the_target_within_one_decibel(seconds, hz):
    levelled = level(tone(seconds=seconds, hz=hz, rms=0.01), sample_rate_hz=16_000)
    middle = levelled[len(levelled) // 4 : -len(levelled) // 4]

    assert 20 * np.log10(np.sqrt(np.mean(middle**2))) == pytest.approx(WANTED_DBFS, abs=1.0)


@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_every_file_keeps_its_true_peak_below_the_limit(tmp_path, seconds):
    sound = speech(seconds=seconds, rate=44_100)
    sound[:: 44_100 // 5] *= 6  # clicks, to make the limiter work

    for made in renditions(sound, tmp_path, rate=44_100):
        played, rate = soundfile.read(tmp_path / made.path, dtype="float32")
        assert true_peak(played, rate=rate) <= -3.0
        assert made.true_peak_dbfs <= -3.0


def test_the_limiter_holds_the_level_of_speech_with_high_peaks():
    sound = speech(seconds=5.0)
    sound[::3_200] += 0.6

    levelled = level(sound, sample_rate_hz=16_000)

    assert speech_level(levelled, sample_rate_hz=16_000) == pytest.approx(WANTED_DBFS, abs=1.0)
    assert true_peak(levelled, rate=16_000) <= -3.0


def test_a_single_click_ends_below_the_limit():
    click = np.zeros(8_000, np.float32)
    click[4_000] = 1.0

    assert true_peak(level(click, sample_rate_hz=8_000)) <= -3.0


def test_a_recording_begins_and_ends_without_a_click():
    levelled = level(tone(seconds=1.0, hz=400), sample_rate_hz=8_000)

    assert np.abs(levelled[:2]).max() < 0.002
    assert np.abs(levelled[-2:]).max() < 0.002
    assert np.abs(levelled[60:]).max() > 0.1


def test_a_constant_offset_is_taken_out():
    levelled = level(speech() + np.float32(0.1), sample_rate_hz=16_000)

    assert abs(levelled.mean()) < 0.001


def test_lead_silence_is_put_before_the_sound(tmp_path):
    for made in renditions(speech(seconds=1.0), tmp_path, target=Target(lead_silence_ms=200)):
        played, rate = soundfile.read(tmp_path / made.path)
        assert made.duration_ms == 1_200
        assert np.abs(played[: rate // 5]).max() < 0.0005


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_file_has_the_form_that_its_kind_says(tmp_path, kind):
    renditions(speech(seconds=1.3, rate=44_100), tmp_path, rate=44_100)

    info = soundfile.info(tmp_path / kind.file_name)

    assert (info.format, info.subtype, info.samplerate, info.channels) == (
        "WAV",
        kind.subtype,
        kind.sample_rate_hz,
        1,
    )
    assert info.frames == pytest.approx(1.3 * kind.sample_rate_hz, abs=1)


def test_the_same_recording_gives_the_same_bytes(tmp_path):
    (tmp_path / "again").mkdir()

    once = renditions(speech(), tmp_path)
    again = renditions(speech(), tmp_path / "again")

    assert [made.sha256 for made in once] == [made.sha256 for made in again]


def test_blocks_are_resampled_without_a_seam():
    sound = speech(seconds=3.0, rate=44_100)[:, None]
    whole, pieces = (Resampler(sample_rate_hz=44_100, channel=None) for _ in range(2))
    whole.add(sound)
    for at in range(0, len(sound), 10_007):
        pieces.add(sound[at : at + 10_007])

    np.testing.assert_allclose(whole.finish()[8_000], pieces.finish()[8_000], atol=1e-5)


def test_a_chosen_channel_is_taken_alone():
    voice = speech(seconds=1.0)
    resampler = Resampler(sample_rate_hz=16_000, channel=1)
    resampler.add(np.stack([-voice, voice], axis=1))

    np.testing.assert_allclose(resampler.finish()[16_000], voice, atol=1e-6)


def test_the_true_peak_meter_agrees_with_a_finer_resampler():
    sound = speech(seconds=2.0)
    meter = TruePeakMeter()
    for at in range(0, len(sound), 5_000):
        meter.add(sound[at : at + 5_000, None])

    assert 20 * np.log10(meter.peak) == pytest.approx(true_peak(sound, rate=16_000), abs=0.1)
