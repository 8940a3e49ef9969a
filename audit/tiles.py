"""The layout of C2SP tlog-tiles (https://c2sp.org/tlog-tiles): names, widths and content of tiles.

A tile holds up to 256 consecutive hashes of one level; a hash of level L is the root of 256^L leaves.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from audit.merkle import HASH_SIZE

WIDTH = 256
HEIGHT = 8  # levels of the tree between two levels of tiles
MOST_LEVELS = 8  # of tiles in a tree whose size has 63 bits
LONGEST_ENTRY = 65_535  # bytes, two of which give the length
_PATH = re.compile(
    r"tile/(?P<level>0|[1-9][0-9]?|entries)/(?P<index>(x[0-9]{3}/){0,6}[0-9]{3})(\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


class InvalidTile(ValueError):
    """A path that names no tile, or content that is none."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile by its place: `level` is None for a bundle of entries, `width` below 256 for a partial tile."""

    level: int | None
    index: int
    width: int = WIDTH

    def path(self) -> str:
        """Return the path below the address of the log."""
        digits = f"{self.index:d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        name = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        level = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{name}{partial}"


def parse_path(path: str) -> Tile:
    """Return the tile that `path` names.

    Raises:
        InvalidTile: it names none, or is not the one way in which that tile is written.
    """
    found = _PATH.fullmatch(path)
    if found is None:
        raise InvalidTile("not the path of a tile")
    level = None if found["level"] == "entries" else int(found["level"])
    width = WIDTH if found["width"] is None else int(found["width"])
    tile = Tile(level, int(found["index"].replace("x", "").replace("/", "")), width)
    if tile.path() != path or (level or 0) > 63:
        raise InvalidTile("not the path of a tile")
    return tile


def width_at(tile: Tile, *, size: int) -> int:
    """Return how many hashes stand at the place of `tile` in a tree of `size` leaves: 0 to 256."""
    hashes = size >> HEIGHT * (tile.level or 0)
    return min(max(hashes - tile.index * WIDTH, 0), WIDTH)


def tiles_at(size: int) -> list[Tile]:
    """Return the last tile of each level of a tree of `size` leaves, the partial ones: what a new checkpoint adds."""
    last = []
    for level in range(MOST_LEVELS):
        index, width = divmod(size >> HEIGHT * level, WIDTH)
        if width:
            last.append(Tile(level, index, width))
    return last


def join(hashes: Sequence[bytes]) -> bytes:
    """Return the content of a tile of these hashes."""
    if not 0 < len(hashes) <= WIDTH or any(len(each) != HASH_SIZE for each in hashes):
        raise InvalidTile(f"a tile has 1 to {WIDTH} hashes of {HASH_SIZE} bytes")
    return b"".join(hashes)


def split(content: bytes, *, width: int = WIDTH) -> list[bytes]:
    """Return the hashes of a tile that is `width` wide."""
    if len(content) != width * HASH_SIZE:
        raise InvalidTile(f"a tile of {width} hashes has {width * HASH_SIZE} bytes, not {len(content)}")
    return [content[at : at + HASH_SIZE] for at in range(0, len(content), HASH_SIZE)]


def bundle(entries: Sequence[bytes]) -> bytes:
    """Return a bundle: each entry after its length in two bytes, the higher one first.

    Raises:
        InvalidTile: too many entries, or one too long for its length to be written.
    """
    if not 0 < len(entries) <= WIDTH or any(len(entry) > LONGEST_ENTRY for entry in entries):
        raise InvalidTile(f"a bundle has 1 to {WIDTH} entries of at most {LONGEST_ENTRY} bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def unbundle(content: bytes) -> list[bytes]:
    """Return the entries of a bundle.

    Raises:
        InvalidTile: it ends within an entry, or has none, or more than 256.
    """
    entries, at = [], 0
    while at < len(content):
        end = at + 2 + int.from_bytes(content[at : at + 2], "big")
        if at + 2 > len(content) or end > len(content):
            raise InvalidTile("the bundle ends within an entry")
        entries.append(content[at + 2 : end])
        at = end
    if not 0 < len(entries) <= WIDTH:
        raise InvalidTile(f"a bundle has 1 to {WIDTH} entries")
    return entries
