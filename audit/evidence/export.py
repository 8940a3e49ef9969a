"""Hands out a pack: it is made, then recorded, and only then given to anybody."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import IO, Any, Protocol

from audit import selectors
from audit.canonical import clean_text
from audit.entry import Outcome
from audit.evidence.pack import NotMade, Pack, asked_in_words, make
from audit.evidence.recordings import opener
from audit.models import AuditCheckpoint, AuditPending
from audit.notes import InvalidKey, InvalidNote
from audit.places import places
from audit.stored_tree import DamagedTree, size
from audit.uuid7 import first_uuid7
from audit.verification.witnesses import read_keys

ACTION = "audit.exported"
SEAL_AWAITED_S = 5.0
_EVERY_S = 0.1
_CLOCKS_DIFFER = timedelta(seconds=1)  # the database's, which gives identifiers their order, and ours


class Recorder(Protocol):
    """Writes the record of an export in a transaction of its own; it knows who asked, from where and when."""

    def __call__(
        self, *, outcome: Outcome, summary: str, reason_code: str, details: dict[str, Any]
    ) -> object: ...


def export(
    conditions: Mapping[str, Any],
    *,
    into: IO[bytes],
    since: str | None,
    record: Recorder,
    now: datetime,
    sleep: Callable[[float], None] = time.sleep,
) -> Pack:
    """Write a pack of what `selectors.search(**conditions)` finds `into` an empty file, record it, go to its beginning.

    What was recorded before `now` is waited for until it is sealed, for a few seconds. A pack that cannot be made is on
    record as well. Give nothing of the file to anybody before this returns.

    Raises:
        NotMade: no pack can be made; the sentence says why.
        Exception: the record could not be written.
    """
    try:
        _await_seal(conditions, now=now, sleep=sleep)
        keys = read_keys(places().public_keys)
        pack = make(conditions, into=into, since=since, keys=keys, open_recording=opener())
    except (NotMade, DamagedTree, InvalidNote, InvalidKey, OSError) as error:
        record(
            outcome="failed",
            reason_code="not_made",
            summary=clean_text(f"No evidence pack could be made: {error}."),
            details={"asked": asked_in_words(conditions)},
        )
        raise NotMade(str(error)) from error
    details = _details(pack, has_proof=since is not None)
    record(outcome="done", reason_code="", summary=_sentence(pack), details=details)
    into.seek(0)
    return pack


def _await_seal(conditions: Mapping[str, Any], *, now: datetime, sleep: Callable[[float], None]) -> None:
    first_not_awaited = first_uuid7(at=now + _CLOCKS_DIFFER)
    waiting = AuditPending.objects.filter(record_id__lt=first_not_awaited).values("record_id")
    found = selectors.search(**conditions).filter(pk__in=waiting)
    for _ in range(round(SEAL_AWAITED_S / _EVERY_S)):
        if not found.exists() and AuditCheckpoint.objects.filter(size__gte=size()).exists():
            return
        sleep(_EVERY_S)


def _sentence(pack: Pack) -> str:
    asked = ", ".join(f"{name} {value}" for name, value in pack.asked.items()) or "everything"
    count = pack.found["records"]
    return clean_text(f"An evidence pack of {count} record{'' if count == 1 else 's'} was made: {asked}.")


def _details(pack: Pack, *, has_proof: bool) -> dict[str, Any]:
    return {
        "asked": pack.asked,
        "records": pack.found["records"],
        "recordings": pack.recordings,
        "not_yet_sealed": pack.not_yet_sealed,
        "checkpoint": {"size": pack.checkpoint.size, "root": pack.checkpoint.root.hex()},
        "with_consistency_proof": has_proof,
        "sha256": pack.sha256,
    }
