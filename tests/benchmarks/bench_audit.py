"""The audit log on PostgreSQL: appending beside a plain INSERT, sealing, proving, verifying. Beside what is asked.

    python -m tests.benchmarks.bench_audit [--records 100000]

fsync is off: what is measured is our work, not this machine's disk. Everything runs on the same cores in one run.
"""

import argparse
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from tests.support.with_postgres import ADVICE, binaries, cluster

WRITERS = 8
APPENDS = 150  # of each writer in one round
ROUNDS = 5
NEW = 1_000  # records that an incremental verification meets
CHUNK = 5_000  # records in one COPY: the guards want the time of recording to be now


def main() -> int:
    """Run all, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    records = parser.parse_args().records
    bin_dir = binaries()
    if bin_dir is None:
        sys.stderr.write(f"{ADVICE}\n")
        return 1
    with cluster(bin_dir) as running, tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DATABASE_URL": running.url, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        import django

        django.setup()
        from django.conf import settings
        from django.core.management import call_command

        settings.AUDIT_DIR = Path(folder)
        call_command("migrate", verbosity=0, skip_checks=True)
        print(f"{'what':<58}{'measured':>16}   asked")
        _appending()
        _sealing_and_verifying(records)
    return 0


def _row(what: str, measured: str, asked: str = "") -> None:
    print(f"{what:<58}{measured:>16}   {asked}", flush=True)


# --- Appending ----------------------------------------------------------------------------------------------
def _appending() -> None:
    """Append, Django's `save` and a bare INSERT of such a row: one transaction each, 8 processes, in turn."""
    from django.db import connection, models, transaction

    from audit.models import AuditRecord
    from audit.services import append

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE plain (LIKE audit_auditrecord INCLUDING INDEXES)")
    fields = AuditRecord._meta.concrete_fields
    meta = type("Meta", (), {"app_label": "audit", "db_table": "plain", "managed": False})
    columns = {field.name: field.clone() for field in fields}
    plain = type("Plain", (models.Model,), {"__module__": __name__, "Meta": meta, **columns})
    insert = f"INSERT INTO plain VALUES ({', '.join(['%s'] * len(fields))})"  # noqa: S608  nothing from outside

    def bare() -> None:
        row = next(_rows(1))
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(insert, row)

    def saved() -> None:
        row = dict(zip((field.name for field in fields), next(_rows(1)), strict=True))
        with transaction.atomic():
            plain(**row).save(force_insert=True)

    def logged() -> None:
        with transaction.atomic():
            append(_entry(uuid4()))

    acts = {"bare INSERT": bare, "Django's save": saved, "append": logged}
    rates: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(ROUNDS):
        for name, act in acts.items():
            rates[name].append(_rate(act))
    for name, found in rates.items():
        beside = statistics.median(
            ours / theirs for ours, theirs in zip(found, rates["bare INSERT"], strict=True)
        )
        asked = "at least 0.85" if name == "append" else ""
        _row(
            f"{name} of such a record, {WRITERS} writers",
            f"{statistics.median(found):,.0f}/s, {beside:.2f}",
            asked,
        )


def _rate(act: Callable[[], None]) -> float:
    """Return how often `WRITERS` processes together do this in a second."""
    from django.db import connections

    connections.close_all()  # what is open here must not be shared with a child
    context = multiprocessing.get_context("fork")
    start, seconds = context.Barrier(WRITERS), context.Queue()

    def work() -> None:
        act()  # connects
        start.wait()
        began = time.perf_counter()
        for _ in range(APPENDS):
            act()
        seconds.put(time.perf_counter() - began)

    writers = [context.Process(target=work) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    slowest = max(seconds.get() for _ in writers)
    for writer in writers:
        writer.join()
    return WRITERS * APPENDS / slowest


# --- Sealing, verifying, proving ----------------------------------------------------------------------------
def _sealing_and_verifying(records: int) -> None:
    from audit.places import places
    from audit.sealer import Sealer
    from audit.stored_tree import size, stored_tree

    sealer = Sealer(places(), stop=threading.Event())
    sealer.run_once()
    sealed = size()
    _load(records)
    began = time.perf_counter()
    sealer.run_once()
    seconds = time.perf_counter() - began
    _row(
        f"seal, sign, store, anchor {size() - sealed:,}",
        f"{(size() - sealed) / seconds:,.0f}/s",
        "at least 2,000/s",
    )
    seconds = _verify(is_full=True)
    rate = size() / seconds
    _row(f"verify {size():,} fully", f"{seconds:,.1f} s, {rate:,.0f}/s")
    _row("  10 million at this rate", f"{10_000_000 / rate / 60:.1f} min", "under 3 min")
    _load(NEW)
    sealer.run_once()
    _row(
        f"verify {NEW:,} new ones behind {size() - NEW:,}",
        f"{_verify(is_full=False) * 1000:.0f} ms",
        "under 100 ms",
    )
    tree, end = stored_tree(), size()
    places_asked = random.sample(range(end), 200)
    began = time.perf_counter()
    for index in places_asked:
        tree.inclusion_proof(index, end)
    _row(f"inclusion proof at {end:,}", f"{(time.perf_counter() - began) / 200 * 1000:.1f} ms")


def _verify(*, is_full: bool) -> float:
    from audit.places import places
    from audit.verification.log import Verification
    from audit.verification.witnesses import read_keys

    here = places()
    began = time.perf_counter()
    report = Verification(
        places=here,
        keys=read_keys(here.public_keys),
        anchor_files=[here.anchors],
        is_full=is_full,
        at=datetime.now(UTC),
        progress=lambda *_: None,
        processes=2,
    ).run()
    seconds = time.perf_counter() - began
    if report.faults:
        raise SystemExit("\n".join(map(str, report.faults)))
    return seconds


# --- Records ------------------------------------------------------------------------------------------------
def _entry(call: UUID | None) -> Any:
    from audit.entry import Actor, Entry, Source, Subject

    return Entry(
        action="injection.requested",
        outcome="done",
        actor=Actor(kind="user", id="7", name="Ada Example", role="supervisor"),
        source=Source(
            ip="192.0.2.1",
            user_agent="Mozilla/5.0 (X11; Linux)",
            request_id=uuid4().hex,
            where="POST /inject",
        ),
        summary="Ada Example asked for the recording “Recording notice” to be played to both.",
        occurred_at=datetime.now(UTC),
        subject=Subject(conversation_id=call, participant_id=uuid4(), clip_id=uuid4(), injection_id=uuid4()),
        details={
            "clip_sha256": "0" * 64,
            "mute": {"agent": True, "caller": False},
            "consent": "granted",
            "policy": 3,
        },
    )


def _rows(count: int) -> Iterator[list[Any]]:
    """Give rows as `append` writes them, each call with two records."""
    from django.db import connection

    from audit import canonical
    from audit.entry import Place, body, columns, leaf_hash
    from audit.models import AuditRecord
    from audit.uuid7 import uuid7

    fields = AuditRecord._meta.concrete_fields
    call, previous = uuid4(), None
    for number in range(count):
        at = datetime.now(UTC) + timedelta(microseconds=number % 1000)
        if number % 2 == 0:
            call, previous = uuid4(), None
        place = Place(
            id=uuid7(at=at, randomness=random.getrandbits(61)),
            recorded_at=at,
            number_in_conversation=number % 2 + 1,
            previous_in_conversation=previous,
        )
        content = body(_entry(call), place=place)
        text = canonical.encode(content)
        previous = leaf_hash(text)
        record = AuditRecord(**columns(content), body=text, leaf_hash=previous)
        yield [field.get_db_prep_save(getattr(record, field.attname), connection) for field in fields]


def _load(count: int) -> None:
    """Write records by COPY, past `append` and with every guard in place."""
    from django.db import connection

    rows = _rows(count)
    with connection.cursor() as cursor:
        for begin in range(0, count, CHUNK):
            chunk = list(islice(rows, min(CHUNK, count - begin)))
            with cursor.copy("COPY audit_auditrecord FROM STDIN") as copy:
                for row in chunk:
                    copy.write_row(row)
        cursor.execute("ANALYZE")


if __name__ == "__main__":
    sys.exit(main())
