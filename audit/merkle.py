"""The Merkle tree of RFC 6962, section 2.1, over SHA-256: hashes, roots, proofs and their verification.

Proofs are made from any source of hashes: `Tree` asks for the roots of full, aligned subtrees and neither
knows nor cares whether they come from a list, from tiles or from a database.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

HASH_SIZE = 32  # bytes
EMPTY_ROOT = hashlib.sha256().digest()  # section 2.1: the hash of an empty list


class InvalidProof(ValueError):
    """A proof that does not show what it was said to show."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256(0x00 ‖ entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class CompactRange:
    """The roots of the full subtrees that make up a tree: all that is needed to make it longer.

    `peaks` has one hash for each bit of `size`, the largest subtree first.
    """

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if size < 0 or len(peaks) != size.bit_count():
            raise ValueError(
                f"a tree of {size} leaves has {max(size, 0).bit_count()} peaks, not {len(peaks)}"
            )
        self.size = size
        self.peaks = list(peaks)

    def append(self, leaf: bytes, *, complete: Callable[[int, int, bytes], None] | None = None) -> None:
        """Add the hash of one leaf.

        `complete(height, index, hash)` is told of each subtree of a height above 0 that becomes full by it.
        """
        peaks, rest, height = self.peaks, self.size, 0
        while rest & 1:
            leaf = node_hash(peaks.pop(), leaf)
            rest >>= 1
            height += 1
            if complete is not None:
                complete(height, rest, leaf)
        peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the root of the tree so far."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root of a tree of these leaf hashes."""
    grown = CompactRange()
    for leaf in leaves:
        grown.append(leaf)
    return grown.root()


class Tree:
    """Roots and proofs of a tree at any size, by the recursive definitions of section 2.1.

    `subtree(height, index)` gives the root of leaves `index << height` to `(index + 1) << height`, and is
    asked for full ones only.
    """

    def __init__(self, subtree: Callable[[int, int], bytes]) -> None:
        self._subtree = subtree

    def root(self, size: int) -> bytes:
        """Return the root of the first `size` leaves."""
        return EMPTY_ROOT if size == 0 else self._range(0, size)

    def peaks(self, size: int) -> list[bytes]:
        """Return the peaks of the first `size` leaves, as `CompactRange` takes them."""
        peaks, begin = [], 0
        for height in reversed(range(size.bit_length())):
            if size >> height & 1:
                peaks.append(self._subtree(height, begin >> height))
                begin += 1 << height
        return peaks

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """Return the audit path of leaf `index` in the tree of `size` leaves (section 2.1.1).

        Raises:
            ValueError: the tree has no such leaf.
        """
        if not 0 <= index < size:
            raise ValueError(f"a tree of {size} leaves has no leaf {index}")
        path, begin, end = [], 0, size
        while end - begin > 1:
            split = begin + _split(end - begin)
            if index < split:
                path.append(self._range(split, end))
                end = split
            else:
                path.append(self._range(begin, split))
                begin = split
        return path[::-1]

    def consistency_proof(self, old: int, new: int) -> list[bytes]:
        """Return the proof that the tree of `new` leaves begins with that of `old` (section 2.1.2).

        It is empty where there is nothing to prove: for no leaves, and for two trees of one size.

        Raises:
            ValueError: not 0 <= old <= new.
        """
        if not 0 <= old <= new:
            raise ValueError(f"a tree of {new} leaves does not contain one of {old}")
        if old in {0, new}:
            return []
        return self._subproof(old, 0, new, is_known=True)

    def _subproof(self, old: int, begin: int, end: int, *, is_known: bool) -> list[bytes]:
        if old == end:
            return [] if is_known else [self._range(begin, end)]
        split = begin + _split(end - begin)
        if old <= split:
            return [*self._subproof(old, begin, split, is_known=is_known), self._range(split, end)]
        return [*self._subproof(old, split, end, is_known=False), self._range(begin, split)]

    def _range(self, begin: int, end: int) -> bytes:
        """Return MTH(D[begin:end]). Every range met here begins where a subtree of its length may begin."""
        size = end - begin
        if size.bit_count() == 1:
            height = size.bit_length() - 1
            return self._subtree(height, begin >> height)
        split = begin + _split(size)
        return node_hash(self._range(begin, split), self._range(split, end))


def tree_of(leaves: Sequence[bytes]) -> Tree:
    """Return the tree of leaf hashes held in memory."""

    def subtree(height: int, index: int) -> bytes:
        return root_of(leaves[index << height : (index + 1) << height])

    return Tree(subtree)


def verify_inclusion(*, index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that `leaf` (a hash) stands at `index` in the tree of this size and root (RFC 9162, 2.1.3.2).

    Raises:
        InvalidProof: it does not, or the proof is not one for this place.
    """
    if not 0 <= index < size:
        raise InvalidProof(f"a tree of {size} leaves has no leaf {index}")
    _check_hashes([leaf, root, *proof])
    rest, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise InvalidProof("the proof is too long")
        if rest & 1 or rest == last:
            current = node_hash(sibling, current)
            while not rest & 1 and rest:
                rest, last = rest >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        rest, last = rest >> 1, last >> 1
    if last != 0:
        raise InvalidProof("the proof is too short")
    if current != root:
        raise InvalidProof("the proof leads to another root")


def verify_consistency(
    *, old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree of `new_size` begins with that of `old_size` (RFC 9162, 2.1.4.2).

    Raises:
        InvalidProof: it does not, or the proof is not one for these sizes.
    """
    _check_hashes([old_root, new_root, *proof])
    if not 0 <= old_size <= new_size:
        raise InvalidProof(f"a tree of {new_size} leaves does not contain one of {old_size}")
    if old_size in {0, new_size}:
        _check_nothing_to_prove(old_size, new_size, old_root, new_root, proof)
        return
    # A full old tree is itself the first node of the path.
    path = [old_root, *proof] if old_size.bit_count() == 1 else list(proof)
    if not path:
        raise InvalidProof("the proof is too short")
    old, new = _climb(old_size - 1, new_size - 1, path)
    if old != old_root:
        raise InvalidProof("the proof does not lead to the old root")
    if new != new_root:
        raise InvalidProof("the proof does not lead to the new root")


def _climb(rest: int, last: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the roots of both trees that follow from the path."""
    while rest & 1:
        rest, last = rest >> 1, last >> 1
    old = new = path[0]
    for node in path[1:]:
        if last == 0:
            raise InvalidProof("the proof is too long")
        if rest & 1 or rest == last:
            old, new = node_hash(node, old), node_hash(node, new)
            while not rest & 1 and rest:
                rest, last = rest >> 1, last >> 1
        else:
            new = node_hash(new, node)
        rest, last = rest >> 1, last >> 1
    if last != 0:
        raise InvalidProof("the proof is too short")
    return old, new


def _check_nothing_to_prove(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    if proof:
        raise InvalidProof("the proof is too long")
    if old_size == new_size and old_root != new_root:
        raise InvalidProof("two trees of one size have different roots")
    if old_size == 0 and old_root != EMPTY_ROOT:
        raise InvalidProof("the root of the empty tree is another")


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(each) != HASH_SIZE for each in hashes):
        raise InvalidProof(f"a hash has {HASH_SIZE} bytes")


def _split(size: int) -> int:
    """Return the largest power of two below `size`, which is at least 2."""
    return 1 << (size - 1).bit_length() - 1
