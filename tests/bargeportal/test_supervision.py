import os
import signal
import sys
import textwrap
import time
from collections.abc import Callable
from typing import Any

import pytest

from bargeportal.supervision import DiedAtStart, Program, StopRequested, Supervisor

STEADY = """
    import time
    print("serving", flush=True)
    time.sleep(60)
"""
DEAF = """
    import signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("serving", flush=True)
    time.sleep(60)
"""


SLOW = """
    import signal, sys, time
    def end(*_):
        time.sleep(float(sys.argv[1]))
        print("ended", flush=True)
        sys.exit()
    signal.signal(signal.SIGTERM, end)
    print("serving", flush=True)
    time.sleep(60)
"""


def program(
    name: str, source: str, ready: str = "serving", *, stops_last: bool = False, ends_in_s: float = 0.5
) -> Program:
    argv = [sys.executable, "-c", textwrap.dedent(source), str(ends_in_s)]
    return Program(name, argv, dict(os.environ), ready, stops_last)


def supervisor(said: list[str] | None = None) -> Supervisor:
    return Supervisor(clock=time.monotonic, say=(said if said is not None else []).append)


def wait(keeper: Supervisor, is_so: Callable[[], bool]) -> None:
    keeper.wait_until(is_so, within_s=5, what="the test")


def pid_of(keeper: Supervisor, name: str) -> int:
    return keeper._running[name].process.pid


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_program_is_ready_when_it_says_so() -> None:
    with supervisor() as keeper:
        keeper.start(program("one", STEADY))
        assert not keeper.are_ready("one")
        wait(keeper, lambda: keeper.are_ready("one"))


def test_leaving_stops_every_program() -> None:
    with supervisor() as keeper:
        for name in ("one", "two"):
            keeper.start(program(name, STEADY))
        wait(keeper, lambda: keeper.are_ready("one", "two"))
        pids = [pid_of(keeper, "one"), pid_of(keeper, "two")]
    assert not any(is_alive(pid) for pid in pids)


def test_a_program_that_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bargeportal.supervision._STOP_WITHIN_S", 0.1)
    said: list[str] = []
    with supervisor(said) as keeper:
        keeper.start(program("deaf", DEAF))
        wait(keeper, lambda: keeper.are_ready("deaf"))
        pid = pid_of(keeper, "deaf")
    assert not is_alive(pid)
    assert said == ["deaf did not stop, it is killed"]


def five_times_as_fast() -> float:
    return time.monotonic() * 5


def test_a_program_may_take_eight_seconds_to_end(capfd: Any) -> None:
    said: list[str] = []
    with Supervisor(clock=five_times_as_fast, say=said.append) as keeper:
        keeper.start(program("slow", SLOW, ends_in_s=1.6))
        keeper.wait_until(lambda: keeper.are_ready("slow"), within_s=50, what="the test")
    assert said == []
    assert "slow      | ended\n" in capfd.readouterr().err


def test_all_are_gone_within_ten_seconds_whatever_they_do() -> None:
    said: list[str] = []
    with Supervisor(clock=five_times_as_fast, say=said.append) as keeper:
        keeper.start(program("last", DEAF, stops_last=True))
        keeper.start(program("deaf", DEAF))
        keeper.wait_until(lambda: keeper.are_ready("last", "deaf"), within_s=50, what="the test")
        pids = [pid_of(keeper, "last"), pid_of(keeper, "deaf")]
        began = five_times_as_fast()
    assert five_times_as_fast() - began < 11  # a kill takes its real time, five times as long here
    assert not any(is_alive(pid) for pid in pids)
    assert said == ["deaf did not stop, it is killed", "last did not stop, it is killed"]


def test_what_the_others_use_ends_after_them(capfd: Any) -> None:
    with supervisor() as keeper:
        keeper.start(program("used", SLOW, stops_last=True))
        keeper.start(program("user", SLOW))
        wait(keeper, lambda: keeper.are_ready("used", "user"))
    ends = [line for line in capfd.readouterr().err.splitlines() if line.endswith("ended")]
    assert ends == ["user      | ended", "used      | ended"]


def test_without_one_that_is_used_all_are_asked_at_once() -> None:
    with supervisor() as keeper:
        for name in ("one", "two", "three"):
            keeper.start(program(name, SLOW, ends_in_s=1))
        wait(keeper, lambda: keeper.are_ready("one", "two", "three"))
        began = time.monotonic()
    assert time.monotonic() - began < 1.7


def test_a_child_of_a_program_does_not_stay_behind() -> None:
    source = """
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print("serving", child.pid, flush=True)
        time.sleep(60)
    """
    with supervisor() as keeper:
        keeper.start(program("parent", source))
        wait(keeper, lambda: keeper.are_ready("parent"))
        group = pid_of(keeper, "parent")
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    pytest.fail("a grandchild lives on")


def test_what_a_program_prints_is_shown_with_its_name(capfd: Any) -> None:
    with supervisor() as keeper:
        keeper.start(program("one", STEADY))
        wait(keeper, lambda: keeper.are_ready("one"))
    assert "one       | serving\n" in capfd.readouterr().err


def test_a_death_before_all_is_ready_ends_the_start() -> None:
    with supervisor() as keeper:
        keeper.start(program("one", "raise SystemExit(3)"))
        with pytest.raises(DiedAtStart, match="one ended while starting"):
            wait(keeper, lambda: keeper.are_ready("one"))


def test_a_start_that_takes_too_long_is_given_up() -> None:
    with supervisor() as keeper:
        keeper.start(program("one", STEADY, ready="never said"))
        with pytest.raises(DiedAtStart, match="the test is not ready after"):
            keeper.wait_until(lambda: keeper.are_ready("one"), within_s=0.1, what="the test")


def test_a_dead_program_is_started_again_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bargeportal.supervision._BACKOFF_S", (0.05,))
    said: list[str] = []
    with supervisor(said) as keeper:
        keeper.start(program("one", STEADY))
        wait(keeper, lambda: keeper.are_ready("one"))
        first = pid_of(keeper, "one")
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while (
            not ("one" in keeper._running and pid_of(keeper, "one") != first) and time.monotonic() < deadline
        ):
            keeper._serve(0.02)
            keeper._revive()
        assert pid_of(keeper, "one") != first
    assert said == ["one ended (signal SIGKILL); it is started again in 0.05 s"]


def test_a_signal_ends_the_waiting() -> None:
    with supervisor() as keeper:
        keeper.start(program("one", STEADY))
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(StopRequested):
            wait(keeper, lambda: False)


def test_the_former_signal_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with supervisor():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
