from pathlib import Path
from typing import Any

import pytest
from django.core.checks import Tags, run_checks
from django.db import connection
from django.test import override_settings

WITNESS_KEY = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"


def portal_ids(**changed: Any) -> list[str]:
    with override_settings(**changed):
        return sorted(str(found.id) for found in run_checks() if str(found.id).startswith("portal."))


def test_a_right_configuration_has_no_findings() -> None:
    assert portal_ids() == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"GENESYS_CLIENT_ID": ""}, "portal.E001"),
        ({"GENESYS_CLIENT_SECRET": ""}, "portal.E001"),
        (
            {
                "GENESYS_API_URL": "http://api.example",
                "PORTAL_BASE_URL": "https://p.example",
                "ALLOWED_HOSTS": [".example"],
            },
            "portal.E002",
        ),
        ({"GENESYS_LOGIN_URL": "http://login.example"}, "portal.E002"),
        ({"QA_WEBHOOK_URL": "http://qa.example/events"}, "portal.E002"),
        (
            {"PORTAL_BASE_URL": "http://portal.example", "ALLOWED_HOSTS": ["portal.example"]},
            "portal.E002",
        ),
        ({"SECRET_KEY": ""}, "portal.E004"),
        ({"MEDIA_SIGNING_KEY": ""}, "portal.E004"),
        ({"COMPLETION_SECRET": ""}, "portal.E004"),
        ({"INJECT_AUDIO_HOSTS": ["https://media.example.com"]}, "portal.E005"),
        ({"INJECT_AUDIO_HOSTS": ["media.example.com/clips"]}, "portal.E005"),
        ({"INJECT_AUDIO_HOSTS": ["*.example.com"]}, "portal.E005"),
        ({"INJECT_AUDIO_HOSTS": ["media.example.com:99999"]}, "portal.E005"),
        ({"INJECT_AUDIO_HOSTS": ["media.example.com:0"]}, "portal.E005"),
        ({"INJECT_AUDIO_HOSTS": ["media.example.com:"]}, "portal.E005"),
        ({"GENESYS_API_URL": "https://api.example"}, "portal.W002"),
        ({"GENESYS_CONSENT_KEY": " "}, "portal.E006"),
        ({"ALLOWED_HOSTS": ["*"]}, "portal.E007"),
        (
            {
                "REDIS_URL": "redis://127.0.0.1",
                "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3"}},
            },
            "portal.W001",
        ),
        ({"QA_WEBHOOK_SECRET": "whsec_not base64, though it is long enough"}, "portal.E009"),
        ({"AUDIT_S3_URL": "https://s3.example/b", "AUDIT_S3_ACCESS_KEY": "a"}, "portal.E014"),
        ({"AUDIT_S3_SECRET_KEY": "a"}, "portal.E014"),
        ({"AUDIT_WITNESS_URL": "https://w.example"}, "portal.E015"),
        ({"AUDIT_WITNESS_KEY": WITNESS_KEY}, "portal.E015"),
        ({"AUDIT_MAIL_TO": ["a@example.com"], "EMAIL_HOST": "127.0.0.1"}, "portal.E016"),
        ({"AUDIT_MAIL_FROM": "a@example.com"}, "portal.E016"),
        # The key of a log, which signs notes and not cosignatures.
        (
            {
                "AUDIT_WITNESS_URL": "https://w.example",
                "AUDIT_WITNESS_KEY": "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            },
            "portal.E017",
        ),
        (
            {"AUDIT_MAIL_TO": ["a@example.com"], "AUDIT_MAIL_FROM": "b@example.com", "EMAIL_HOST": ""},
            "portal.E018",
        ),
        ({"EMAIL_HOST": "mail.example.com", "SMTP_SECURITY": "none"}, "portal.E019"),
        (
            {"AUDIT_WITNESS_URL": "http://w.example", "AUDIT_WITNESS_KEY": WITNESS_KEY},
            "portal.E002",
        ),
        ({"SECRET_KEY": "x" * 31}, "portal.E011"),
        ({"MEDIA_SIGNING_KEY": "x"}, "portal.E011"),
        ({"COMPLETION_SECRET": "x" * 31}, "portal.E011"),
        ({"QA_WEBHOOK_SECRET": "whsec_eA=="}, "portal.E011"),
        ({"ALLOWED_HOSTS": ["http://x", "127.0.0.1"]}, "portal.E012"),
        ({"ALLOWED_HOSTS": ["a b", "127.0.0.1"]}, "portal.E012"),
        ({"ALLOWED_HOSTS": ["127.0.0.1:8000"]}, "portal.E012"),
        ({"ALLOWED_HOSTS": ["another.example"]}, "portal.E013"),
        ({"ALLOWED_HOSTS": []}, "portal.E013"),
        ({"GENESYS_LOGIN_URL": "https://login.mypurecloud.com"}, "portal.W004"),
    ],
)
@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_a_mistake_has_an_id(changed: dict[str, Any], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QA_WEBHOOK_SECRET", "SECRET_KEY", "MEDIA_SIGNING_KEY", "COMPLETION_SECRET"):
        monkeypatch.setenv(name, "the same on all machines")
    assert portal_ids(**changed) == [expected]


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_several_machines_must_share_their_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QA_WEBHOOK_SECRET", "SECRET_KEY", "MEDIA_SIGNING_KEY", "COMPLETION_SECRET"):
        monkeypatch.delenv(name, raising=False)
    database = {"default": {"ENGINE": "django.db.backends.postgresql"}}
    assert portal_ids(REDIS_URL="redis://127.0.0.1", DATABASES=database) == ["portal.E008"] * 4


@pytest.mark.parametrize("host", ["media.example.com", "media.example.com:8443", "localhost", "10.0.0.7"])
def test_a_host_by_its_name_is_accepted(host: str) -> None:
    assert portal_ids(INJECT_AUDIO_HOSTS=[host]) == []


@pytest.mark.parametrize("host", ["127.0.0.1", ".0.0.1", "[::1]", "Portal.example"])
def test_a_name_by_which_the_portal_is_reached_is_accepted(host: str) -> None:
    assert portal_ids(ALLOWED_HOSTS=[host, "127.0.0.1"]) == []


def test_a_key_of_32_characters_is_long_enough() -> None:
    assert portal_ids(MEDIA_SIGNING_KEY="x" * 32) == []


def test_a_region_that_was_chosen_is_not_warned_of() -> None:
    addresses = {
        "GENESYS_API_URL": "https://api.mypurecloud.com",
        "GENESYS_LOGIN_URL": "https://login.mypurecloud.com",
    }
    assert portal_ids(**addresses) == ["portal.W002", "portal.W004"]
    assert portal_ids(**addresses, GENESYS_ORG_REGION="us-east-1") == ["portal.W002"]


def test_that_no_key_could_be_made_is_not_said_beside_its_cause() -> None:
    keys = dict.fromkeys(("SECRET_KEY", "MEDIA_SIGNING_KEY", "COMPLETION_SECRET"), "")
    assert portal_ids(PORTAL_DATA_DIR=Path("/proc/nope"), **keys) == ["portal.E003"]


def test_a_data_folder_below_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert portal_ids(PORTAL_DATA_DIR=tmp_path / "file" / "var") == ["portal.E003"]


def test_a_data_folder_that_not_even_root_can_make_is_found() -> None:
    assert portal_ids(PORTAL_DATA_DIR=Path("/proc/nope")) == ["portal.E003"]


def test_a_finding_names_variable_and_remedy() -> None:
    with override_settings(INJECT_AUDIO_HOSTS=["a/b"]):
        message = next(m for m in run_checks() if m.id == "portal.E005")
    assert message.msg.startswith("INJECT_AUDIO_HOSTS: 'a/b'")
    assert "like media.example.com" in str(message.hint)


@pytest.mark.postgres
@pytest.mark.django_db
@pytest.mark.parametrize(("setting", "is_found"), [("off", True), ("on", False), ("remote_apply", False)])
def test_a_postgresql_that_forgets_commits_is_found(setting: str, is_found: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('synchronous_commit', %s, true)", [setting])
    found = run_checks(tags=[Tags.database], databases=["default"])
    assert ("portal.E010" in [message.id for message in found]) is is_found
