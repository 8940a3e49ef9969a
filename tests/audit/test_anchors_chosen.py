"""The variables of the anchors, as another process reads them, and what is made of them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit.anchors import chosen
from tests.bargeportal.test_settings import PRODUCTION, manage

NAMES = [
    "EMAIL_HOST",
    "EMAIL_PORT",
    "EMAIL_USE_TLS",
    "EMAIL_USE_SSL",
    "EMAIL_HOST_USER",
    "EMAIL_HOST_PASSWORD",
    "AUDIT_MAIL_TO",
]
SHOW = f"import json; from django.conf import settings; print(json.dumps([getattr(settings, n) for n in {NAMES}]))"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["", 587, True, False, "", "", []]),
        (
            {
                "SMTP_HOST": "mail.example.com",
                "SMTP_SECURITY": "tls",
                "SMTP_USER": "portal",
                "AUDIT_MAIL_TO": "a@example.com, b@example.com",
            },
            [
                "mail.example.com",
                465,
                False,
                True,
                "portal",
                "the password",
                ["a@example.com", "b@example.com"],
            ],
        ),
        (
            {"SMTP_HOST": "127.0.0.1", "SMTP_SECURITY": "none", "SMTP_PORT": "25"},
            ["127.0.0.1", 25, False, False, "", "", []],
        ),
    ],
)
def test_the_mail_server_is_read_from_the_variables(
    tmp_path: Path, given: dict[str, str], expected: list[object]
):
    password = tmp_path / "password"
    password.write_text("the password\n")
    secret = {"SMTP_PASSWORD_FILE": str(password)} if "SMTP_USER" in given else {}
    done = manage(tmp_path, "shell", "--no-imports", "-c", SHOW, **PRODUCTION, **given, **secret)
    assert json.loads(done.stdout.splitlines()[-1]) == expected


def test_without_variables_there_is_no_anchor_elsewhere():
    assert (
        chosen.remote(),
        chosen.bucket(clock=lambda: datetime.now(UTC)),
        chosen.witness(),
        chosen.mailbox(),
    ) == (
        {},
        None,
        None,
        None,
    )


def test_half_an_anchor_starts_no_portal(tmp_path: Path):
    done = manage(tmp_path, "check", **PRODUCTION, AUDIT_S3_URL="https://s3.example/anchors")
    assert (done.returncode, "portal.E014" in done.stderr) == (1, True)


@pytest.mark.parametrize("name", ["AUDIT_S3_URL", "AUDIT_WITNESS_URL"])
def test_an_address_with_a_password_in_it_is_refused_and_not_repeated(tmp_path: Path, name: str):
    done = manage(tmp_path, "check", **PRODUCTION, **{name: "https://me:hunter22@s3.example/anchors"})
    assert (done.returncode, name in done.stderr, "hunter22" in done.stderr) == (2, True, False)
