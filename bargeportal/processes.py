"""What the operating system offers to keep a family of processes together."""

import ctypes
import signal
import socket
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask Linux to send this process SIGTERM when its parent dies. Elsewhere: nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def port_problem(port: int, *, host: str = "127.0.0.1") -> str:
    """Return why no server could listen on `port` now, as the end of a sentence; nothing where one could."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            return "is kept for root. Choose one from 1024 on"
        except OSError:
            return "is taken. Stop what listens there, or choose another"
        return ""


def free_port(*, host: str = "127.0.0.1") -> int:
    """Return a port on which nobody listens at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
