from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from bargeportal.env import Environment, told_in_one_line


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


@pytest.mark.parametrize("content", ["", " \n"])
def test_a_secret_file_without_a_secret_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret").write_text(content)
    with pytest.raises(ImproperlyConfigured, match="KEY_FILE: the file is empty; write KEY into it"):
        Environment({"KEY_FILE": str(tmp_path / "secret")}).secret("KEY", "made")


def test_a_secret_of_several_lines_is_refused_and_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hidden\nhidden\n")
    for variables in ({"KEY_FILE": str(tmp_path / "secret")}, {"KEY": "hidden\nhidden"}):
        with pytest.raises(ImproperlyConfigured, match="must hold one line") as caught:
            Environment(variables).secret("KEY")
        assert "hidden" not in str(caught.value)


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


def test_commas_without_a_word_are_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="HOSTS must be words with commas between them, not ', ,'"):
        Environment({"HOSTS": ", ,"}).words("HOSTS")


@pytest.mark.parametrize("value", ["https://u:hidden@host", "https://hidden@host", "https://@host"])
def test_an_address_with_a_password_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="URL must not hold a user or password") as caught:
        Environment({"URL": value}).url("URL")
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("value", ["https://host?x=1", "https://host/base#part", "https://host/?"])
def test_a_base_with_more_behind_its_path_is_refused(value: str) -> None:
    assert Environment({"URL": value}).url("URL").startswith("https://host")
    with pytest.raises(ImproperlyConfigured, match="URL must end before any"):
        Environment({"URL": value}).base("URL", "")


def test_an_origin_has_no_path() -> None:
    assert Environment({"URL": "https://host:8443/"}).origin("URL", "") == "https://host:8443"
    with pytest.raises(ImproperlyConfigured, match="URL must be an address like https://host without a path"):
        Environment({"URL": "https://host/path"}).origin("URL", "")


@pytest.mark.parametrize("value", ["host", "ftp://host", "https://", "//host"])
def test_an_address_without_scheme_or_host_is_refused(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="URL must be an address"):
        Environment({"URL": value}).url("URL")


def test_an_address_loses_its_trailing_slash() -> None:
    assert Environment({"URL": "https://host/base/"}).url("URL") == "https://host/base"


@pytest.mark.parametrize("value", ["http://[host", "http://host:port", "http://host:99999"])
def test_an_address_that_cannot_be_taken_apart_is_refused(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="URL must be an address"):
        Environment({"URL": value}).url("URL")


def test_a_secret_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\xff\xfe")
    with pytest.raises(ImproperlyConfigured, match="KEY_FILE: the file is not UTF-8"):
        Environment({"KEY_FILE": str(tmp_path / "secret")}).secret("KEY")


@pytest.mark.parametrize(
    ("value", "engine", "name"),
    [
        ("sqlite:////data/portal.sqlite3", "sqlite3", "/data/portal.sqlite3"),
        ("postgresql://user:word@host:5432/portal", "postgresql", "portal"),
        ("postgres://user@%2Frun%2Fpostgresql/portal", "postgresql", "portal"),
    ],
)
def test_a_database_is_a_file_or_postgresql(value: str, engine: str, name: str) -> None:
    database = Environment({"DB": value}).database("DB", "")
    assert (database["ENGINE"], database["NAME"]) == (f"django.db.backends.{engine}", name)


@pytest.mark.parametrize(
    "value",
    ["bogus", "mysql://user:secret@host/name", "postgresql://user:secret@host:port/name", "postgis://host/x"],
)
def test_another_database_names_its_variable_and_what_is_allowed_but_no_password(value: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        Environment({"DB": value}).database("DB", "")
    said = str(caught.value)
    assert said.startswith("DB must be sqlite:////folder/file or postgresql://")
    assert "secret" not in said


@pytest.mark.parametrize(
    "value",
    [
        "sqlite://",
        "sqlite://:memory:",
        "sqlite:///:memory:",
        "sqlite:///rel.db",
        "sqlite:////",
        "sqlite:////a/",
    ],
)
def test_a_database_that_processes_cannot_share_is_refused(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DB must name a file by its whole path"):
        Environment({"DB": value}).database("DB", "")


@pytest.mark.parametrize("value", ["postgresql://", "postgresql://user@host", "postgres://host/"])
def test_a_server_without_the_name_of_a_database_is_refused(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DB must end with a database"):
        Environment({"DB": value}).database("DB", "")


@pytest.mark.parametrize(
    "value", ["redis://host", "rediss://:word@host:6380/1", "unix:///run/redis?db=1", ""]
)
def test_the_address_of_a_redis_is_kept_as_it_is(value: str) -> None:
    assert Environment({"REDIS": value}).redis("REDIS") == value


@pytest.mark.parametrize(
    "value", ["http://x", "host:6379", "redis://", "redis://host:port/0", "unix://", "amqp://u:secret@host"]
)
def test_another_broker_names_its_variable_and_what_is_allowed_but_no_password(value: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        Environment({"REDIS": value}).redis("REDIS")
    said = str(caught.value)
    assert said.startswith("REDIS must be redis://host:port/number, rediss://")
    assert "secret" not in said


def test_a_wrong_configuration_ends_the_process_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, told_in_one_line():
        raise ImproperlyConfigured("PORT must be\na number.")
    assert ended.value.code == 2
    assert capsys.readouterr().err == "Wrong configuration: PORT must be a number.\n"
