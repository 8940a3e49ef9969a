"""The one operation of shared state, in both of its homes, with many who want it at once."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from injections.shared_state import FileState, RedisState, SharedState, StateUnavailable
from tests.support.redis_process import redis_server


@pytest.fixture(params=["file", "redis"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SharedState]:
    """Each home in turn."""
    if request.param == "file":
        yield FileState(tmp_path / "shared.sqlite3")
    else:
        with redis_server() as url:
            yield RedisState(url)


def _until_it_is_there(work: Callable[[], object]) -> None:
    """Do it as soon as it can be done: on a busy machine somebody may have to wait for longer than a click may."""
    while True:
        with suppress(StateUnavailable):
            work()
            return


def test_nothing_is_kept_at_first(state: SharedState) -> None:
    assert state.read("k") is None


def test_what_was_written_is_read(state: SharedState) -> None:
    assert state.update("k", lambda old: {"n": 1}) == {"n": 1}
    assert state.read("k") == {"n": 1}
    assert state.read("other") is None


def test_no_update_is_lost_among_many(state: SharedState) -> None:
    def add(old: dict[str, Any] | None) -> dict[str, Any]:
        return {"n": (old or {"n": 0})["n"] + 1}

    def work() -> None:
        for _ in range(25):
            _until_it_is_there(lambda: state.update("k", add))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert state.read("k") == {"n": 200}


def test_a_change_that_fails_changes_nothing(state: SharedState) -> None:
    state.update("k", lambda old: {"n": 1})

    def fail(old: dict[str, Any] | None) -> dict[str, Any]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        state.update("k", fail)
    assert state.update("k", lambda old: {"n": (old or {})["n"] + 1}) == {"n": 2}


def test_what_is_counted_adds_up(state: SharedState) -> None:
    assert [state.count("k", for_s=60) for _ in range(3)] == [1, 2, 3]
    assert state.count("other", for_s=60) == 1


def test_no_count_is_lost_among_many(state: SharedState) -> None:
    def work() -> None:
        for _ in range(25):
            _until_it_is_there(lambda: state.count("k", for_s=60))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert state.count("k", for_s=60) == 201


def test_a_count_that_is_over_is_forgotten(state: SharedState) -> None:
    state.count("old", for_s=1)
    time.sleep(1.1)
    state.count("new", for_s=60)
    assert state.count("old", for_s=60) == 1


def test_an_unreachable_redis_is_said_so() -> None:
    with pytest.raises(StateUnavailable):
        RedisState("redis://127.0.0.1:9/0").read("k")


def test_an_unwritable_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StateUnavailable):
        FileState(tmp_path / "missing" / "shared.sqlite3").update("k", lambda old: {})


def test_what_is_kept_is_not_forgotten_by_itself() -> None:
    with redis_server() as url:
        RedisState(url).update("k", lambda old: {"n": 1})
        with redis.Redis.from_url(url) as client:
            assert [client.ttl(key) for key in client.scan_iter()] == [-1]
