"""Evidence packs on PostgreSQL: how long one takes, how much memory, and how long its reader takes.

    python -m tests.benchmarks.bench_evidence [--records 200000]

One search finds 10,000 records that stand together, another 10,000 that are scattered over the whole log.
"""

import argparse
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.with_postgres import ADVICE, binaries, cluster

FOUND = 10_000


def main() -> int:
    """Load a log, make packs, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    records = parser.parse_args().records
    bin_dir = binaries()
    if bin_dir is None:
        sys.stderr.write(f"{ADVICE}\n")
        return 1
    with cluster(bin_dir) as running, tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DATABASE_URL": running.url, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        _prepare(Path(folder), records)
        print(f"{'a pack of ' + format(FOUND, ','):<44}{'measured':>12}   asked")
        for what, conditions in _searches().items():
            _measure(what, conditions, Path(folder))
        few = _in_a_process(_make, {"action": "bench.together", "until": _until(100)}, Path(folder))
        _row("memory more than for a pack of 100", f"{(_LAST[1] - few[1]) / 1024:.0f} MB", "flat")
    return 0


_LAST: list[Any] = []


def _row(what: str, measured: str, asked: str = "") -> None:
    print(f"{what:<44}{measured:>12}   {asked}", flush=True)


def _measure(what: str, conditions: dict[str, Any], folder: Path) -> None:
    path = folder / "pack.zip"
    seconds, memory = _LAST[:] = _in_a_process(_make, conditions, folder)
    _row(f"{what}: made", f"{seconds:.1f} s", "under 5 s")
    _row("  memory of the process at its peak", f"{memory / 1024:.0f} MB")
    _row("  size", f"{path.stat().st_size / 1e6:.1f} MB")
    program = folder / "verify.py"
    from audit.evidence import verifier

    program.write_text(verifier.source())
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-I", str(program), str(path)], check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise SystemExit(done.stdout)
    _row("  verified by its reader", f"{time.perf_counter() - began:.1f} s")


def _in_a_process(act: Any, *given: Any) -> tuple[float, int]:
    """Return the seconds that `act` took and the peak of the memory in KiB of a process that does nothing else."""
    from django.db import connections

    connections.close_all()
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=act, args=(*given, queue))
    process.start()
    found: tuple[float, int] = queue.get()
    process.join()
    return found


def _make(conditions: dict[str, Any], folder: Path, queue: Any) -> None:
    import django

    django.setup()
    from django.conf import settings

    from audit.evidence.export import export

    settings.AUDIT_DIR = folder
    began = time.perf_counter()
    with (folder / "pack.zip").open("w+b") as out:
        export(conditions, into=out, since=None, record=lambda **_: None, now=datetime.now(UTC))
    queue.put((time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


def _searches() -> dict[str, dict[str, Any]]:
    return {
        "records that stand together": {"action": "bench.together"},
        "records scattered over the log": {"action": "bench.scattered"},
    }


def _until(count: int) -> datetime:
    from audit.models import AuditRecord

    found = AuditRecord.objects.filter(action="bench.together").order_by("id")
    at: datetime = found.values_list("recorded_at", flat=True)[count]
    return at


def _prepare(folder: Path, records: int) -> None:
    """Fill the log: FOUND records scattered, FOUND at its end, all else of another action; and seal it."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from audit.places import places
    from audit.sealer import Sealer

    settings.AUDIT_DIR = folder
    call_command("migrate", verbosity=0, skip_checks=True)
    every = max((records - FOUND) // FOUND, 2)
    _load(
        records - FOUND,
        lambda number: (
            "bench.scattered" if number % every == 0 and number // every < FOUND else "bench.other"
        ),
    )
    _load(FOUND, lambda _: "bench.together")
    Sealer(places(), stop=threading.Event()).run_once()


def _load(count: int, action_of: Any) -> None:
    """Write records by COPY, past `append` and with every guard in place."""
    from dataclasses import replace
    from unittest.mock import patch

    from tests.benchmarks import bench_audit

    entry, number = bench_audit._entry, iter(range(count))
    with patch.object(
        bench_audit, "_entry", lambda call: replace(entry(call), action=action_of(next(number)))
    ):
        bench_audit._load(count)


if __name__ == "__main__":
    sys.exit(main())
