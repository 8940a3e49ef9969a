"""Whose turn it is: of any number of processes, on any number of machines, one does a certain work at a time."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from audit.places import Places

SEALING = "sealer"


@contextmanager
def turn(places: Places, *, of: str = SEALING, is_patient: bool = False) -> Iterator[bool]:
    """Take the locks of machine and installation, and give whether they are ours; who is patient waits for them.

    No transaction is open meanwhile: on PostgreSQL the lock is the session's.
    """
    places.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with places.lock(of).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if is_patient else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        if connection.vendor != "postgresql":  # SQLite's database is on this machine alone
            yield True
            return
        number = _number(of)
        with connection.cursor() as cursor:
            take = "pg_advisory_lock(%s) IS NOT NULL" if is_patient else "pg_try_advisory_lock(%s)"
            cursor.execute(f"SELECT {take}", [number])
            (is_free,) = cursor.fetchone()
        try:
            yield is_free
        finally:
            # A connection that broke has let go by itself.
            if is_free and connection.connection is not None and not connection.connection.closed:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_unlock(%s)", [number])


def _number(of: str) -> int:
    """Return the key of the advisory lock, which PostgreSQL wants as a signed number of 64 bits."""
    return int.from_bytes(hashlib.sha256(f"audit {of}".encode()).digest()[:8], "big", signed=True)
