"""The board at 500 calls: server time of the page, of the rows, and of a poll that finds nothing new.

    python -m tests.benchmarks.bench_board [--calls 500] [--rounds 30]

On SQLite, within one process, through the whole of Django's stack: what a browser waits for beside the network.
"""

import argparse
import os
import statistics
import tempfile
import time
from typing import Any


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "bargeportal.settings",
            "PORTAL_DATA_DIR": folder,
            "ALLOWED_HOSTS": "testserver",
            "LOG_LEVEL": "ERROR",
        }
        measure(options.calls, options.rounds)


def measure(calls: int, rounds: int) -> None:
    """Fill a database with calls, then ask for the board."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.test import Client

    from injections.models import Queue
    from injections.roles import Role
    from tests.factories import LiveCallFactory, UserFactory

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    supervisor = UserFactory(role=Role.SUPERVISOR)
    queue = Queue.objects.create(pk="5e9d2c00-cccc-4d4d-8e8e-0000000000c3", name="Cards")
    queue.supervisors.add(supervisor)
    LiveCallFactory.create_batch(calls, queue=queue)
    client = Client()
    client.force_login(supervisor)
    print(f"{calls} calls, SQLite, server time in ms, median of {rounds}")
    print(f"  page                      {timed(client, '/', rounds):7.1f}   (target: at most 100)")
    print(f"  rows alone, as polled     {timed(client, '/calls/rows/', rounds):7.1f}")


def timed(client: Any, path: str, rounds: int) -> float:
    """Return the median milliseconds of one answer."""
    client.get(path, headers={"HX-Request": "true"} if path != "/" else {})
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        answer = client.get(path, headers={"HX-Request": "true"} if path != "/" else {})
        found.append((time.perf_counter() - start) * 1000)
        assert answer.status_code == 200
    return statistics.median(found)


if __name__ == "__main__":
    main()
