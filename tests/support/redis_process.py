"""A real Redis for whoever needs one: the machine's own binary, on a socket in a temporary folder."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from tests.support.needs import binary


@contextmanager
def redis_server() -> Iterator[str]:
    """Run a Redis that keeps nothing, and give its URL."""
    program = binary("redis-server", install="redis-server")
    with tempfile.TemporaryDirectory(prefix="redis-", ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", f"{folder}/socket", "--save", "", "--dir", folder],
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        try:
            url = f"unix://{folder}/socket"
            _wait_for(url)
            yield url
        finally:
            process.terminate()
            process.wait(timeout=10)


def _wait_for(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        for _ in range(200):
            try:
                client.ping()
            except redis.ConnectionError:
                time.sleep(0.02)
            else:
                return
    raise RuntimeError("Redis did not start")
