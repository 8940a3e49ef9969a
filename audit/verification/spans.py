"""The records of the log, span by span: each against itself, its place, and the one before it in its call."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice, pairwise
from multiprocessing import get_context
from operator import itemgetter
from typing import Any
from uuid import UUID

import django
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from audit.canonical import clean_text
from audit.checkpoint import LARGEST_SIZE
from audit.merkle import HASH_SIZE
from audit.models import AuditLeaf, AuditPending, AuditRecord
from audit.verification.records import WIDTH, columns_as_text, faults_of, is_whole
from audit.verification.report import Report

LENGTH = 4_096  # records; a multiple of 256
SHARED_FROM = 50_000  # records that are worth the start of other processes
_RECORD, _LEAF = AuditRecord._meta.db_table, AuditLeaf._meta.db_table
_PENDING = AuditPending._meta.db_table
# `was` is the record before this one in its call.
_WITH_PREVIOUS = f"""{_RECORD} r LEFT JOIN {_RECORD} was ON was.conversation_id = r.conversation_id
AND was.number_in_conversation = r.number_in_conversation - 1"""
_WAS = "r.number_in_conversation, r.previous_in_conversation, was.leaf_hash"

Row = tuple[Any, ...]


@dataclass(slots=True)
class Span:
    """Records `begin` to `end` - 1: the hashes at their places, one after the other, and what is wrong by place.

    Where a place is empty, or holds no hash, the hashes end before it.
    """

    begin: int
    end: int
    leaves: bytes = b""
    faults: list[tuple[int, str]] = field(default_factory=list)


def examine(begin: int, end: int) -> Span:
    """Read the records from `begin` up to, but without, `end`, and check each."""
    span, hashes = Span(begin, end), bytearray()
    for place, row in enumerate(_rows(begin, end), start=begin):
        if row[0] != place:
            break
        span.faults += [(place, fault) for fault in _faults_at(row)]
        try:
            leaf = bytes.fromhex(row[1])
        except (ValueError, TypeError):
            leaf = b""
        if len(leaf) != HASH_SIZE:
            span.faults.append((place, "The hash at its place is none."))
            break
        hashes += leaf
    span.leaves = bytes(hashes)
    return span


def spans(begin: int, end: int, *, processes: int) -> Iterator[Span]:
    """Give the log between two sizes in order, examined by as many processes where that is worth it."""
    # Never all of them: the last place is what the database says it is.
    between = range((begin // LENGTH + 1) * LENGTH, end, LENGTH)
    bounds = pairwise(chain([begin], between, [end] if end > begin else []))
    # Another process sees what is committed, and nothing of a transaction that is open here.
    if processes == 1 or end - begin < SHARED_FROM or connection.in_atomic_block:
        for bound in bounds:
            yield examine(*bound)
    else:
        yield from _in_processes(bounds, processes)


def _in_processes(bounds: Iterator[tuple[int, int]], processes: int) -> Iterator[Span]:
    # Spawned: a forked child would inherit what other threads have open, and SQLite then reads nonsense.
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=django.setup)
    with pool:
        work = partial(_examine_there, connection.settings_dict)
        # A few ahead, so that memory stays flat.
        coming = deque(pool.submit(work, *bound) for bound in islice(bounds, 2 * processes))
        while coming:
            span = coming.popleft().result()
            coming.extend(pool.submit(work, *bound) for bound in islice(bounds, 1))
            yield span


@contextmanager
def readable(database: BaseDatabaseWrapper) -> Iterator[None]:
    """Let SQLite give bytes that are no UTF-8 as text with replacements: it would else read none of the rows."""
    if database.vendor != "sqlite":
        yield
        return
    database.ensure_connection()
    own = database.connection.text_factory
    database.connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    try:
        yield
    finally:
        database.connection.text_factory = own


def _examine_there(database: dict[str, Any], begin: int, end: int) -> Span:
    """Examine in another process, whose settings may name another database than the one asked about."""
    connection.settings_dict.update(database)
    with readable(connection):
        return examine(begin, end)


def _rows(begin: int, end: int) -> list[Row]:
    columns = columns_as_text("r")
    sql = f"""SELECT l."index", l.leaf_hash, l.record_id, {columns}, {_WAS} FROM {_LEAF} l
      LEFT JOIN ({_WITH_PREVIOUS}) ON r.id = l.record_id
      WHERE l."index" >= %s AND l."index" < %s"""  # noqa: S608  names of our own
    with connection.cursor() as cursor:
        cursor.execute(sql, [begin, end])
        # Sorted here: rows this long, the database would sort on disk.
        return sorted(cursor.fetchall(), key=itemgetter(0))


def _faults_at(row: Row) -> list[str]:
    record = row[3 : 3 + WIDTH]
    if record[1] is None:
        return [f"It is gone (its identifier is {_shown(row[2])})."]
    faults = [] if record[1] == row[1] else ["The hash at its place is not the record's own."]
    return faults + _faults(row[2], record, *row[3 + WIDTH :])


def check_pending(report: Report) -> int:
    """Check the records that wait for a place, and return how many there are."""
    columns = columns_as_text("r")
    sql = f"""SELECT p.record_id, {columns}, {_WAS} FROM {_PENDING} p
      LEFT JOIN ({_WITH_PREVIOUS}) ON r.id = p.record_id ORDER BY p.record_id"""  # noqa: S608  names of our own
    with connection.cursor() as cursor:
        cursor.execute(sql)
        rows = cursor.fetchall()
        for identifier, *rest in rows:
            record, (number, previous, was) = tuple(rest[:WIDTH]), rest[WIDTH:]
            if record[1] is None:
                report.add(f"The record {_shown(identifier)} was removed before it was sealed.")
                continue
            for fault in _faults(identifier, record, number, previous, was):
                report.add(f"The record {_shown(identifier)}, not sealed yet: {fault}")
    return len(rows)


def check_strays(report: Report, *, first: UUID) -> None:
    """Report the records from the identifier `first` on that have no place in the log and wait for none."""
    field = AuditRecord._meta.pk
    sql = f"""SELECT r.id FROM {_RECORD} r WHERE r.id >= %s
      AND NOT EXISTS (SELECT 1 FROM {_LEAF} l WHERE l.record_id = r.id AND l."index" BETWEEN 0 AND {LARGEST_SIZE})
      AND NOT EXISTS (SELECT 1 FROM {_PENDING} p WHERE p.record_id = r.id)
      ORDER BY r.id LIMIT 100"""  # noqa: S608  names of our own
    with connection.cursor() as cursor:
        cursor.execute(sql, [field.get_db_prep_value(first, connection)])
        for (identifier,) in cursor.fetchall():
            report.add(f"The record {_shown(identifier)} is neither sealed nor waiting to be.")


def _faults(
    identifier: Any, record: Row, number: int | None, previous: str | None, was: str | None
) -> list[str]:
    """Return a sentence for each thing that is wrong with a row and its link to the one before it."""
    faults: list[str] = []
    if not is_whole(record):
        faults += _told(identifier) or ["A column differs from the text of the record."]
    if not isinstance(number, int) or number <= 1:
        return faults
    if was is None:
        faults.append(f"Record {number - 1} of this call is missing.")
    elif was != previous:
        faults.append("The record before this one in the call is not the one that this record names.")
    return faults


def _told(identifier: Any) -> list[str]:
    """Return what `faults_of` says of a record; where SQLite kept what such a column cannot hold, only that."""
    try:
        found = AuditRecord.objects.filter(pk=identifier).first()
    except (ValueError, TypeError, ValidationError):
        return ["A column holds what is not of its kind."]
    return [] if found is None else faults_of(found)


def _shown(identifier: Any) -> str:
    try:
        return str(UUID(str(identifier)))
    except ValueError:
        return clean_text(identifier, limit=60)
