"""What `manage.py up` needs before and beside its processes: programs, folders, database, static files."""

import fcntl
import hashlib
import http.client
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from django.conf import settings
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import OperationalError, connections
from django.db.migrations.executor import MigrationExecutor

from bargeportal.management.needs_database import database_trouble
from bargeportal.supervision import Program
from injections.roles import Role

_STATIC_SOURCES: Final = ("injections/static", "audit/static", "requirements.lock")
# Nothing of these is ever shown: the HTTP API answers JSON alone, and the admin speaks English without autocompletion.
_UNUSED_STATIC: Final = ["rest_framework", "i18n"]
_SIMULATOR_S: Final = ("GENESYS_API_URL", "GENESYS_LOGIN_URL", "GENESYS_CLIENT_ID", "GENESYS_CLIENT_SECRET")


@dataclass(frozen=True, slots=True)
class Plan:
    """What this start consists of."""

    port: int
    simulator_port: int | None  # None: a real platform
    with_demo: bool
    environment: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of its processes in the order of their start."""
        first = ("simulator",) if self.simulator_port is not None else ()
        # The embedded worker seals the log as well; Celery's does not.
        return (*first, "web", "worker", "watcher", *(("sealer",) if settings.REDIS_URL else ()))


def plan(*, port: int, simulator_port: int | None, with_demo: bool, environment: Mapping[str, str]) -> Plan:
    """Return the plan with the environment of its processes."""
    env = {
        "DJANGO_SETTINGS_MODULE": "bargeportal.settings",
        **environment,
        "PORT": str(port),
        "PYTHONUNBUFFERED": "1",
    }
    env.setdefault("PORTAL_BASE_URL", f"http://127.0.0.1:{port}")
    if simulator_port is not None:
        address = f"http://127.0.0.1:{simulator_port}"
        env |= {"GENESYS_API_URL": address, "GENESYS_LOGIN_URL": address, "GENESYS_IS_SIMULATOR": "yes"}
        env |= {"GENESYS_CLIENT_ID": "barge-portal", "GENESYS_CLIENT_SECRET": secrets.token_urlsafe(24)}
        env.pop("GENESYS_CLIENT_SECRET_FILE", None)
    return Plan(port, simulator_port, with_demo, env)


def read_settings_of(plan: Plan) -> None:
    """Give this process the settings of `plan` for its simulator, so that the system checks judge those."""
    if plan.simulator_port is not None:
        for name in _SIMULATOR_S:
            setattr(settings, name, plan.environment[name])


def program(name: str, plan: Plan) -> Program:
    """Return the program of this name in `plan`."""
    return Program(
        name,
        [sys.executable, *_arguments(name, plan)],
        plan.environment,
        says_when_ready=_READY.get(name, ""),
        stops_last=name == "simulator",
    )


_READY: Final = {"simulator": "simulator ready", "worker": "worker ready", "sealer": "sealer ready"}


def _arguments(name: str, plan: Plan) -> list[str]:
    manage = str(settings.BASE_DIR / "manage.py")
    match name:
        case "simulator":
            return ["-m", "injections.genesys.simulator", "--port", str(plan.simulator_port)]
        case "web":
            return ["-m", "bargeportal.serve", "--skip-checks"]
        case "worker" if settings.REDIS_URL:
            schedule = str(settings.PORTAL_DATA_DIR / "beat")
            return [
                *("-m", "celery", "--quiet", "-A", "bargeportal", "worker", "--beat", "--schedule", schedule),
                *("--pool", "threads", "--concurrency", "8"),
            ]
        case "worker":
            return [manage, "work", "--skip-checks"]
        case "sealer":
            return [manage, "seal_audit"]
        case _:
            return [manage, "watch", "--skip-checks"]


def hold_data_dir() -> IO[str] | None:
    """Return a file whose lock says that this data folder is in use, or None when another process has it."""
    settings.PORTAL_DATA_DIR.mkdir(parents=True, exist_ok=True)
    file = (settings.PORTAL_DATA_DIR / "up.lock").open("w", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def prepare_database() -> bool:
    """Bring the database to the newest form; return whether anything had to be done."""
    has_work = count_unapplied_migrations() > 0
    if has_work:
        call_command("migrate", interactive=False, verbosity=0)
    return has_work


def count_unapplied_migrations() -> int:
    """Return by how many steps the database is behind the program. Raises OperationalError when it is away."""
    executor = MigrationExecutor(connections["default"])
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def findings() -> list[str]:
    """Return why a process should not start, a line each: errors of the system checks, else of the database."""
    lines = [
        f"({finding.id}) {finding.msg} {finding.hint or ''}".strip()
        for finding in run_checks()
        if finding.is_serious() and not finding.is_silenced()
    ]
    return lines or database_findings()


def database_findings() -> list[str]:
    """Return why the database cannot be used as it is; nothing where it can."""
    try:
        unapplied = count_unapplied_migrations()
    except OperationalError as error:
        return [database_trouble(error)]
    finally:
        close_database()
    if unapplied == 0:
        return []
    return [
        f"The database is not set up, or of an older version ({unapplied} steps): run `manage.py migrate`."
    ]


def prepare_static() -> bool:
    """Collect the static files when one of them, or a dependency, changed; return whether that was so."""
    digest = _fingerprint()
    stamp = settings.STATIC_ROOT / ".collected"
    if stamp.is_file() and stamp.read_text(encoding="ascii") == digest:
        return False
    call_command("collectstatic", interactive=False, verbosity=0, clear=True, ignore_patterns=_UNUSED_STATIC)
    stamp.write_text(digest, encoding="ascii")
    return True


def close_database() -> None:
    """Let go of the database: while the others work, this process holds none of its locks."""
    connections.close_all()


def answers(port: int) -> bool:
    """Tell whether the web server answers on `port`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().read() == b"ok"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def watcher_news(*, since: datetime) -> str | None:
    """Return None while the watcher said nothing since `since`, then its problem, or "" for none."""
    from injections.models import FeedState

    try:
        feed = FeedState.objects.filter(pk=1).first()
    finally:
        close_database()
    if feed is None:
        return None
    if feed.snapshot_at is not None and feed.snapshot_at >= since:
        return ""
    return feed.problem or None


def still_missing() -> list[str]:
    """Return what a person has to do before anybody can barge, a sentence each."""
    from django.contrib.auth.models import User

    from injections.models import Queue

    try:
        lines = []
        if not User.objects.filter(is_active=True, groups__name=Role.ADMINISTRATOR).exists():
            lines.append("nobody can administer the portal yet: manage.py create_admin NAME makes an account")
        if not Queue.objects.exists():
            lines.append(
                "no live calls yet: no queue is known; an administrator enters them at /admin/, Queues"
            )
        return lines
    finally:
        close_database()


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for source in _STATIC_SOURCES:
        for path in sorted(_files(settings.BASE_DIR / source)):
            stat = path.stat()
            digest.update(
                f"{path.relative_to(settings.BASE_DIR)} {stat.st_size} {stat.st_mtime_ns}\n".encode()
            )
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [Path(at, name) for at, _, names in os.walk(path) for name in names]
