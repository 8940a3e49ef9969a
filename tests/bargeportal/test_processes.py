import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from bargeportal.processes import free_port, is_port_free
from tests.support.portal import is_alive


def test_a_port_with_a_listener_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not is_port_free(server.getsockname()[1])


def test_a_free_port_is_free() -> None:
    assert is_port_free(free_port())


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
