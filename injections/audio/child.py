"""Examine an untrusted recording in a child process that can harm nothing, and check what it says."""

import dataclasses
import hashlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any, Final

from injections.audio.facts import Analysis, RenditionFacts, analysis_from
from injections.audio.limits import DEFAULT_LIMITS, DEFAULT_TARGET, AudioLimits, Target
from injections.audio.refusal import LONGEST_MESSAGE, SENTENCES, AudioRefused, refused

log = logging.getLogger(__name__)
_ROOT: Final = str(Path(__file__).resolve().parents[2])
_PROGRAM: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); from injections.audio.worker import main; main()"
)
_RESULT: Final = "result.json"
_LARGEST_RESULT: Final = 100_000
_LONGEST_COMPLAINT: Final = 1_000
# One thread each: more would only reserve address space, and a process with threads gets no namespace of
# its own.
_ENVIRONMENT: Final = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "LC_ALL": "C.UTF-8",
}


def analyse(
    path: Path,
    *,
    declared_name: str | None,
    out_dir: Path,
    limits: AudioLimits = DEFAULT_LIMITS,
    target: Target = DEFAULT_TARGET,
) -> Analysis:
    """Identify, measure and level the recording at `path`; leave its renditions in `out_dir`.

    `declared_name` is the name under which it was uploaded: its extension must agree with what is found. On
    success `out_dir` holds `<kind>.wav` for each rendition, replacing older ones; on refusal nothing is
    left in it. Blocks for at most `limits.wall_seconds`: never call it inside a transaction.

    Raises:
        AudioRefused: the recording must not be used; also when the child process dies (`analysis_failed`) or
            takes too long (`analysis_timeout`), since only the file can be the cause.
        OSError: `path` cannot be read, or `out_dir` cannot be written.
    """
    expected = _digest(path)
    work = Path(tempfile.mkdtemp(prefix=".analysis-", dir=out_dir))
    try:
        _run(_request(path, declared_name, work, limits, target), work, limits)
        analysis = _checked(_result(work), work, expected, limits)
        return _move_renditions(analysis, work, out_dir)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _request(path: Path, declared_name: str | None, work: Path, limits: AudioLimits, target: Target) -> bytes:
    return json.dumps(
        {
            "path": str(path.resolve()),
            "declared_name": declared_name,
            "folder": str(work.resolve()),
            "result": str(work.resolve() / _RESULT),
            "limits": dataclasses.asdict(limits),
            "target": dataclasses.asdict(target),
        }
    ).encode()


def _run(request: bytes, work: Path, limits: AudioLimits) -> None:
    with tempfile.TemporaryFile() as said:
        status = _status(request, work, limits, said)
        if status == -signal.SIGXCPU:
            raise refused("analysis_timeout")
        if status != 0:
            # It may be the file's fault or ours: the uploader learns that it failed, the operator why.
            log.warning("examining a recording ended with status %s: %r", status, _end_of(said))
            raise refused("analysis_failed")


def _status(request: bytes, work: Path, limits: AudioLimits, said: IO[bytes]) -> int:
    process = subprocess.Popen(
        [sys.executable, "-I", "-B", "-c", _PROGRAM, _ROOT],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=said,
        cwd=work,
        env=_ENVIRONMENT,
        start_new_session=True,
    )
    try:
        process.communicate(request, timeout=limits.wall_seconds)
    except subprocess.TimeoutExpired:
        raise refused("analysis_timeout") from None
    finally:
        _end(process)
    return process.returncode


def _end_of(said: IO[bytes]) -> str:
    size = said.seek(0, os.SEEK_END)
    said.seek(max(0, size - _LONGEST_COMPLAINT))
    return said.read().decode("utf-8", "replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _result(work: Path) -> dict[str, Any]:
    """Read what the child wrote, as data from a stranger: bounded, and only what has the expected form."""
    try:
        # No link, and no pipe that would make us wait for ever.
        descriptor = os.open(work / _RESULT, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            result = json.loads(file.read(_LARGEST_RESULT) or b"")
    except (OSError, ValueError, RecursionError):
        raise refused("analysis_failed") from None
    if not isinstance(result, dict):
        raise refused("analysis_failed")
    return result


def _checked(result: dict[str, Any], work: Path, expected: str, limits: AudioLimits) -> Analysis:
    if "refused" in result:
        raise _refusal(result["refused"])
    try:
        analysis = analysis_from(result["analysis"])
    except (KeyError, TypeError, ValueError):
        raise refused("analysis_failed") from None
    # The container becomes part of a file's name.
    is_believable = analysis.facts.sha256 == expected and analysis.facts.container in limits.containers
    if not is_believable or not all(_is_as_said(made, work) for made in analysis.renditions):
        raise refused("analysis_failed")
    return analysis


def _is_as_said(made: RenditionFacts, work: Path) -> bool:
    path = work / made.path
    # A link would let a broken decoder publish another file of this machine.
    return path.is_file() and not path.is_symlink() and _digest(path) == made.sha256


def _refusal(said: Any) -> AudioRefused:
    if isinstance(said, dict) and said.get("code") in SENTENCES:
        return AudioRefused(said["code"], str(said.get("message"))[:LONGEST_MESSAGE])
    return refused("analysis_failed")


def _move_renditions(analysis: Analysis, work: Path, out_dir: Path) -> Analysis:
    moved = []
    for made in analysis.renditions:
        place = out_dir / made.path
        (work / made.path).replace(place)
        moved.append(dataclasses.replace(made, path=str(place)))
    return dataclasses.replace(analysis, renditions=moved)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
