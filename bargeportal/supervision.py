"""Keeps the processes of one portal running, shows what they say, and stops them all together."""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Final, Self

from bargeportal.processes import die_with_parent

# Each ends what it holds within settings.SHUTDOWN_GRACE_S and hands back the rest; all of it stays below 10 s.
_STOP_WITHIN_S: Final = 9.2
_LAST_STOPS_WITHIN_S: Final = 0.4  # after the others, at the least
_KILLED_WITHIN_S: Final = 1.0  # milliseconds, unless the machine itself hangs
_BACKOFF_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_STEADY_S: Final = 60.0  # one that ran this long has recovered: its next death starts with the shortest wait
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DiedAtStart(Exception):
    """A process ended before everything was ready."""


class StopRequested(Exception):
    """A signal came while something was waited for."""


@dataclass(frozen=True, slots=True)
class Program:
    """One process to keep: its arguments, its environment, and how it says that it serves."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    says_when_ready: str = ""  # empty: it is ready when it runs
    stops_last: bool = False  # the others use it until they end


@dataclass(slots=True)
class _Running:
    program: Program
    process: subprocess.Popen[bytes]
    started_at: float
    is_ready: bool
    pending: bytes = b""


@dataclass(slots=True)
class _Dead:
    program: Program
    due_at: float


@dataclass
class Supervisor:
    """Runs programs as children of this process. Use it as a context manager: leaving it stops them all.

    `clock` is monotonic; `say` takes one line for the person at the terminal.
    """

    clock: Callable[[], float]
    say: Callable[[str], None]
    _running: dict[str, _Running] = field(default_factory=dict)
    _dead: dict[str, _Dead] = field(default_factory=dict)
    _deaths: dict[str, int] = field(default_factory=dict)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _is_stopping: bool = False

    def __enter__(self) -> Self:
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._former = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    @property
    def is_stopping(self) -> bool:
        """Tell whether a signal asked for the end."""
        return self._is_stopping

    def start(self, program: Program) -> None:
        """Start `program` and return at once."""
        # A session of its own: Ctrl-C reaches this process alone, which then stops the others in order.
        process = subprocess.Popen(
            list(program.argv),
            env=dict(program.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509  this process has one thread
        )
        assert process.stdout is not None  # noqa: S101  for the type: it was asked for
        os.set_blocking(process.stdout.fileno(), False)
        running = _Running(program, process, self.clock(), is_ready=not program.says_when_ready)
        self._selector.register(process.stdout, selectors.EVENT_READ, running)
        self._running[program.name] = running

    def wait_until(self, is_so: Callable[[], bool], *, within_s: float, what: str) -> None:
        """Serve the children until `is_so()`.

        Raises:
            DiedAtStart: a child ended meanwhile, or the time is over.
            StopRequested: a signal came.
        """
        end = self.clock() + within_s
        while not is_so():
            if self._is_stopping:
                raise StopRequested
            if self._dead:
                raise DiedAtStart(
                    f"{', '.join(self._dead)} ended while starting; the last lines above say why"
                )
            if self.clock() > end:
                raise DiedAtStart(f"{what} is not ready after {within_s:g} s; the lines above may say why")
            self._serve(0.05)

    def are_ready(self, *names: str) -> bool:
        """Tell whether the programs of these names have all said that they serve."""
        return all(name in self._running and self._running[name].is_ready for name in names)

    def run(self) -> None:
        """Keep everything running until a signal comes."""
        while not self._is_stopping:
            self._serve(0.5)
            self._revive()

    def stop(self) -> None:
        """Stop every process: first those that use another; whoever does not end in time is killed."""
        self._is_stopping = True
        self._dead.clear()
        end = self.clock() + _STOP_WITHIN_S
        for is_last, by in ((False, end), (True, end + _LAST_STOPS_WITHIN_S)):
            self._end([one for one in self._running.values() if one.program.stops_last is is_last], by=by)

    def _end(self, ending: list[_Running], *, by: float) -> None:
        """Ask these to end, and kill whoever has not by then."""

        def still() -> list[_Running]:
            return [one for one in ending if one.program.name in self._running]

        for running in ending:
            _signal(running, signal.SIGTERM)
        self._drain_until(by, lambda: not still())
        for running in still():
            self.say(f"{running.program.name} did not stop, it is killed")
            _signal(running, signal.SIGKILL)
        self._drain_until(by + _KILLED_WITHIN_S, lambda: not still())

    def _drain_until(self, end: float, is_done: Callable[[], bool]) -> None:
        while not is_done() and self.clock() < end:
            self._serve(0.05)

    def _serve(self, timeout: float) -> None:
        """Pass on what the children say, and notice who ended."""
        for key, _ in self._selector.select(timeout):
            if key.data is None:
                os.read(self._wake_read, 512)
            else:
                self._read(key.data)
        for running in list(self._running.values()):
            if running.process.poll() is not None:
                self._bury(running)

    def _revive(self) -> None:
        for dead in [dead for dead in self._dead.values() if dead.due_at <= self.clock()]:
            del self._dead[dead.program.name]
            self.start(dead.program)

    def _read(self, running: _Running) -> None:
        stdout = running.process.stdout
        assert stdout is not None  # noqa: S101  for the type
        with contextlib.suppress(BlockingIOError):
            chunk = os.read(stdout.fileno(), 65536)
            if not chunk:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(stdout)
            *lines, running.pending = (running.pending + chunk).split(b"\n")
            for line in lines:
                self._show(running, line.decode("utf-8", "replace"))

    def _show(self, running: _Running, line: str) -> None:
        ready = running.program.says_when_ready
        running.is_ready = running.is_ready or (bool(ready) and ready in line)
        sys.stderr.write(f"{running.program.name:<9} | {line}\n")
        sys.stderr.flush()

    def _bury(self, running: _Running) -> None:
        """Take leave of one that ended; where nobody wanted that, say so and plan its next start."""
        name = running.program.name
        self._read(running)
        stdout = running.process.stdout
        assert stdout is not None  # noqa: S101  for the type
        with contextlib.suppress(KeyError):
            self._selector.unregister(stdout)
        stdout.close()
        _signal(running, signal.SIGKILL)  # what it may have left behind in its group
        del self._running[name]
        if self._is_stopping:
            return
        if self.clock() - running.started_at > _STEADY_S:
            self._deaths.pop(name, None)
        count = self._deaths[name] = self._deaths.get(name, 0) + 1
        delay = _BACKOFF_S[min(count, len(_BACKOFF_S)) - 1]
        self._dead[name] = _Dead(running.program, self.clock() + delay)
        self.say(f"{name} ended ({_how(running.process.returncode)}); it is started again in {delay:g} s")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._is_stopping = True
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"!")


def _signal(running: _Running, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(running.process.pid, number)


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
