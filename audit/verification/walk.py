"""From leaf to leaf: each record, its place, the tree that grows from them, and who vouches for its root."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from audit.merkle import CompactRange
from audit.models import AuditLeaf, AuditNode, AuditPending, AuditRecord
from audit.tiles import HEIGHT, MOST_LEVELS
from audit.verification.records import WIDTH, columns_as_text, faults_of, is_whole
from audit.verification.report import Report
from audit.verification.witnesses import Claim

BATCH = 4_096  # records; a multiple of 256
_RECORD, _LEAF = AuditRecord._meta.db_table, AuditLeaf._meta.db_table
_PENDING = AuditPending._meta.db_table
# `was` is the record before this one in its call.
_WITH_PREVIOUS = f"""{_RECORD} r LEFT JOIN {_RECORD} was ON was.conversation_id = r.conversation_id
AND was.number_in_conversation = r.number_in_conversation - 1"""
_WAS = "r.number_in_conversation, r.previous_in_conversation, was.leaf_hash"


Row = tuple[Any, ...]


class Broken(Exception):
    """The log cannot be followed any further."""


def batches(begin: int, end: int) -> Iterator[tuple[int, list[Row]]]:
    """Give the rows of the log between two sizes, batch by batch, each with the size at its end.

    The database fetches the next batch while this one is looked at, over the same connection: what this transaction
    sees is what is read.
    """
    ends = [*range((begin // BATCH + 1) * BATCH, end, BATCH), end]
    connection.inc_thread_sharing()
    try:
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(_rows, connections[connection.alias], begin, ends[0])
            for here, there in zip(ends, [*ends[1:], None], strict=True):
                rows = coming.result()
                if there is not None:
                    coming = ahead.submit(_rows, connections[connection.alias], here, there)
                yield here, rows
    finally:
        connection.dec_thread_sharing()


def _rows(database: BaseDatabaseWrapper, begin: int, end: int) -> list[Row]:
    columns = columns_as_text("r")
    sql = f"""SELECT l."index", l.leaf_hash, l.record_id, {columns}, {_WAS} FROM {_LEAF} l
      LEFT JOIN ({_WITH_PREVIOUS}) ON r.id = l.record_id
      WHERE l."index" >= %s AND l."index" < %s"""  # noqa: S608  names of our own
    with database.cursor() as cursor:
        cursor.execute(sql, [begin, end])
        # Sorted here: rows this long, the database would sort on disk.
        return sorted(cursor.fetchall(), key=itemgetter(0))


class Walk:
    """Reads the log from the end of `tree` on, and reports what does not fit."""

    def __init__(self, tree: CompactRange, *, report: Report) -> None:
        self._tree = tree
        self._report = report
        self._claims: dict[int, list[Claim]] = defaultdict(list)
        self._agreed = tree.size  # the size at which somebody last vouched for the root
        self._nodes: dict[tuple[int, int], str] = {}

    def expect(self, claims: Iterable[Claim]) -> None:
        """Compare these roots when the tree has their size."""
        for claim in claims:
            self._claims[claim.size].append(claim)

    def read(self, rows: Sequence[Row], end: int) -> None:
        """Go on over the rows up to, but without, `end`.

        Raises:
            Broken: a place is empty, or its hash is none. It is reported.
        """
        self._nodes = _stored_nodes(self._tree.size, end)
        for row in rows:
            if row[0] != self._tree.size:
                break
            self._check_record(row)
            self._grow(row[1])
        if self._tree.size != end:
            self._report.add(
                "The place is empty. The log cannot be followed any further.", index=self._tree.size
            )
            raise Broken

    def _check_record(self, row: Row) -> None:
        index, leaf = row[:2]
        record, (number, previous, was) = row[3 : 3 + WIDTH], row[3 + WIDTH :]
        if record[1] is None:
            self._report.add(f"It is gone (its identifier is {row[2]}).", index=index)
            return
        if record[1] != leaf:
            self._report.add("The hash at its place is not the record's own.", index=index)
        for fault in _faults(_uuid(row[2]), record, number, previous, was):
            self._report.add(fault, index=index)

    def _grow(self, leaf: str) -> None:
        try:
            self._tree.append(bytes.fromhex(leaf), complete=self._check_node)
        except ValueError:
            self._report.add("The hash at its place is none.", index=self._tree.size)
            raise Broken from None
        claims = self._claims.pop(self._tree.size, None)
        if claims is not None:
            self._compare(claims)

    def _check_node(self, height: int, index: int, node: bytes) -> None:
        level, above = divmod(height, HEIGHT)
        if above == 0 and self._nodes.pop((level, index), None) != node.hex():
            begin, end = index << height, (index + 1 << height) - 1
            self._report.add(f"The stored hash of the records {begin} to {end} is not theirs.", index=begin)

    def _compare(self, claims: Iterable[Claim]) -> None:
        size, root = self._tree.size, self._tree.root()
        for claim in claims:
            if claim.root != root:
                self._report.add(
                    f"{claim.who} says otherwise: one of the records {self._agreed} to {size - 1}"
                    " was changed, removed or moved.",
                    index=self._agreed,
                )
        if all(claim.root == root for claim in claims):
            self._agreed = size


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
                report.add(f"The record {_uuid(identifier)} was removed before it was sealed.")
                continue
            for fault in _faults(_uuid(identifier), record, number, previous, was):
                report.add(f"The record {_uuid(identifier)}, not sealed yet: {fault}")
    return len(rows)


def check_strays(report: Report, *, first: UUID) -> None:
    """Report the records from the identifier `first` on that have no place in the log and wait for none."""
    field = AuditRecord._meta.pk
    sql = f"""SELECT r.id FROM {_RECORD} r WHERE r.id >= %s
      AND NOT EXISTS (SELECT 1 FROM {_LEAF} l WHERE l.record_id = r.id)
      AND NOT EXISTS (SELECT 1 FROM {_PENDING} p WHERE p.record_id = r.id)
      ORDER BY r.id LIMIT 100"""  # noqa: S608  names of our own
    with connection.cursor() as cursor:
        cursor.execute(sql, [field.get_db_prep_value(first, connection)])
        for (identifier,) in cursor.fetchall():
            report.add(f"The record {_uuid(identifier)} is neither sealed nor waiting to be.")


def _faults(
    identifier: UUID, record: Row, number: int | None, previous: str | None, was: str | None
) -> list[str]:
    """Return a sentence for each thing that is wrong with a row and its link to the one before it."""
    faults: list[str] = []
    if not is_whole(record):
        found = AuditRecord.objects.filter(pk=identifier).first()
        told = [] if found is None else faults_of(found)
        faults += told or ["A column differs from the text of the record."]
    if number is not None and number > 1 and was is None:
        faults.append(f"Record {number - 1} of this call is missing.")
    elif number is not None and number > 1 and was != previous:
        faults.append("The record before this one in the call is not the one that this record names.")
    return faults


def _stored_nodes(begin: int, end: int) -> dict[tuple[int, int], str]:
    """Return the nodes of the subtrees that become full between two sizes."""
    found: dict[tuple[int, int], str] = {}
    for level in range(1, MOST_LEVELS):
        first, last = begin >> HEIGHT * level, end >> HEIGHT * level
        if first == last:
            break
        nodes = AuditNode.objects.filter(level=level, index__gte=first, index__lt=last)
        found |= {(level, index): node for index, node in nodes.values_list("index", "node_hash")}
    return found


def _uuid(identifier: Any) -> UUID:
    return identifier if isinstance(identifier, UUID) else UUID(identifier)
