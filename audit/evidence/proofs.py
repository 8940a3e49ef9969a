"""Proofs for many records of one search: each tile of the stored tree is read and hashed once."""

from functools import lru_cache

from audit.merkle import Tree, node_hash
from audit.stored_tree import hashes
from audit.tiles import HEIGHT, WIDTH, Tile, width_at

_KEPT = 256  # tiles, of some 40 KB each; records come nearly in the order of their places


def remembering_tree(size: int) -> Tree:
    """Return the stored tree at `size` leaves, with the tiles that were used last kept in memory.

    Its methods raise stored_tree.DamagedTree where hashes are missing.
    """

    @lru_cache(maxsize=_KEPT)
    def pyramid(level: int, index: int) -> list[list[bytes]]:
        """Return the hashes of a tile, and over them those of every full subtree of 2, 4, … 256 of them."""
        rows = [hashes(level, index * WIDTH, width_at(Tile(level, index), size=size))]
        while len(rows[-1]) > 1:
            below = rows[-1]
            rows.append([node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)])
        return rows

    def subtree(height: int, index: int) -> bytes:
        level, above = divmod(height, HEIGHT)
        tile, within = divmod(index, WIDTH >> above)
        return pyramid(level, tile)[above][within]

    return Tree(subtree)
