"""Gives committed records their places in the Merkle tree, and stores what was signed.

The only writer of leaves, nodes and checkpoints, and the only one who empties the outbox.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from audit.checkpoint import Checkpoint
from audit.entry import leaf_hash
from audit.fixed_sql import FixedSql
from audit.merkle import CompactRange
from audit.models import AuditCheckpoint, AuditLeaf, AuditNode, AuditPending, AuditRecord
from audit.stored_tree import size as sealed_size
from audit.stored_tree import stored_tree
from audit.tiles import HEIGHT

BATCH = 2_000  # records; the transaction that writes them is some 100 ms long
_PENDING, _RECORD = AuditPending._meta.db_table, AuditRecord._meta.db_table
_LEAF, _NODE = AuditLeaf._meta.db_table, AuditNode._meta.db_table
_WAITING = f"""SELECT record_id, leaf_hash, body FROM {_PENDING} JOIN {_RECORD} ON id = record_id
WHERE record_id > %s ORDER BY record_id LIMIT %s"""  # noqa: S608  names of our own
_INSERT_LEAF = f'INSERT INTO {_LEAF} ("index", record_id, leaf_hash) VALUES (%s, %s, %s)'  # noqa: S608  as above
_INSERT_NODE = f'INSERT INTO {_NODE} (level, "index", node_hash) VALUES (%s, %s, %s)'  # noqa: S608  as above
_EMPTY_OUTBOX = f"""DELETE FROM {_PENDING}
WHERE record_id IN (SELECT record_id FROM {_LEAF} WHERE "index" >= %s)"""  # noqa: S608  as above

_CHECKPOINTS = FixedSql(AuditCheckpoint)

Row = tuple[Any, str, str]  # record id as the database writes it, leaf hash, body


class SealingFault(Exception):
    """What was about to be sealed is not what the database then held. Nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one batch did: how many were sealed, and the ids of those whose text does not fit their hash.

    `last` is where the next batch of the same pass goes on; None when nothing more waits.
    """

    sealed: int
    unfit: tuple[str, ...]
    last: Any | None


def seal_batch(*, after: Any = None, limit: int = BATCH) -> Batch:
    """Give places to at most `limit` committed records from the outbox.

    Everything is read and computed before the one short transaction that writes. A record whose text does
    not fit its hash stays in the outbox, where verification finds it; it holds up no other.

    Raises:
        SealingFault: the tree that was written has another root than the one that was computed.
        IntegrityError: another sealer was quicker. All is rolled back, here as above.
        stored_tree.DamagedTree: the tree so far is not whole.
    """
    rows = _waiting(after, limit)
    fit = [row for row in rows if _is_fit(row)]
    if fit:
        _write(fit)
    unfit = tuple(str(row[0]) for row in rows if not _is_fit(row))
    return Batch(len(fit), unfit, rows[-1][0] if len(rows) == limit else None)


def store_checkpoint(found: Checkpoint, note: str, *, at: datetime) -> None:
    """Keep a signed checkpoint. Does nothing when it is stored already."""
    row = AuditCheckpoint(size=found.size, root_hash=found.root.hex(), note=note, stored_at=at)
    with transaction.atomic(durable=True):
        if not AuditCheckpoint.objects.filter(size=found.size).exists():
            _CHECKPOINTS.insert(row)


def newest_checkpoint() -> AuditCheckpoint | None:
    """Return the stored checkpoint of the largest size."""
    return AuditCheckpoint.objects.order_by("-size").first()


def _waiting(after: Any, limit: int) -> list[Row]:
    nil = UUID(int=0)
    first = after if after is not None else nil.hex if connection.vendor == "sqlite" else nil
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [first, limit])
        rows: list[Row] = cursor.fetchall()
    return rows


def _is_fit(row: Row) -> bool:
    # SQLite keeps bytes where text was declared, if somebody writes them there.
    return isinstance(row[2], str) and leaf_hash(row[2]) == row[1]


def _write(rows: Sequence[Row]) -> None:
    old_size = sealed_size()
    grown = CompactRange(old_size, stored_tree().peaks(old_size))
    nodes: list[tuple[int, int, str]] = []

    def note_node(height: int, index: int, node: bytes) -> None:
        level, above = divmod(height, HEIGHT)
        if above == 0:
            nodes.append((level, index, node.hex()))

    for _, each, _ in rows:
        grown.append(bytes.fromhex(each), complete=note_node)
    leaves = [(old_size + place, row[0], row[1]) for place, row in enumerate(rows)]
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.executemany(_INSERT_LEAF, leaves)
        if nodes:
            cursor.executemany(_INSERT_NODE, nodes)
        cursor.execute(_EMPTY_OUTBOX, [old_size])
        # By the definition, from what now stands in the database; `grown` added leaf by leaf, in memory.
        if stored_tree().root(grown.size) != grown.root():
            raise SealingFault(f"the tree of {grown.size} records has another root than was computed")
