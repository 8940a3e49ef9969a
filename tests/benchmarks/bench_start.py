"""How long `manage.py up` takes to its ready line, and what all its processes hold in memory together.

    python -m tests.benchmarks.bench_start [--rounds 3]

The first start makes database, people and recordings in an empty folder; the others find them. Memory is the sum of
the proportional set sizes of the whole process tree (shared pages are counted once), its peak over ten seconds of a
living centre with 40 calls. Linux only.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bargeportal.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
WATCH_S = 10


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        first_s, _ = start(folder, watch_s=0)
        rounds = [start(folder, watch_s=WATCH_S) for _ in range(options.rounds)]
    print(f"first start in an empty folder     {first_s:6.2f} s   (target: at most 6)")
    print(
        f"next starts, median                {statistics.median(s for s, _ in rounds):6.2f} s   (target: at most 6)"
    )
    print(f"peak memory of all processes       {max(mb for _, mb in rounds):6.0f} MB  (target: under 600)")


def start(folder: str, *, watch_s: float) -> tuple[float, float]:
    """Start the portal once; return seconds to ready, and peak megabytes over `watch_s`."""
    environment = {**os.environ, "PORTAL_DATA_DIR": folder, "DEMO_PASSWORD": "a-demo-password"}
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up", "--port", str(free_port())],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ready "):
                break
        else:
            raise SystemExit("the portal did not start")
        seconds = time.monotonic() - began
        return seconds, peak_mb(process.pid, watch_s=watch_s)
    finally:
        process.terminate()
        process.communicate(timeout=20)


def peak_mb(root: int, *, watch_s: float) -> float:
    """Return the largest sum of proportional set sizes of `root` and its descendants while watching."""
    peak, end = 0.0, time.monotonic() + watch_s
    while True:
        peak = max(peak, sum(map(_pss_mb, family(root))))
        if time.monotonic() >= end:
            return peak
        time.sleep(0.25)


def family(root: int) -> list[int]:
    """Return `root` and all its descendants."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found = [root]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


def _pss_mb(pid: int) -> float:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in rollup.splitlines() if line.startswith("Pss:")), 0.0)


if __name__ == "__main__":
    main()
