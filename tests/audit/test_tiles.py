"""Tiles: the names and widths that the specification gives."""

import pytest

from audit.tiles import (
    LONGEST_ENTRY,
    InvalidTile,
    Tile,
    bundle,
    join,
    parse_path,
    split,
    tiles_at,
    unbundle,
    width_at,
)

HASHES = [bytes([number % 256]) * 32 for number in range(256)]


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 1234067), "tile/0/x001/x234/067"),  # the example of the specification
        (Tile(3, 999), "tile/3/999"),
        (Tile(3, 1000), "tile/3/x001/000"),
        (Tile(1, 5, 17), "tile/1/005.p/17"),
        (Tile(63, 0, 255), "tile/63/000.p/255"),
        (Tile(None, 1234067, 1), "tile/entries/x001/x234/067.p/1"),
    ],
)
def test_a_tile_has_one_path(tile: Tile, path: str):
    assert tile.path() == path
    assert parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "/tile/0/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/001",
        "tile/0/001/001",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/../000",
        "tile/0/٠٠٠",
        "tile/0/000\n",
        "tile/entries/" + "x001/" * 7 + "001",
    ],
)
def test_a_path_in_any_other_spelling_is_refused(path: str):
    with pytest.raises(InvalidTile):
        parse_path(path)


def test_a_tree_of_70000_has_the_tiles_of_the_specification():
    assert tiles_at(70_000) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert [width_at(Tile(0, index), size=70_000) for index in (0, 272, 273, 274)] == [256, 256, 112, 0]
    assert [width_at(Tile(1, index), size=70_000) for index in (0, 1, 2)] == [256, 17, 0]
    assert width_at(Tile(None, 273), size=70_000) == 112


def test_a_tree_of_256_has_a_full_tile_and_a_partial_one_above():
    assert tiles_at(256) == [Tile(1, 0, 1)]
    assert width_at(Tile(0, 0), size=256) == 256


def test_the_empty_tree_has_no_tile():
    assert tiles_at(0) == []


@pytest.mark.parametrize("width", [1, 112, 256])
def test_what_is_joined_is_split(width: int):
    assert split(join(HASHES[:width]), width=width) == HASHES[:width]


@pytest.mark.parametrize("hashes", [[], [*HASHES, HASHES[0]], [b"short"]])
def test_what_is_no_tile_is_not_joined(hashes: list[bytes]):
    with pytest.raises(InvalidTile):
        join(hashes)


@pytest.mark.parametrize("content", [b"", bytes(31), bytes(33), bytes(64)])
def test_content_of_another_width_is_refused(content: bytes):
    with pytest.raises(InvalidTile):
        split(content, width=1)


def test_entries_are_bundled_after_their_length():
    assert bundle([b"a", b"", b"x" * 258]) == b"\x00\x01a" + b"\x00\x00" + b"\x01\x02" + b"x" * 258


def test_what_is_bundled_is_unbundled():
    entries = [b"a", b"", b"x" * LONGEST_ENTRY]
    assert unbundle(bundle(entries)) == entries


@pytest.mark.parametrize("entries", [[], [b""] * 257, [b"x" * (LONGEST_ENTRY + 1)]])
def test_what_cannot_be_bundled_is_refused(entries: list[bytes]):
    with pytest.raises(InvalidTile):
        bundle(entries)


@pytest.mark.parametrize("content", [b"", b"\x00", b"\x00\x02a", b"\x00\x00" * 257])
def test_what_is_no_bundle_is_refused(content: bytes):
    with pytest.raises(InvalidTile):
        unbundle(content)
