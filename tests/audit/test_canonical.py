"""The canonical text of a value is the one that an independent RFC 8785 library gives."""

import math
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from audit.canonical import (
    DEEPEST,
    LARGEST_INTEGER,
    NotCanonical,
    clean_text,
    clean_value,
    decode,
    encode,
    format_time,
)

_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00" + _BIDI)).map(
    lambda text: unicodedata.normalize("NFC", text)
)
keys = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))
integers = st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
values = st.recursive(
    st.none() | st.booleans() | integers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_the_text_is_the_one_of_an_independent_library(value: Any):
    assert encode(value).encode() == rfc8785.dumps(value)


@given(values)
def test_a_text_is_read_back_to_the_same_value(value: Any):
    assert decode(encode(value)) == value


@given(st.text())
def test_composed_and_decomposed_text_give_the_same_bytes(text: str):
    clean = clean_text(text)
    assert encode(unicodedata.normalize("NFD", clean)) == encode(clean)


def test_control_characters_are_escaped_as_the_rfc_says():
    assert encode('\b\t\n\f\r"\\\x1f\x7f/é') == '"\\b\\t\\n\\f\\r\\"\\\\\\u001f\x7f/é"'


def test_keys_are_sorted_and_nothing_is_spaced():
    assert (
        encode({"b": [1, True, None], "a": {"z": "", "B": -1}}) == '{"a":{"B":-1,"z":""},"b":[1,true,null]}'
    )


def test_a_time_becomes_utc_with_six_digits():
    at = datetime(2026, 3, 1, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert encode({"at": at}) == '{"at":"2026-02-28T23:00:00.000000Z"}'


def test_a_year_keeps_its_four_digits():
    assert format_time(datetime(33, 4, 3, tzinfo=UTC)) == "0033-04-03T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ({"a": [0, {"b": 1.5}]}, "$.a[1].b", "fraction"),
        ({"a": math.nan}, "$.a", "fraction"),
        ({"a": LARGEST_INTEGER + 1}, "$.a", r"2\^53"),
        ([-LARGEST_INTEGER - 1], "$[0]", r"2\^53"),
        ({"a": "x\x00y"}, "$.a", r"U\+0000 at character 1"),
        ({"a": "\ud800"}, "$.a", r"U\+D800"),
        ({"a": "\u202eabc"}, "$.a", r"U\+202E"),
        ({"a": datetime(2026, 1, 1)}, "$.a", "zone"),  # noqa: DTZ001  the case under test
        ({"a": b"bytes"}, "$.a", "bytes has no"),
        ({"a": {1}}, "$.a", "set has no"),
        ({"a": {"é": 1}}, "$.a", "key"),
        ({"a": {1: 1}}, "$.a", "key"),
        ({"a": {"x\n": 1}}, "$.a", "key"),
    ],
)
def test_what_has_no_canonical_form_is_refused_with_its_place(value: Any, path: str, reason: str):
    with pytest.raises(NotCanonical, match=reason) as refusal:
        encode(value)
    assert refusal.value.path == path


def test_a_value_that_holds_itself_is_refused():
    value: list[Any] = []
    value.append(value)
    with pytest.raises(NotCanonical, match=f"deeper than {DEEPEST}"):
        encode(value)


@pytest.mark.parametrize("character", _BIDI)
def test_every_bidirectional_control_is_refused(character: str):
    with pytest.raises(NotCanonical):
        encode(character)


def test_a_key_given_twice_is_refused_with_its_place():
    with pytest.raises(NotCanonical, match="twice") as refusal:
        decode('{"a":[{"b":1,"b":2}]}')
    assert refusal.value.path == "$.a[0].b"


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '{"b":1,"a":2}',
        '"\\u00e9"',
        '"\\/"',
        '"e\u0301"',
        "-0",
        "1.0",
        "1e3",
        "NaN",
        "9007199254740992",
        "1" * 5000,
        "[" * 5000 + "]" * 5000,
        '"\\ud800"',
        "",
        "{",
        "1 ",
        "\ufeff1",
    ],
)
def test_a_text_not_in_canonical_form_is_refused(text: str):
    with pytest.raises(NotCanonical):
        decode(text)


@given(st.text(), st.integers(1, 40))
def test_any_text_can_be_recorded_once_cleaned(text: str, limit: int):
    clean = clean_text(text, limit=limit)
    assert decode(encode(clean)) == clean
    assert len(clean) <= limit


@given(st.text(), st.integers(1, 40))
def test_cleaning_twice_changes_nothing(text: str, limit: int):
    once = clean_text(text, limit=limit)
    assert clean_text(once, limit=limit) == once


def test_what_may_not_be_recorded_is_shown_by_its_number():
    assert clean_text("a\x00b\u202ec\ud800d\x1be") == "a\\u{0000}b\\u{202E}c\\u{D800}d\\u{001B}e"


def test_a_long_text_ends_in_an_ellipsis():
    assert clean_text("x" * 20, limit=8) == "xxxxxxx…"


def test_a_text_that_shrinks_as_it_is_normalised_still_shows_that_it_was_cut():
    assert clean_text("\u1100\u1161\u11a8" * 1000, limit=100).endswith("…")


def test_a_text_of_megabytes_is_cut_in_no_time():
    assert len(clean_text("\u202e" * 10_000_000)) == 500


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(json_like)
def test_any_json_value_can_be_recorded_once_cleaned(value: Any):
    clean = clean_value(value)
    assert decode(encode(clean)) == clean


def test_a_cleaned_value_is_bounded_in_every_direction():
    deep: Any = "end"
    for _ in range(50):
        deep = {"deeper": deep}
    clean = clean_value({"long": ["x"] * 1000, "deep": deep, "wide": "y" * 10_000, "big": 10**5000})
    assert len(encode(clean)) < 3000
