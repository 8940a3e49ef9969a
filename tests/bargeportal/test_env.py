from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from bargeportal.env import Environment


def test_an_empty_value_gives_the_default() -> None:
    assert Environment({"NAME": "  "}).text("NAME", "default") == "default"


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    assert Environment({"KEY_FILE": str(tmp_path / "secret")}).secret("KEY") == "from the file"


def test_a_secret_from_two_places_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="KEY and KEY_FILE are both set"):
        Environment({"KEY": "a", "KEY_FILE": str(tmp_path / "secret")}).secret("KEY")


def test_a_secret_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="KEY_FILE: cannot read"):
        Environment({"KEY_FILE": str(tmp_path / "nothing")}).secret("KEY")


@pytest.mark.parametrize("value", ["ten", "1.5", "0", "11"])
def test_a_number_out_of_bounds_names_its_variable(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="COUNT must be"):
        Environment({"COUNT": value}).integer("COUNT", 5, least=1, most=10)


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("Yes", True), ("off", False), ("", True)])
def test_a_boolean_is_read_from_words(value: str, expected: Any) -> None:
    assert Environment({"FLAG": value}).boolean("FLAG", default=True) is expected


def test_a_boolean_of_another_word_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="FLAG must be true or false"):
        Environment({"FLAG": "maybe"}).boolean("FLAG", default=True)


def test_a_choice_lists_what_may_be_chosen() -> None:
    with pytest.raises(ImproperlyConfigured, match="LEVEL must be one of A, B, not 'C'"):
        Environment({"LEVEL": "C"}).choice("LEVEL", "A", of=("A", "B"))


def test_words_are_split_at_commas() -> None:
    assert Environment({"HOSTS": " a, b ,,c"}).words("HOSTS") == ["a", "b", "c"]


@pytest.mark.parametrize("value", ["host", "ftp://host", "https://", "//host"])
def test_an_address_without_scheme_or_host_is_refused(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="URL must be an address"):
        Environment({"URL": value}).url("URL")


def test_an_address_loses_its_trailing_slash() -> None:
    assert Environment({"URL": "https://host/base/"}).url("URL") == "https://host/base"
