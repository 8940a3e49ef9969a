"""The Merkle tree as the database holds it: leaves, and a node for each full subtree of 256, 65,536, … leaves."""

from audit.checkpoint import LARGEST_SIZE
from audit.merkle import Tree, root_of
from audit.models import AuditLeaf, AuditNode
from audit.tiles import HEIGHT


class DamagedTree(Exception):
    """Leaves or nodes that a tree of its size has are missing."""


def size() -> int:
    """Return how many records have a place in the log."""
    # SQLite keeps anything in any column, and puts text behind all numbers: a forged place may be none.
    numbered = AuditLeaf.objects.filter(index__lte=LARGEST_SIZE)
    last = numbered.order_by("-index").values_list("index", flat=True).first()
    return 0 if last is None else last + 1


def stored_tree() -> Tree:
    """Return the tree. Each root or proof of it costs a few short reads at any size."""
    return Tree(_subtree)


def hashes(level: int, begin: int, count: int) -> list[bytes]:
    """Return `count` hashes of one level of tiles, from number `begin` on.

    Raises:
        DamagedTree: one of them is missing.
    """
    if level == 0:
        leaves = AuditLeaf.objects.filter(index__gte=begin, index__lt=begin + count).order_by("index")
        found = list(leaves.values_list("leaf_hash", flat=True))
    else:
        nodes = AuditNode.objects.filter(level=level, index__gte=begin, index__lt=begin + count)
        found = list(nodes.order_by("index").values_list("node_hash", flat=True))
    if len(found) != count:
        raise DamagedTree(f"of the hashes {begin} to {begin + count - 1} of level {level} some are missing")
    return [bytes.fromhex(each) for each in found]


def _subtree(height: int, index: int) -> bytes:
    level, above = divmod(height, HEIGHT)
    return root_of(hashes(level, index << above, 1 << above))
