"""How the anchors fare: kept in small files by whoever seals, for a page or a probe to read."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from audit import files
from audit.anchors import chosen, file
from audit.canonical import format_time
from audit.places import Places


@dataclass(frozen=True, slots=True)
class Health:
    """What an anchor kept last, and what is wrong with it.

    `where` names it, `size` is that of the last checkpoint it took (0 for none), `at` when that was. `error` is
    empty when the last attempt went well, else a sentence without secrets, first met `since`.
    """

    name: str
    where: str
    size: int = 0
    at: str = ""
    error: str = ""
    since: str = ""


def all_of(places: Places) -> list[Health]:
    """Return the anchors that are configured, the file first. Reads small files, asks no network."""
    return [_of_file(places), *(read(places, name, where) for name, where in chosen.remote().items())]


def read(places: Places, name: str, where: str) -> Health:
    """Return how an anchor fares; nothing is known of one that was never tried, or was elsewhere then."""
    try:
        found = Health(**json.loads(places.health(name).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Health(name, where)
    return found if found.where == where else Health(name, where)


def note_kept(places: Places, name: str, where: str, *, size: int, at: datetime) -> None:
    """Write down that an anchor took the checkpoint of this size."""
    _write(places, Health(name, where, size=size, at=format_time(at)))


def note_failed(places: Places, name: str, where: str, *, error: str, at: datetime) -> None:
    """Write down that an anchor took nothing, and why."""
    before = read(places, name, where)
    since = before.since if before.error else format_time(at)
    _write(places, replace(before, error=error, since=since))


def _write(places: Places, found: Health) -> None:
    files.write_whole(places.health(found.name), json.dumps(asdict(found)))


def _of_file(places: Places) -> Health:
    """The file itself says what it holds."""
    where = str(places.anchors)
    try:
        changed = datetime.fromtimestamp(places.anchors.stat().st_mtime, UTC)
        return Health("file", where, size=file.last_size(places.anchors), at=format_time(changed))
    except FileNotFoundError:
        return Health("file", where)
    except OSError as error:
        return Health("file", where, error=f"It cannot be read: {error.strerror}.")
