"""The tree against a reference written from the words of RFC 6962, at every size up to 1,100."""

import hashlib
import random
from collections.abc import Iterator
from functools import cache

import pytest

from audit import merkle
from audit.merkle import CompactRange, InvalidProof, Tree, verify_consistency, verify_inclusion

LARGEST = 1_100
EXHAUSTIVE = 260  # up to this size each index and each older size is tried, above it those that matter
ENTRIES = [b"record %d" % number for number in range(LARGEST)]
LEAVES = [merkle.leaf_hash(entry) for entry in ENTRIES]

# The test data of Google's certificate-transparency, published with the RFC's first implementation.
CT_ENTRIES = [
    bytes.fromhex(text)
    for text in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


# --- The reference: MTH, PATH, PROOF and SUBPROOF as sections 2.1, 2.1.1 and 2.1.2 define them ---------------
@cache
def mth(begin: int, end: int) -> bytes:
    n = end - begin
    if n == 0:
        return hashlib.sha256(b"").digest()
    if n == 1:
        return hashlib.sha256(b"\x00" + ENTRIES[begin]).digest()
    k = smaller_power_of_two(n)
    return hashlib.sha256(b"\x01" + mth(begin, begin + k) + mth(begin + k, end)).digest()


def path(m: int, begin: int, end: int) -> list[bytes]:
    n = end - begin
    if n == 1:
        return []
    k = smaller_power_of_two(n)
    if m < k:
        return [*path(m, begin, begin + k), mth(begin + k, end)]
    return [*path(m - k, begin + k, end), mth(begin, begin + k)]


def subproof(m: int, begin: int, end: int, b: bool) -> list[bytes]:
    n = end - begin
    if m == n:
        return [] if b else [mth(begin, end)]
    k = smaller_power_of_two(n)
    if m <= k:
        return [*subproof(m, begin, begin + k, b), mth(begin + k, end)]
    return [*subproof(m - k, begin + k, end, False), mth(begin, begin + k)]


def smaller_power_of_two(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


# ------------------------------------------------------------------------------------------------------------
@cache
def subtree(height: int, index: int) -> bytes:
    if height == 0:
        return LEAVES[index]
    return merkle.node_hash(subtree(height - 1, 2 * index), subtree(height - 1, 2 * index + 1))


TREE = Tree(subtree)


def chosen(size: int, *, least: int) -> Iterator[int]:
    """Give the numbers from `least` up to, but without, `size`: all of them, or the edges and some more."""
    if size <= EXHAUSTIVE:
        yield from range(least, size)
        return
    edges = {least, size - 1, size // 2, smaller_power_of_two(size) - 1, smaller_power_of_two(size)}
    yield from sorted(edges | set(random.Random(size).sample(range(least, size), 5)))


@pytest.mark.parametrize(("size", "root"), list(enumerate(CT_ROOTS)))
def test_the_published_roots_come_out(size: int, root: str):
    assert merkle.root_of(map(merkle.leaf_hash, CT_ENTRIES[:size])).hex() == root


def test_every_root_is_that_of_the_definition():
    grown = CompactRange()
    for size in range(LARGEST + 1):
        assert grown.root() == TREE.root(size) == mth(0, size)
        assert grown.peaks == TREE.peaks(size)
        if size < LARGEST:
            grown.append(LEAVES[size])


def test_every_inclusion_proof_is_that_of_the_definition_and_holds():
    for size in range(1, LARGEST + 1):
        for index in chosen(size, least=0):
            proof = TREE.inclusion_proof(index, size)
            assert proof == path(index, 0, size)
            verify_inclusion(index=index, size=size, leaf=LEAVES[index], proof=proof, root=mth(0, size))


def test_every_consistency_proof_is_that_of_the_definition_and_holds():
    for new in range(1, LARGEST + 1):
        for old in chosen(new, least=1):
            proof = TREE.consistency_proof(old, new)
            assert proof == subproof(old, 0, new, True)
            verify_consistency(
                old_size=old, new_size=new, old_root=mth(0, old), new_root=mth(0, new), proof=proof
            )


@pytest.mark.parametrize("size", range(12))
def test_nothing_needs_to_be_proved_of_the_empty_tree_nor_of_the_same_one(size: int):
    for old in (0, size):
        assert TREE.consistency_proof(old, size) == []
        verify_consistency(old_size=old, new_size=size, old_root=mth(0, old), new_root=mth(0, size), proof=[])


def test_a_proof_for_one_place_holds_for_no_other():
    size, root = 11, mth(0, 11)
    for index in range(size):
        proof = TREE.inclusion_proof(index, size)
        for other in set(range(-1, size + 1)) - {index}:
            with pytest.raises(InvalidProof):
                verify_inclusion(index=other, size=size, leaf=LEAVES[index], proof=proof, root=root)


def _damaged(proof: list[bytes]) -> Iterator[list[bytes]]:
    """Give proofs with one thing wrong."""
    yield [*proof, bytes(32)]
    yield [bytes(32), *proof]
    for at in range(len(proof)):
        yield proof[:at] + proof[at + 1 :]
        yield [*proof[:at], bytes(32), *proof[at + 1 :]]
        yield [*proof[:at], proof[at][:31], *proof[at + 1 :]]


@pytest.mark.parametrize("size", range(1, 20))
def test_a_damaged_inclusion_proof_is_refused(size: int):
    for index in range(size):
        proof = TREE.inclusion_proof(index, size)
        for wrong in _damaged(proof):
            with pytest.raises(InvalidProof):
                verify_inclusion(index=index, size=size, leaf=LEAVES[index], proof=wrong, root=mth(0, size))


@pytest.mark.parametrize("new", range(1, 20))
def test_a_damaged_consistency_proof_is_refused(new: int):
    for old in range(1, new + 1):
        for wrong in _damaged(TREE.consistency_proof(old, new)):
            with pytest.raises(InvalidProof):
                verify_consistency(
                    old_size=old, new_size=new, old_root=mth(0, old), new_root=mth(0, new), proof=wrong
                )


@pytest.mark.parametrize(("old", "new"), [(1, 1), (3, 3), (3, 7), (4, 8), (7, 8), (6, 9)])
@pytest.mark.parametrize("changed", ["old_root", "new_root"])
def test_another_root_is_not_consistent(old: int, new: int, changed: str):
    roots = {"old_root": mth(0, old), "new_root": mth(0, new)} | {changed: bytes(32)}
    with pytest.raises(InvalidProof):
        verify_consistency(old_size=old, new_size=new, proof=TREE.consistency_proof(old, new), **roots)


def test_a_smaller_tree_does_not_continue_a_larger_one():
    with pytest.raises(InvalidProof, match="does not contain"):
        verify_consistency(old_size=5, new_size=4, old_root=mth(0, 5), new_root=mth(0, 4), proof=[])


def test_a_root_claimed_for_the_empty_tree_is_refused():
    with pytest.raises(InvalidProof, match="empty"):
        verify_consistency(old_size=0, new_size=4, old_root=bytes(32), new_root=mth(0, 4), proof=[])


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_a_leaf_that_is_not_there_has_no_proof(index: int, size: int):
    with pytest.raises(ValueError, match="no leaf"):
        TREE.inclusion_proof(index, size)


@pytest.mark.parametrize(("old", "new"), [(-1, 4), (5, 4)])
def test_sizes_in_the_wrong_order_have_no_proof(old: int, new: int):
    with pytest.raises(ValueError, match="does not contain"):
        TREE.consistency_proof(old, new)


def test_a_tree_goes_on_from_its_peaks_alone():
    for size in range(1, 70):
        resumed = CompactRange(size, TREE.peaks(size))
        resumed.append(LEAVES[size])
        assert resumed.root() == mth(0, size + 1)


@pytest.mark.parametrize(("size", "peaks"), [(0, 1), (3, 1), (4, 2), (-1, 0)])
def test_peaks_that_do_not_fit_the_size_are_refused(size: int, peaks: int):
    with pytest.raises(ValueError, match="peaks"):
        CompactRange(size, [bytes(32)] * peaks)


def test_each_subtree_is_told_of_once_as_it_becomes_full():
    told: dict[tuple[int, int], bytes] = {}
    grown = CompactRange()
    for leaf in LEAVES[:600]:
        grown.append(leaf, complete=lambda height, index, each: told.update({(height, index): each}))
    expected = {(height, index) for height in range(1, 10) for index in range(600 >> height)}
    assert told.keys() == expected
    assert all(each == subtree(*place) for place, each in told.items())


def test_a_tree_in_memory_proves_like_any_other():
    tree = merkle.tree_of(LEAVES[:37])
    assert tree.inclusion_proof(17, 37) == path(17, 0, 37)
