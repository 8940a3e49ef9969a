"""Give up, in this process, what examining a recording does not need: the network, and unbounded anything.

Called by the child before it opens the file. Everything a hostile file could gain by breaking a decoder is
then a process that can read files, write a little into one folder, and dies within seconds. Linux;
elsewhere what the system offers.
"""

import contextlib
import ctypes
import resource
import signal
import sys
from typing import Final

from injections.audio.limits import AudioLimits

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000


def confine(limits: AudioLimits) -> bool:
    """Set the limits of this process and cut it off from the network; say whether the system allowed that.

    Call it while the process has one thread: Linux gives a user namespace to no other.
    """
    is_cut_off = _leave_network()
    _gain_no_privileges()
    _die_with_parent()  # behind the namespaces: Linux forgets it where a process gains rights
    _set(resource.RLIMIT_AS, limits.address_space_bytes, limits.address_space_bytes)
    # At the soft limit comes SIGXCPU, by which the parent knows the reason; at the hard one only SIGKILL.
    _set(resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1)
    _set(resource.RLIMIT_FSIZE, limits.written_bytes, limits.written_bytes)
    _set(resource.RLIMIT_NOFILE, limits.open_files, limits.open_files)
    _set(resource.RLIMIT_CORE, 0, 0)
    return is_cut_off


def _set(which: int, soft: int, hard: int) -> None:
    _, given = resource.getrlimit(which)
    most = sys.maxsize if given == resource.RLIM_INFINITY else given
    # Some systems (macOS) know a limit and refuse to set it; the parent's wall clock still holds.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(which, (min(soft, most), min(hard, most)))


def _leave_network() -> bool:
    # A new network namespace is empty. Root may make one; others need a user namespace of their own with it.
    with contextlib.suppress(OSError, AttributeError):
        unshare = ctypes.CDLL(None).unshare
        return any(unshare(flags) == 0 for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET))
    return False


def _die_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _gain_no_privileges() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
