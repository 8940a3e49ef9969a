"""What a recording is, found by decoding all of it."""

import hashlib
import subprocess

import numpy as np
import pytest
import soundfile

from injections.audio.limits import AudioLimits
from injections.audio.probe import check_extension
from injections.audio.refusal import AudioRefused
from tests.injections.audio.probing import probe
from tests.injections.audio.sounds import FORMATS, speech, tone, write
from tests.support.needs import binary


@pytest.mark.parametrize(("container", "subtype"), FORMATS)
def test_every_encoding_is_identified_by_its_bytes(tmp_path, container, subtype):
    facts = probe(write(tmp_path, speech(seconds=1.0), container=container, subtype=subtype))

    assert facts.container == container
    assert facts.duration_ms == pytest.approx(1_000, abs=70)  # block codecs fill their last block


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_rate_and_channels_are_those_of_the_recording(tmp_path, rate, channels):
    sound = np.stack([tone(rate=rate, seconds=0.3)] * channels, axis=1)

    facts = probe(write(tmp_path, sound, rate=rate))

    assert (facts.sample_rate_hz, facts.channels, facts.frames) == (rate, channels, len(sound))


def test_the_digest_and_size_are_those_of_the_file(masters):
    facts = probe(masters["mp3"])

    data = masters["mp3"].read_bytes()
    assert (facts.sha256, facts.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))


@pytest.mark.parametrize("kind", ["wav", "mp3", "vorbis", "opus", "flac"])
def test_the_exact_duration_is_that_of_the_original_sound(masters, kind):
    assert probe(masters[kind]).duration_ms == 600


@pytest.mark.parametrize(
    ("arguments", "codec"),
    [
        (["-c:a", "libmp3lame", "-q:a", "5", "a.mp3"], "mp3"),
        (["-c:a", "libmp3lame", "-b:a", "128k", "-write_xing", "0", "a.mp3"], "mp3"),
        (
            [
                "-c:a",
                "libmp3lame",
                "-id3v2_version",
                "4",
                "-metadata",
                "title=Aviso",
                "-write_id3v1",
                "1",
                "a.mp3",
            ],
            "mp3",
        ),
        (["-c:a", "libvorbis", "-ac", "2", "a.ogg"], "vorbis"),
        (["-c:a", "libopus", "a.ogg"], "opus"),
        (["-c:a", "flac", "a.flac"], "flac"),
        (["-c:a", "pcm_s24le", "-metadata", "title=Aviso", "a.wav"], "pcm_s24"),
        (["-c:a", "pcm_mulaw", "-ar", "8000", "a.wav"], "mulaw"),
    ],
)
def test_what_another_encoder_wrote_is_accepted(tmp_path, masters, arguments, codec):
    encoder = binary("ffmpeg", install="ffmpeg")
    path = tmp_path / arguments[-1]
    subprocess.run(
        [encoder, "-v", "error", "-i", masters["wav"], *arguments[:-1], path], check=True, timeout=20
    )

    assert probe(path, declared_name=path.name).codec == codec


@pytest.mark.parametrize("name", ["notice.flac", "notice.wav"])
def test_a_container_that_is_not_taken_is_refused_however_it_is_named(masters, name):
    limits = AudioLimits(containers=("wav", "mp3", "ogg"))

    with pytest.raises(AudioRefused, match="FLAC is not a format that can be used here") as refusal:
        probe(masters["flac"], declared_name=name, limits=limits)

    assert refusal.value.code == "unsupported_format"


@pytest.mark.parametrize("name", ["notice.wav", "notice.WAV", "my.mp3.wav"])
def test_a_name_that_agrees_is_accepted(name):
    check_extension(name, container="wav")


@pytest.mark.parametrize(
    "name",
    ["notice.mp3", "notice.wavX", "xwav", "notice.wav.exe", "notice.wav\0", "notice.", "wav", ".wav", ""],
)
def test_a_name_that_disagrees_is_refused(name):
    with pytest.raises(AudioRefused) as refusal:
        check_extension(name, container="wav")

    assert refusal.value.code == "wrong_extension"


def test_the_refusal_of_a_wrong_name_says_what_the_file_is(masters):
    with pytest.raises(AudioRefused, match=r"named \.wav, but what it holds is mp3.*end in \.mp3"):
        probe(masters["mp3"], declared_name="notice.wav")


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (AudioLimits(max_bytes=1_000), "too_big"),
        (AudioLimits(max_duration_ms=500), "too_long"),
        (AudioLimits(max_duration_ms=50), "decompression_bomb"),
        (AudioLimits(max_samples=1_000), "decompression_bomb"),
        (AudioLimits(min_duration_ms=700), "too_short"),
        (AudioLimits(min_rate_hz=22_050), "unsupported_codec"),
    ],
)
def test_a_recording_beyond_a_limit_is_refused(masters, limits, code):
    with pytest.raises(AudioRefused) as refusal:
        probe(masters["wav"], limits=limits)

    assert refusal.value.code == code


def test_hours_of_silence_in_a_small_file_are_a_bomb(tmp_path):
    path = tmp_path / "bomb.flac"
    with soundfile.SoundFile(path, "w", samplerate=8_000, channels=1, format="FLAC") as file:
        hour = np.zeros(8_000 * 3_600, dtype=np.int16)
        for _ in range(2):
            file.write(hour)
    assert path.stat().st_size < 2_000_000

    with pytest.raises(AudioRefused) as refusal:
        probe(path)

    assert refusal.value.code == "decompression_bomb"


def test_an_mp3_that_would_be_decoded_only_in_part_is_refused(tmp_path):
    whisper_then_noise = np.concatenate([tone(seconds=8.0, rms=0.001), speech(seconds=4.0, rms=0.2)])
    path = tmp_path / "variable.mp3"
    soundfile.write(path, whisper_then_noise, 16_000, format="MP3", bitrate_mode="VARIABLE")
    data = path.read_bytes()
    header_end = data.index(data[:2], 4)
    assert b"Xing" in data[:header_end]
    path.write_bytes(data[header_end:])

    with pytest.raises(AudioRefused, match="decodes only in part"):
        probe(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_numbers_that_are_no_sound_are_refused(tmp_path, value):
    sound = tone()
    sound[500] = value

    with pytest.raises(AudioRefused) as refusal:
        probe(write(tmp_path, sound, subtype="FLOAT"))

    assert refusal.value.code == "damaged"
