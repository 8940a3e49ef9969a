"""Sounds with known properties, and files of them made by real encoders."""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

Samples = npt.NDArray[np.float32]

# Everything that the encoder at hand writes and that an uploader may bring: container, encoding.
FORMATS = [
    ("wav", "PCM_U8"),
    ("wav", "PCM_16"),
    ("wav", "PCM_24"),
    ("wav", "PCM_32"),
    ("wav", "FLOAT"),
    ("wav", "DOUBLE"),
    ("wav", "ULAW"),
    ("wav", "ALAW"),
    ("wav", "IMA_ADPCM"),
    ("wav", "MS_ADPCM"),
    ("mp3", "MPEG_LAYER_III"),
    ("ogg", "VORBIS"),
    ("ogg", "OPUS"),
    ("flac", "PCM_16"),
    ("flac", "PCM_24"),
]


def tone(*, seconds: float = 1.0, rate: int = 16_000, hz: float = 1_000.0, rms: float = 0.1) -> Samples:
    """Make a sine of this RMS level."""
    at = np.arange(round(seconds * rate)) / rate
    return (rms * math.sqrt(2) * np.sin(2 * np.pi * hz * at)).astype(np.float32)


def speech(*, seconds: float = 3.0, rate: int = 16_000, rms: float = 0.05, seed: int = 7) -> Samples:
    """Make something with the properties of speech that matter here: syllables, pauses, and high peaks.

    Bursts of a voice-like harmonic sound with a formant slope, four a second, with a pause after every fifth.
    """
    random = np.random.default_rng(seed)
    at = np.arange(round(seconds * rate)) / rate
    pitch = 2 * np.pi * np.cumsum(130 + 20 * np.sin(2 * np.pi * 0.7 * at)) / rate
    harmonics = range(1, min(40, int(0.45 * rate / 150)))
    # A throat spreads the phases: in step they would make pulses with a crest that no voice has.
    voice = sum(
        np.cos(number * pitch + random.uniform(0, 2 * np.pi)) / (1 + (number * 130 / 700) ** 2)
        for number in harmonics
    )
    breath = random.normal(0, 0.05, len(at))
    syllable = np.clip(np.sin(2 * np.pi * 4 * at), 0, None) * (np.floor(at * 4) % 6 != 5)
    sound = (voice + breath) * syllable + random.normal(0, 1e-4, len(at))
    return (sound * rms / np.sqrt(np.mean(sound**2))).astype(np.float32)


def write(
    folder: Path, sound: Samples, *, rate: int = 16_000, container: str = "wav", subtype: str | None = None
) -> Path:
    """Encode a sound into a file named after its format."""
    path = folder / f"{container}-{subtype or 'default'}-{rate}.{container}".lower()
    soundfile.write(path, sound, rate, format=container.upper(), subtype=subtype)
    return path
