"""Files damaged at random: each is either a valid recording or a refusal; never a crash, a hang, or a rest.

`AUDIO_FUZZ_FILES=500` tries that many instead of a few dozen; `AUDIO_FUZZ_SEED` chooses others.
"""

import os
import resource

import numpy as np
import pytest

from injections.audio import child
from injections.audio.facts import KINDS
from injections.audio.refusal import SENTENCES, AudioRefused

COUNT = int(os.environ.get("AUDIO_FUZZ_FILES", "40"))
SEED = int(os.environ.get("AUDIO_FUZZ_SEED", "2026"))
MASTERS = ["wav", "mp3", "vorbis", "opus", "flac"]
EXTENSIONS = {"vorbis": "ogg", "opus": "ogg"}
LONGEST_S = 5.0


def flip_bytes(data, random):
    for at in random.integers(0, len(data), size=int(random.integers(1, 20))):
        data[at] ^= int(random.integers(1, 256))
    return data


def flip_header(data, random):
    for at in random.integers(0, min(200, len(data)), size=int(random.integers(1, 4))):
        data[at] = int(random.choice([0, 1, 0x7F, 0x80, 0xFF]))
    return data


def cut(data, random):
    return data[: int(random.integers(1, len(data)))]


def remove_middle(data, random):
    at = int(random.integers(0, len(data)))
    return data[:at] + data[at + int(random.integers(1, 500)) :]


def repeat_middle(data, random):
    at = int(random.integers(0, len(data)))
    return data[:at] + data[at : at + int(random.integers(1, 500))] + data[at:]


def insert_noise(data, random):
    at = int(random.integers(0, len(data) + 1))
    return data[:at] + random.bytes(int(random.integers(1, 500))) + data[at:]


def zero_middle(data, random):
    at, length = int(random.integers(0, len(data))), int(random.integers(1, 2_000))
    data[at : at + length] = bytes(len(data[at : at + length]))
    return data


def _cpu_seconds_of_children():
    # Not the wall clock: other work on the machine is no fault of the file's. What waits is ended by the parent.
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


DAMAGES = [flip_bytes, flip_header, cut, remove_middle, repeat_middle, insert_noise, zero_middle]


def outcome(path, name, out):
    try:
        child.analyse(path, declared_name=name, out_dir=out)
    except AudioRefused as refusal:
        return refusal.code
    return "valid"


@pytest.mark.parametrize("number", range(COUNT))
def test_a_damaged_file_is_valid_or_refused_and_leaves_nothing(masters, tmp_path, number):
    random = np.random.default_rng([SEED, number])
    kind, damage = MASTERS[number % len(MASTERS)], DAMAGES[number % len(DAMAGES)]
    path = tmp_path / "damaged.bin"
    path.write_bytes(bytes(damage(bytearray(masters[kind].read_bytes()), random)))
    out = tmp_path / "out"
    out.mkdir()
    used_before = _cpu_seconds_of_children()

    code = outcome(path, f"x.{EXTENSIONS.get(kind, kind)}", out)

    # `analysis_failed` would be a crash of the decoder that our own checks let through.
    assert code in {"valid"} | SENTENCES.keys() - {"analysis_failed", "analysis_timeout"}
    left = {made.name for made in out.iterdir()}
    assert left == ({kind.file_name for kind in KINDS} if code == "valid" else set())
    assert _cpu_seconds_of_children() - used_before < LONGEST_S
