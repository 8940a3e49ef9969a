"""The child process: bounded, cut off, and believed only what can be checked."""

import hashlib
import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from injections.audio import child
from injections.audio.facts import KINDS
from injections.audio.limits import AudioLimits
from injections.audio.refusal import AudioRefused
from tests.injections.audio.probing import probe
from tests.injections.audio.sounds import speech, write

ROOT = Path(__file__).resolve().parents[3]


def test_a_good_recording_is_identified_measured_and_levelled(masters, tmp_path):
    analysis = child.analyse(masters["mp3"], declared_name="notice.mp3", out_dir=tmp_path)

    assert analysis.facts == probe(masters["mp3"])
    assert len(analysis.peaks) == 120
    assert analysis.levels.active_speech_dbfs == pytest.approx(-26, abs=4)
    assert [made.kind for made in analysis.renditions] == [kind.name for kind in KINDS]


def test_each_rendition_is_where_and_what_it_is_said_to_be(masters, tmp_path):
    analysis = child.analyse(masters["opus"], declared_name="notice.ogg", out_dir=tmp_path)

    for made in analysis.renditions:
        data = Path(made.path).read_bytes()
        assert Path(made.path).parent == tmp_path
        assert (made.sha256, made.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
        assert made.active_speech_dbfs == pytest.approx(-22.0, abs=1.0)


@pytest.mark.parametrize("seconds", [0.1, 2.0, 2.0005, 2.05, 2.0999, 4.01])
def test_a_recording_may_end_just_after_a_whole_block(tmp_path, seconds):
    path = write(tmp_path, speech(seconds=seconds))

    analysis = child.analyse(path, declared_name="notice.wav", out_dir=tmp_path)

    assert analysis.facts.frames == round(seconds * 16_000)
    assert {made.duration_ms for made in analysis.renditions} == {analysis.facts.duration_ms}


def test_nothing_but_the_renditions_is_left(masters, tmp_path):
    child.analyse(masters["wav"], declared_name="notice.wav", out_dir=tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {kind.file_name for kind in KINDS}


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (b"", "notice.wav", "empty"),
        (b"not a recording", "notice.wav", "not_audio"),
    ],
)
def test_a_refusal_reaches_the_caller_and_leaves_nothing_behind(changed, tmp_path, data, name, code):
    (tmp_path / "out").mkdir()

    with pytest.raises(AudioRefused) as refusal:
        child.analyse(changed(data), declared_name=name, out_dir=tmp_path / "out")

    assert refusal.value.code == code
    assert list((tmp_path / "out").iterdir()) == []


def test_a_silent_recording_is_refused(tmp_path):
    with pytest.raises(AudioRefused, match="Nothing can be heard"):
        child.analyse(write(tmp_path, np.zeros(16_000, np.float32)), declared_name=None, out_dir=tmp_path)


def test_a_wrong_extension_is_refused(masters, tmp_path):
    with pytest.raises(AudioRefused, match="what it holds is flac"):
        child.analyse(masters["flac"], declared_name="notice.mp3", out_dir=tmp_path)


def test_a_child_that_takes_too_long_is_ended(masters, tmp_path):
    with pytest.raises(AudioRefused) as refusal:
        child.analyse(
            masters["wav"], declared_name=None, out_dir=tmp_path, limits=AudioLimits(wall_seconds=0.01)
        )

    assert refusal.value.code == "analysis_timeout"
    assert list(tmp_path.iterdir()) == []


def test_a_child_that_computes_too_long_is_ended_by_the_system_and_told_as_such(
    masters, tmp_path, monkeypatch
):
    program = """
        import sys; sys.path.insert(0, sys.argv[1])
        from injections.audio.confinement import confine
        from injections.audio.limits import AudioLimits
        confine(AudioLimits(cpu_seconds=1))
        while True: pass
    """
    monkeypatch.setattr(child, "_PROGRAM", textwrap.dedent(program))

    with pytest.raises(AudioRefused) as refusal:
        child.analyse(masters["wav"], declared_name=None, out_dir=tmp_path)

    assert refusal.value.code == "analysis_timeout"


def test_a_flac_full_of_frame_beginnings_costs_no_more_than_another(masters, changed, tmp_path):
    data = bytearray(masters["flac"].read_bytes()[:-2])
    largest_block, largest_frame = slice(10, 12), slice(15, 18)
    data[largest_block], data[largest_frame] = b"\xff" * 2, b"\xff" * 3
    path = changed(bytes(data) + b"\xff\xf8" * 1_000_000 + b"\1")

    with pytest.raises(AudioRefused) as refusal:
        child.analyse(path, declared_name=None, out_dir=tmp_path, limits=AudioLimits(cpu_seconds=8))

    # Not `analysis_timeout`. Of so many beginnings, one may have the right 16 bits of checksum by chance.
    assert refusal.value.code in {"truncated", "damaged"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's end")
def test_the_child_dies_with_its_parent(masters, tmp_path):
    note = tmp_path / "pid"
    slow = f"""
        import sys; sys.path.insert(0, sys.argv[1])
        import os, pathlib, time
        from injections.audio.confinement import confine
        from injections.audio.limits import AudioLimits
        confine(AudioLimits())
        pathlib.Path({str(note)!r}).write_text(f"{{os.getpid()}}.")
        time.sleep(30)
    """
    program = f"""
        import sys; sys.path.insert(0, {str(ROOT)!r})
        from pathlib import Path
        from injections.audio import child
        child._PROGRAM = {textwrap.dedent(slow)!r}
        child.analyse(Path({str(masters["wav"])!r}), declared_name=None, out_dir=Path({str(tmp_path)!r}))
    """
    parent = subprocess.Popen([sys.executable, "-I", "-c", textwrap.dedent(program)])
    try:
        wait_until(lambda: note.exists() and note.read_text().endswith("."))
    finally:
        parent.kill()
        parent.wait()

    wait_until(lambda: not is_running(int(note.read_text()[:-1])))


def is_running(pid):
    """Say whether a process exists and is not merely waiting for somebody to ask how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def test_a_child_without_enough_memory_is_a_refusal(masters, tmp_path):
    with pytest.raises(AudioRefused) as refusal:
        child.analyse(
            masters["wav"],
            declared_name=None,
            out_dir=tmp_path,
            limits=AudioLimits(address_space_bytes=30_000_000),
        )

    assert refusal.value.code in {"analysis_failed", "decompression_bomb"}


def test_a_child_that_may_not_write_so_much_is_a_refusal(masters, tmp_path):
    with pytest.raises(AudioRefused):
        child.analyse(
            masters["wav"], declared_name=None, out_dir=tmp_path, limits=AudioLimits(written_bytes=4_096)
        )

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "program",
    [
        "import os; os.abort()",
        "import sys; sys.exit(3)",
        "pass",
        "import os; os.kill(os.getpid(), 11)",
        "open('result.json', 'w').write('{')",
        "import os; os.mkfifo('result.json')",
        "import os; os.symlink('/etc/passwd', 'result.json')",
        "open('result.json', 'w').write('[]')",
        "open('result.json', 'w').write('{\"analysis\": {}}')",
        'open(\'result.json\', \'w\').write(\'{"refused": {"code": "made_up", "message": "x"}}\')',
        "open('result.json', 'w').write('[' * 1_000_000)",
    ],
)
def test_whatever_becomes_of_the_child_is_a_refusal(masters, tmp_path, monkeypatch, program):
    monkeypatch.setattr(child, "_PROGRAM", program)

    with pytest.raises(AudioRefused) as refusal:
        child.analyse(masters["wav"], declared_name=None, out_dir=tmp_path)

    assert refusal.value.code == "analysis_failed"
    assert list(tmp_path.iterdir()) == []


def test_why_the_child_died_is_in_the_log_on_one_line(masters, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(child, "_PROGRAM", "import sys; sys.exit('x' * 100_000 + '\\nthe decoder\\nbroke')")

    with pytest.raises(AudioRefused):
        child.analyse(masters["wav"], declared_name=None, out_dir=tmp_path)

    assert "ended with status 1" in caplog.text
    assert r"\nthe decoder\nbroke" in caplog.text
    assert len(caplog.text.splitlines()) == 1
    assert len(caplog.text) < 2_000


@pytest.mark.parametrize(
    "lie",
    [
        "a['renditions'][0]['path'] = '../../stolen.wav'",
        "a['renditions'][0]['sha256'] = '0' * 64",
        "a['facts']['sha256'] = '0' * 64",
        "a['facts']['container'] = '../../stolen'",
        "a['facts']['frames'] = '9'",
        "a['facts']['frames'] = True",
        "a['facts']['extra'] = 1",
        "a['levels']['noise_dbfs'] = float('nan')",
        "a['peaks'][0] = 101",
        "a['renditions'].pop()",
        "import os; os.remove('wav_8k.wav'); os.symlink('/etc/hostname', 'wav_8k.wav')",
    ],
)
def test_a_child_that_lies_is_not_believed(masters, tmp_path, monkeypatch, lie):
    monkeypatch.setattr(child, "_PROGRAM", saying(lie))

    with pytest.raises(AudioRefused) as refusal:
        child.analyse(masters["wav"], declared_name=None, out_dir=tmp_path)

    assert refusal.value.code == "analysis_failed"


def test_a_child_that_says_something_else_that_could_be_so_is_believed(masters, tmp_path, monkeypatch):
    # Or the lies above could be refused for how they are told.
    monkeypatch.setattr(child, "_PROGRAM", saying("a['levels']['noise_dbfs'] = -77"))

    analysis = child.analyse(masters["wav"], declared_name=None, out_dir=tmp_path)

    assert analysis.levels.noise_dbfs == -77.0


def saying(change):
    """Make a child that examines as usual, then changes what it found."""
    program = f"""
        {child._PROGRAM}
        import json
        r = json.load(open('result.json')); a = r['analysis']
        {change}
        json.dump(r, open('result.json', 'w'))
    """
    return textwrap.dedent(program)


def test_the_child_sees_none_of_the_secrets_of_its_parent(masters, tmp_path, monkeypatch):
    monkeypatch.setenv("GENESYS_CLIENT_SECRET", "s3cret")
    spy = tmp_path / "seen.json"
    monkeypatch.setattr(
        child, "_PROGRAM", f"import json, os; json.dump(dict(os.environ), open({str(spy)!r}, 'w'))"
    )

    with pytest.raises(AudioRefused):
        child.analyse(masters["wav"], declared_name=None, out_dir=tmp_path)

    assert "GENESYS_CLIENT_SECRET" not in json.loads(spy.read_text())


def test_the_child_cannot_reach_the_network_where_the_system_lets_it_be_cut_off(tmp_path):
    program = textwrap.dedent(
        f"""
        import socket, sys
        sys.path.insert(0, {str(ROOT)!r})
        from injections.audio.confinement import confine
        from injections.audio.limits import AudioLimits
        server = socket.create_server(("127.0.0.1", 0))
        is_cut_off = confine(AudioLimits())
        try:
            socket.create_connection(server.getsockname(), timeout=2).close()
            print("reached" if is_cut_off else "not cut off")
        except OSError:
            print("refused")
        """
    )
    said = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=20, check=True
    )

    assert said.stdout.strip() in {"refused", "not cut off"}


def test_neither_the_portal_nor_the_child_loads_what_the_other_needs():
    program = textwrap.dedent(
        f"""
        import sys
        sys.path.insert(0, {str(ROOT)!r})
        import injections.audio.child
        assert not {{"numpy", "soundfile", "soxr"}} & set(sys.modules), "the portal loads the decoders"
        import injections.audio.analysis, injections.audio.worker
        assert not {{"django", "celery", "requests"}} & set(sys.modules), "the child loads the portal"
        """
    )
    subprocess.run([sys.executable, "-I", "-c", program], check=True, timeout=20)


def test_a_recording_of_ten_minutes_fits_into_the_limits(tmp_path):
    path = write(tmp_path, np.tile(speech(seconds=20.0, rate=22_050), 30), rate=22_050, container="mp3")

    analysis = child.analyse(path, declared_name="master.mp3", out_dir=tmp_path)

    assert analysis.facts.duration_ms == 600_000
    assert {made.duration_ms for made in analysis.renditions} == {600_000}
