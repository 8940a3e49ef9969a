import base64
import os
from pathlib import Path

from bargeportal.keys import made_webhook_secret, stored_key


def test_a_key_is_made_once_and_read_again(tmp_path: Path) -> None:
    first = stored_key(tmp_path, "secret_key")
    assert len(first) >= 50
    assert stored_key(tmp_path, "secret_key") == first


def test_two_keys_differ(tmp_path: Path) -> None:
    assert stored_key(tmp_path, "one") != stored_key(tmp_path, "two")


def test_a_key_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    stored_key(tmp_path, "secret_key")
    assert os.stat(tmp_path / "keys" / "secret_key").st_mode & 0o077 == 0


def test_nothing_else_stays_in_the_folder(tmp_path: Path) -> None:
    stored_key(tmp_path, "secret_key")
    assert os.listdir(tmp_path / "keys") == ["secret_key"]


def test_a_folder_that_cannot_be_made_gives_no_key(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert stored_key(tmp_path / "file", "secret_key") == ""


def test_a_webhook_secret_is_made_in_the_form_of_the_standard(tmp_path: Path) -> None:
    secret = stored_key(tmp_path, "qa_webhook_secret", make=made_webhook_secret)
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert stored_key(tmp_path, "qa_webhook_secret", make=made_webhook_secret) == secret


def test_a_secret_that_an_earlier_version_made_stays_as_it_is(tmp_path: Path) -> None:
    former = stored_key(tmp_path, "qa_webhook_secret")
    assert stored_key(tmp_path, "qa_webhook_secret", make=made_webhook_secret) == former
