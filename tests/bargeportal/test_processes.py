import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bargeportal.processes import free_port, port_problem
from tests.support.portal import is_alive

_FIRST_OF_ALL = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def test_a_port_with_a_listener_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert "is taken" in port_problem(server.getsockname()[1])


def test_a_free_port_is_no_problem() -> None:
    assert port_problem(free_port()) == ""


@contextmanager
def as_somebody() -> Iterator[None]:
    """Give up root's rights, where the test has them."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.mark.skipif(
    not _FIRST_OF_ALL.exists() or int(_FIRST_OF_ALL.read_text()) < 2,
    reason="on this system no port is kept for root: run on Linux with its defaults",
)
def test_a_port_that_is_kept_for_root_is_not_called_taken() -> None:
    with as_somebody():
        assert "is kept for root" in port_problem(1)


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a child of its parent's death: run on Linux"
)
def test_a_child_ends_with_its_parent() -> None:
    child = "import time, bargeportal.processes as p; p.die_with_parent(); print(flush=True); time.sleep(60)"
    parent = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
    end = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert not is_alive(pid)
