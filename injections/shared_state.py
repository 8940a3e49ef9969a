"""Small facts that all processes of the portal share and may lose: breaker, request budget.

`update` reads, computes and writes as if alone; `count` counts. Redis where several machines work; a file of its own
where one does (SQLite without fsync: what it holds is learned again in a minute, and must cost a click nothing).
"""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

import redis

Data = dict[str, Any]
_WAIT_S: Final = 0.5  # longer would make a click late for what only protects
_MOST_TURNS: Final = 50
_TABLES: Final = (
    "state (key TEXT PRIMARY KEY, data TEXT NOT NULL)",
    "counts (key TEXT PRIMARY KEY, found INTEGER NOT NULL, ends_at REAL NOT NULL)",
)
_COUNT: Final = """INSERT INTO counts VALUES (?1, 1, ?2)
ON CONFLICT (key) DO UPDATE SET found = found + 1 RETURNING found"""
# What is kept is JSON and never empty: the empty text stands for nothing.
_REPLACE: Final = """if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2]) return 1"""


class StateUnavailable(Exception):
    """The shared state cannot be reached; whoever asks goes on without it."""


class SharedState(Protocol):
    """Where shared facts are kept."""

    def read(self, key: str) -> Data | None:
        """Return what is kept under `key`, or None. Raises StateUnavailable."""
        ...

    def update(self, key: str, change: Callable[[Data | None], Data]) -> Data:
        """Replace what is kept under `key` by what `change` makes of it, as if alone; return it.

        `change` may be called more than once and must have no effects. Raises StateUnavailable.
        """
        ...

    def count(self, key: str, *, for_s: int) -> int:
        """Count one more under `key`, which is forgotten after `for_s` seconds; return how many.

        Raises StateUnavailable.
        """
        ...


class _Turns:
    """Lets the threads of this process go one by one: they would otherwise only keep each other from their turn."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def next(self) -> Iterator[None]:
        """Wait for the turn. Raises StateUnavailable."""
        if not self._lock.acquire(timeout=_WAIT_S):
            raise StateUnavailable("those before take too long")
        try:
            yield
        finally:
            self._lock.release()


class FileState:
    """Shared by the processes of one machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._turns = _Turns()

    def read(self, key: str) -> Data | None:
        """Return what is kept under `key`, or None."""
        with self._usable() as connection:
            return self._read(connection, key)

    def update(self, key: str, change: Callable[[Data | None], Data]) -> Data:
        """Replace what is kept under `key`, holding the file's lock for the moment of it."""
        with self._turns.next(), self._usable() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            data = change(self._read(connection, key))
            connection.execute(
                "INSERT INTO state VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET data = excluded.data",
                (key, json.dumps(data)),
            )
        return data

    def count(self, key: str, *, for_s: int) -> int:
        """Count one more under `key`."""
        now = time.time()
        with self._turns.next(), self._usable() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM counts WHERE ends_at < ?", (now,))
            (found,) = connection.execute(_COUNT, (key, now + for_s)).fetchone()
        return int(found)

    @contextmanager
    def _usable(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._connection()
        except (
            sqlite3.OperationalError
        ) as error:  # locked too long, not writable: the file itself may be sound
            raise StateUnavailable(str(error)) from error
        except sqlite3.Error as error:
            self._begin_anew()
            raise StateUnavailable(str(error)) from error

    def _begin_anew(self) -> None:
        """Remove a damaged file, as a power cut may leave it; the next to ask makes another."""
        self._local = threading.local()
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def _read(self, connection: sqlite3.Connection, key: str) -> Data | None:
        row = connection.execute("SELECT data FROM state WHERE key = ?", (key,)).fetchone()
        return None if row is None else _parsed(row[0])

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=OFF")
            for table in _TABLES:
                connection.execute(f"CREATE TABLE IF NOT EXISTS {table}")
            self._local.connection = connection
        return connection


class RedisState:
    """Shared by all machines."""

    def __init__(self, url: str, *, prefix: str = "bargeportal:") -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=_WAIT_S, socket_connect_timeout=_WAIT_S)
        self._prefix = prefix
        self._turns = _Turns()
        self._replace = self._redis.register_script(_REPLACE)

    def read(self, key: str) -> Data | None:
        """Return what is kept under `key`, or None."""
        with _said():
            return _parsed(self._redis.get(self._prefix + key))

    def update(self, key: str, change: Callable[[Data | None], Data]) -> Data:
        """Replace what is kept under `key`; begin again when another process was quicker."""
        name = self._prefix + key
        with self._turns.next(), _said():
            for _ in range(_MOST_TURNS):
                raw = self._redis.get(name)
                data = change(_parsed(raw))
                if self._replace(keys=[name], args=[raw or b"", json.dumps(data)]) == 1:
                    return data
        raise StateUnavailable("others were always quicker")

    def count(self, key: str, *, for_s: int) -> int:
        """Count one more under `key`."""
        name = self._prefix + key
        with _said():
            both = self._redis.pipeline()
            both.incr(name)
            both.expire(name, for_s)
            return int(both.execute()[0])


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise StateUnavailable(str(error)) from error


def _parsed(raw: Any) -> Data | None:
    """Return what `update` wrote; None for nothing, and for what nobody here wrote."""
    try:
        data = None if raw is None else json.loads(raw)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None
