"""How loud a recording is, against an independent meter and against arithmetic."""

import warnings

import numpy as np
import pyloudnorm
import pytest

from injections.audio.limits import AudioLimits
from injections.audio.loudness import LevelMeter, refuse_unusable, speech_level
from injections.audio.refusal import AudioRefused
from tests.injections.audio.sounds import speech, tone


def measured(sound, *, rate=16_000, block_seconds=2.0):
    block = int(block_seconds * rate)
    sound = sound if sound.ndim == 2 else sound[:, None]
    meter = LevelMeter(sample_rate_hz=rate, channels=sound.shape[1])
    for at in range(0, len(sound), block):
        meter.add(sound[at : at + block])
    return meter


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_integrated_loudness_agrees_with_an_independent_meter(rate):
    sound = np.concatenate([speech(seconds=5.0, rate=rate), 0.05 * speech(seconds=3.0, rate=rate, seed=3)])

    expected = pyloudnorm.Meter(rate).integrated_loudness(sound.astype(np.float64))

    assert measured(sound, rate=rate).levels().integrated_lufs == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("channels", [2, 5])
def test_integrated_loudness_of_several_channels_agrees_with_an_independent_meter(channels):
    sound = np.stack([speech(seconds=4.0, rate=48_000, seed=seed) for seed in range(channels)], axis=1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = pyloudnorm.Meter(48_000).integrated_loudness(sound.astype(np.float64))

    assert measured(sound, rate=48_000).levels().integrated_lufs == pytest.approx(expected, abs=0.1)


def test_the_reference_tone_of_the_recommendation_has_its_loudness():
    # BS.1770-4: a 997 Hz sine at 0 dBFS in one channel reads -3.01 LUFS.
    sound = tone(seconds=5.0, rate=48_000, hz=997, rms=1 / np.sqrt(2))

    assert measured(sound, rate=48_000).levels().integrated_lufs == pytest.approx(-3.01, abs=0.02)


@pytest.mark.parametrize("seconds", [0.1, 0.25, 0.39])
def test_a_recording_shorter_than_a_gating_block_has_a_loudness(seconds):
    sound = tone(seconds=seconds, rate=48_000, hz=997, rms=0.1)

    assert measured(sound, rate=48_000).levels().integrated_lufs == pytest.approx(-20.0, abs=0.5)


def test_an_rms_of_2600_is_minus_19_dbm0():
    levels = measured(tone(seconds=2.0, rms=2_600 / 32_767)).levels()

    assert levels.active_speech_dbm0 == pytest.approx(-19.0, abs=0.05)
    assert levels.active_speech_dbfs == pytest.approx(-22.01, abs=0.05)


def test_pauses_do_not_count_for_the_active_level():
    talk = tone(seconds=2.0, rms=0.1)
    with_pauses = np.concatenate([np.zeros(32_000, np.float32), talk, np.zeros(64_000, np.float32)])

    levels = measured(with_pauses).levels()

    assert levels.active_speech_dbfs == pytest.approx(-20.0, abs=0.5)
    assert levels.activity_share == pytest.approx(2.2 / 8.0, abs=0.03)


def test_hum_below_300_hz_does_not_count_for_the_active_level():
    voice, hum = tone(seconds=3.0, rms=0.05), tone(seconds=3.0, hz=50, rms=0.3)

    assert measured(voice + hum).levels().active_speech_dbfs == pytest.approx(-26.0, abs=0.1)


def test_the_size_of_the_blocks_makes_no_difference():
    noise = np.random.default_rng(1).normal(0, 0.001, 84_800).astype(np.float32)
    sound = speech(seconds=5.3) + noise

    assert measured(sound, block_seconds=2.0).levels() == measured(sound, block_seconds=10.0).levels()


@pytest.mark.parametrize("phase", [0.0, 0.3, np.pi / 4])
def test_the_true_peak_lies_between_the_samples(phase):
    # At a quarter of the rate the samples can miss the crest by 3 dB.
    at = np.arange(16_000)
    sound = (0.5 * np.sin(np.pi / 2 * at + phase) * np.hanning(16_000)).astype(np.float32)

    assert measured(sound).levels().true_peak_dbfs == pytest.approx(-6.02, abs=0.1)


def test_overdriven_speech_is_found_and_its_share_told():
    levels = measured(np.clip(speech(rms=0.5), -1, 1)).levels()

    assert 0.01 < levels.clipping_share < 0.5


@pytest.mark.parametrize("rms", [0.05, 0.12])
def test_clean_speech_has_no_clipping(rms):
    assert measured(speech(rms=rms)).levels().clipping_share == 0.0


def test_a_loud_clean_tone_is_not_taken_for_clipping():
    assert measured(tone(rms=0.999 / np.sqrt(2), rate=48_000), rate=48_000).levels().clipping_share < 0.01


def test_a_constant_offset_is_found():
    assert measured(speech() + np.float32(0.02)).levels().dc_offset == pytest.approx(0.02, abs=1e-3)


def test_silence_before_and_after_is_measured():
    def quiet(seconds):
        return np.zeros(int(seconds * 16_000), np.float32)

    levels = measured(np.concatenate([quiet(0.7), tone(seconds=1.0), quiet(1.2)])).levels()

    assert (levels.head_silence_ms, levels.tail_silence_ms) == (
        pytest.approx(700, abs=20),
        pytest.approx(1_200, abs=20),
    )


def test_the_noise_between_the_words_is_estimated():
    noise = np.random.default_rng(1).normal(0, 0.001, 64_000).astype(np.float32)
    words = np.concatenate([tone(seconds=1.0), np.zeros(16_000, np.float32)] * 2)

    assert measured(words + noise).levels().noise_dbfs == pytest.approx(-60.0, abs=2.0)


def test_channels_in_opposite_phase_are_not_averaged_away():
    voice = speech()
    meter = measured(np.stack([voice, -voice], axis=1))

    assert meter.best_channel() == 0
    assert meter.levels().active_speech_dbfs == pytest.approx(
        measured(voice).levels().active_speech_dbfs, abs=0.01
    )


@pytest.mark.parametrize("second", [0.0, 1.0])
def test_ordinary_stereo_is_averaged(second):
    voice = speech()

    assert measured(np.stack([voice, voice * np.float32(second)], axis=1)).best_channel() is None


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(32_000, np.float32),
        np.full(32_000, 0.5, np.float32),
        tone(rms=0.0005),
        tone(hz=20, rms=0.2),
    ],
    ids=["nothing", "a constant", "a whisper", "a rumble"],
)
def test_what_a_caller_could_not_hear_is_refused_as_silent(sound):
    with pytest.raises(AudioRefused) as refusal:
        refuse_unusable(measured(sound).levels(), limits=AudioLimits())

    assert refusal.value.code == "silent"


def test_what_is_overdriven_beyond_repair_is_refused():
    with pytest.raises(AudioRefused) as refusal:
        refuse_unusable(measured(np.clip(speech(rms=2.0), -1, 1)).levels(), limits=AudioLimits())

    assert refusal.value.code == "clipped"


def test_the_speech_level_of_a_signal_is_that_of_its_file():
    sound = speech()

    assert speech_level(sound, sample_rate_hz=16_000) == pytest.approx(
        measured(sound).levels().active_speech_dbfs, abs=0.01
    )
