"""Measure the examination of recordings: `python -m tests.benchmarks.bench_audio`.

Prints, in one run: the time from a 30 s mp3 to its analysis and renditions, beside FFmpeg's two-pass loudnorm of the
same file where FFmpeg is present; the same for a ten-minute master; the child's peak memory; and the error of the
level after rendition, measured by us and, where present, by FFmpeg's ebur128 (which weighs otherwise: only the spread
of its column says something).
"""

import re
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from injections.audio.child import analyse
from injections.audio.limits import DEFAULT_TARGET
from tests.injections.audio.sounds import Samples, speech, tone, write

RATE = 44_100
ROUNDS = 5
FFMPEG = shutil.which("ffmpeg")
WANTED_DBFS = 20 * np.log10(DEFAULT_TARGET.active_speech_rms / 32_767)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short = write(folder, speech(seconds=30.0, rate=RATE, rms=0.1), rate=RATE, container="mp3").rename(
            folder / "short.mp3"
        )
        print_times(short, folder)
        print_long(short, folder)
        print_levels(folder)


def print_times(short: Path, folder: Path) -> None:
    analyse(short, declared_name=short.name, out_dir=folder)
    print(f"30 s mp3, peak memory of the child          {peak_megabytes():6.0f} MB")
    ours, theirs = [], []
    for _ in range(ROUNDS):  # in turn, so that a busy machine slows both
        ours.append(seconds(lambda: analyse(short, declared_name=short.name, out_dir=folder)))
        if FFMPEG is not None:
            theirs.append(seconds(lambda: two_pass_loudnorm(short, folder)))
    print(f"30 s mp3, analysis and renditions    median {statistics.median(ours):6.2f} s of {ROUNDS}")
    if theirs:
        print(f"30 s mp3, FFmpeg loudnorm two-pass   median {statistics.median(theirs):6.2f} s of {ROUNDS}")
        print(
            f"ratio                                       {statistics.median(ours) / statistics.median(theirs):6.2f}"
        )


def print_long(short: Path, folder: Path) -> None:
    sound, _rate = soundfile.read(short, dtype="float32")
    long = write(folder, np.tile(sound, 20), rate=RATE, container="mp3")
    analyse(short, declared_name=None, out_dir=folder)
    for_short = seconds(lambda: analyse(short, declared_name=None, out_dir=folder))
    for_long = seconds(lambda: analyse(long, declared_name=None, out_dir=folder))
    print(
        f"10 min mp3                                  {for_long:6.2f} s, {for_long / for_short:.1f} times the 30 s"
    )
    print(f"10 min mp3, peak memory of the child               {peak_megabytes():6.0f} MB")


def print_levels(folder: Path) -> None:
    print("\nlevel after rendition, error in dB (ours: active speech over 300 Hz)    ebur128, LUFS")
    for label, sound in sounds():
        path = write(folder, sound, rate=RATE)
        analysis = analyse(path, declared_name=None, out_dir=folder)
        errors = [made.active_speech_dbfs - WANTED_DBFS for made in analysis.renditions]
        heard = ebur128(folder / "wav_16k.wav")
        print(f"  {label:24}" + "".join(f"{error:8.2f}" for error in errors) + f"{heard:>28}")


def sounds() -> list[tuple[str, Samples]]:
    lengths = (0.5, 1.0, 3.0, 10.0, 30.0)
    spoken = [(f"speech {length:4} s", speech(seconds=length, rate=RATE, rms=0.02)) for length in lengths]
    tones = [(f"1 kHz tone {length:4} s", tone(seconds=length, rate=RATE, rms=0.3)) for length in lengths]
    return spoken + tones


def seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def peak_megabytes() -> float:
    """Return the largest resident size of any child so far; it only grows, so ask before larger ones run."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1_024


def two_pass_loudnorm(path: Path, folder: Path) -> None:
    said = ffmpeg("-i", path, "-af", "loudnorm=print_format=json", "-f", "null", "-")
    found = dict(re.findall(r'"(input_\w+)" : "([-\d.]+)"', said))
    measured = ":".join(
        f"measured_{ours}={found[theirs]}"
        for ours, theirs in (
            ("I", "input_i"),
            ("TP", "input_tp"),
            ("LRA", "input_lra"),
            ("thresh", "input_thresh"),
        )
    )
    ffmpeg("-i", path, "-af", f"loudnorm={measured}", "-ar", "16000", "-y", folder / "theirs.wav")


def ebur128(path: Path) -> str:
    if FFMPEG is None:
        return "no FFmpeg"
    found = re.findall(r"I:\s+(-?[\d.]+|nan) LUFS", ffmpeg("-i", path, "-af", "ebur128", "-f", "null", "-"))
    return found[-1]


def ffmpeg(*arguments: object) -> str:
    command = [str(FFMPEG), "-nostdin", "-hide_banner", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stderr


if __name__ == "__main__":
    main()
