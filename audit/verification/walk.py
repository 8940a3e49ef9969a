"""The tree that grows from the leaves, and who vouches for its root."""

from collections import defaultdict
from collections.abc import Iterable

from audit.merkle import HASH_SIZE, CompactRange
from audit.models import AuditNode
from audit.tiles import HEIGHT, MOST_LEVELS
from audit.verification.report import Report
from audit.verification.spans import Span
from audit.verification.witnesses import Claim


class Broken(Exception):
    """The log cannot be followed any further."""


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

    def read(self, span: Span) -> None:
        """Go on over `span`, which begins where the tree ends.

        Raises:
            Broken: a place is empty, or its hash is none. It is reported.
        """
        self._nodes = _stored_nodes(span.begin, span.end)
        for place, fault in span.faults:
            self._report.add(fault, index=place)
        for at in range(0, len(span.leaves), HASH_SIZE):
            self._tree.append(span.leaves[at : at + HASH_SIZE], complete=self._check_node)
            claims = self._claims.pop(self._tree.size, None)
            if claims is not None:
                self._compare(claims)
        if self._tree.size != span.end:
            self._report.add(
                "The place is empty, or holds no hash: the log cannot be followed any further.",
                index=self._tree.size,
            )
            raise Broken

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
