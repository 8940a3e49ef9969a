"""`python -m tests.support.with_postgres COMMAND…`: run a command with DATABASE_URL of a PostgreSQL of its own.

The cluster lives in a temporary folder, listens on a socket in it, and goes when the command ends. As root it runs
as the user `postgres`, since PostgreSQL refuses root.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ADVICE = "PostgreSQL is not installed, so the tests did not run on it: apt-get install postgresql"
# Nothing here has to survive a power cut. What was committed must survive a crash of PostgreSQL itself, though:
# with synchronous_commit=off `restart` would lose it, and no test of outages could tell the portal's faults from that.
_QUICK = "-c fsync=off -c full_page_writes=off -c listen_addresses= -c max_connections=200"


def binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL installed, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    return Path(on_path).resolve().parent if on_path else None


@dataclass(frozen=True)
class Cluster:
    """A running PostgreSQL: the URL of its database, and what stops and restarts it."""

    url: str
    control: tuple[str, ...]
    options: tuple[str, ...]
    user: str

    def restart(self) -> None:
        """Restart it at once, as after a crash: every connection breaks."""
        _run(self.user, [*self.control, *self.options, "-m", "immediate", "restart"])

    def stop(self) -> None:
        """Stop it at once."""
        _run(self.user, [*self.control, "-m", "immediate", "stop"])


@contextmanager
def cluster(bin_dir: Path) -> Iterator[Cluster]:
    """Run a PostgreSQL in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(folder, user)
        data = f"{folder}/data"
        control = [str(bin_dir / "pg_ctl"), "-D", data, "-w", "-s"]
        _run(
            user, [str(bin_dir / "initdb"), "-D", data, "-U", user, "-A", "trust", "-E", "UTF8", "--no-sync"]
        )
        options = ["-l", f"{folder}/log", "-o", f"{_QUICK} -k {folder}"]
        _run(user, [*control, *options, "start"])
        url = f"postgresql://{user}@{urllib.parse.quote(folder, safe='')}/postgres"
        running = Cluster(url, tuple(control), tuple(options), user)
        try:
            yield running
        finally:
            with suppress(subprocess.CalledProcessError):  # a test may have stopped it
                running.stop()


def _run(user: str, command: Sequence[str]) -> None:
    as_user = ["runuser", "-u", user, "--"] if os.geteuid() == 0 else []
    subprocess.run(
        [*as_user, *command], check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd="/"
    )


def main(command: Sequence[str]) -> int:
    """Run `command`, or say what to install; in CI a missing PostgreSQL is a failure."""
    bin_dir = binaries()
    if bin_dir is None:
        sys.stderr.write(f"{ADVICE}\n")
        return 1 if os.environ.get("CI") else 0
    with cluster(bin_dir) as running:
        return subprocess.run(
            command, env={**os.environ, "DATABASE_URL": running.url}, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
