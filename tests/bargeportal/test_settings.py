"""The settings as another process would read them, from its environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bargeportal.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "bargeportal.settings",
    "PORTAL_BASE_URL": "https://portal.example",
    "GENESYS_CLIENT_ID": "a-client",
    "GENESYS_CLIENT_SECRET": "its-secret",
    "GENESYS_ORG_REGION": "eu-central-1",
    "INJECT_AUDIO_HOSTS": "media.example.com",
}


def manage(tmp_path: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "manage.py", *arguments], tmp_path, **variables)


def run(command: list[str], tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**kept, "PORTAL_DATA_DIR": str(tmp_path), **variables},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_production_settings_pass_every_deployment_check(tmp_path: Path) -> None:
    done = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert (
        done.returncode,
        done.stderr.replace("System check identified no issues (0 silenced).", "").strip(),
    ) == (0, "")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GENESYS_ORG_REGION", "atlantis-1", "GENESYS_ORG_REGION"),
        ("PORT", "http", "PORT must be a whole number"),
        ("PORTAL_BASE_URL", "portal.example", "PORTAL_BASE_URL must be an address"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL must be one of"),
        ("INJECT_DEADLINE_S", "0", "INJECT_DEADLINE_S must be between"),
        (
            "DATABASE_URL",
            "mysql://u:p@host/name",
            "DATABASE_URL must be sqlite:////folder/file or postgresql://",
        ),
        ("REDIS_URL", "http://host", "REDIS_URL must be redis://"),
        (
            "PORTAL_BASE_URL",
            "https://host/path",
            "PORTAL_BASE_URL must be an address like https://host without",
        ),
        ("PORTAL_BASE_URL", "https://host?x=1", "PORTAL_BASE_URL must end before"),
        ("PORTAL_BASE_URL", "https://u:p@host", "PORTAL_BASE_URL must not hold a user or password"),
        ("GENESYS_API_URL", "https://u:p@host", "GENESYS_API_URL must not hold a user or password"),
        ("GENESYS_LOGIN_URL", "https://u@host", "GENESYS_LOGIN_URL must not hold a user or password"),
        ("DATABASE_URL", "postgresql://", "DATABASE_URL must end with a database"),
        ("DATABASE_URL", "sqlite:///rel.db", "DATABASE_URL must name a file by its whole path"),
        ("ALLOWED_HOSTS", ",", "ALLOWED_HOSTS must be words"),
        ("SECRET_KEY_FILE", "/dev/null", "SECRET_KEY_FILE: the file is empty"),
    ],
)
def test_a_wrong_value_stops_the_start_with_one_line_that_names_its_variable(
    tmp_path: Path, name: str, value: str, said: str
) -> None:
    done = manage(tmp_path, "check", **{**PRODUCTION, name: value})
    assert done.returncode == 2
    assert done.stderr.startswith(f"Wrong configuration: {said}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["up", "migrate", "create_api_client", "help", "no-such-command"])
def test_every_command_tells_a_wrong_value_in_one_line(tmp_path: Path, command: str) -> None:
    done = manage(tmp_path, command, PORT="http")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Wrong configuration: PORT must be a whole number, not 'http'.\n"


def test_the_web_server_alone_tells_a_wrong_value_in_one_line(tmp_path: Path) -> None:
    done = run([sys.executable, "-m", "bargeportal.serve"], tmp_path, LOG_LEVEL="LOUD")
    assert done.returncode == 2
    assert done.stderr.startswith("Wrong configuration: LOG_LEVEL must be one of")
    assert done.stderr.count("\n") == 1


def serve(tmp_path: Path, **variables: str) -> tuple[int, list[str]]:
    done = run([sys.executable, "-m", "bargeportal.serve"], tmp_path, PORT=str(free_port()), **variables)
    return done.returncode, done.stderr.splitlines()


def test_the_web_server_alone_starts_on_no_finding_of_the_checks(tmp_path: Path) -> None:
    status, said = serve(tmp_path, **(PRODUCTION | {"GENESYS_CLIENT_ID": ""}))
    assert status == 1
    assert len(said) == 1
    assert said[0].startswith("(portal.E001) GENESYS_CLIENT_ID is not set. Set GENESYS_CLIENT_ID to ")


def test_the_web_server_alone_starts_on_no_empty_database(tmp_path: Path) -> None:
    status, said = serve(tmp_path, **PRODUCTION)
    assert status == 1
    assert len(said) == 1
    assert said[0].startswith("The database is not set up, or of an older version (")
    assert said[0].endswith("run `manage.py migrate`.")


def test_the_web_server_alone_starts_on_no_database_that_is_away(tmp_path: Path) -> None:
    status, said = serve(
        tmp_path, **PRODUCTION, DATABASE_URL="postgresql://nobody:a-password@127.0.0.1:1/nothing"
    )
    assert status == 1
    assert len(said) == 1
    assert said[0].startswith("The database cannot be used: ")
    assert "a-password" not in said[0]


@pytest.mark.parametrize("command", ["work", "watch"])
def test_no_process_runs_on_an_empty_database(tmp_path: Path, command: str) -> None:
    done = manage(tmp_path, command, **PRODUCTION)
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: The database is not set up, or of an older version (")
    assert done.stderr.count("\n") == 1


def test_what_the_portal_writes_is_its_user_s_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert manage(folder, "migrate", "--verbosity", "0", **PRODUCTION).returncode == 0
    modes = {path.name: path.stat().st_mode & 0o777 for path in (folder, folder / "portal.sqlite3")}
    assert modes == {"data": 0o700, "portal.sqlite3": 0o600}


@pytest.mark.parametrize("port", ["99999", "http", "0"])
def test_a_port_that_is_none_is_said_with_its_range(tmp_path: Path, port: str) -> None:
    done = manage(tmp_path, "up", "--port", port, **PRODUCTION)
    assert done.returncode == 2
    assert "argument --port: PORT must be " in done.stderr
    assert ("between 1 and 65535" in done.stderr) is port.isdigit()


def test_a_folder_that_cannot_be_written_is_a_finding_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = manage(tmp_path / "file", "check", **PRODUCTION)
    assert done.returncode == 1
    assert "portal.E003" in done.stderr
    assert "portal.E004" not in done.stderr  # follows from it


def test_the_secret_that_is_made_for_events_is_one_of_the_standard(tmp_path: Path) -> None:
    source = "from django.conf import settings; print(settings.QA_WEBHOOK_SECRET)"
    done = manage(tmp_path, "shell", "--no-imports", "-c", source, **PRODUCTION)
    assert done.stdout.startswith("whsec_")


def test_a_region_that_nobody_chose_is_a_warning(tmp_path: Path) -> None:
    done = manage(tmp_path, "check", **(PRODUCTION | {"GENESYS_ORG_REGION": ""}))
    assert done.returncode == 0
    assert "portal.W004" in done.stderr


def test_a_portal_at_an_address_of_version_6_is_reached_by_it(tmp_path: Path) -> None:
    done = manage(tmp_path, "check", **(PRODUCTION | {"PORTAL_BASE_URL": "https://[2001:db8::1]"}))
    assert done.returncode == 0


def test_https_addresses_of_the_region_are_used(tmp_path: Path) -> None:
    source = "from django.conf import settings; print(settings.GENESYS_API_URL, settings.GENESYS_LOGIN_URL)"
    done = manage(tmp_path, "shell", "--no-imports", "-c", source, **PRODUCTION)
    assert done.stdout.split() == ["https://api.mypurecloud.de", "https://login.mypurecloud.de"]


def test_a_data_folder_may_have_any_name(tmp_path: Path) -> None:
    source = "from django.conf import settings; print(settings.DATABASES['default']['NAME'])"
    folder = tmp_path / "50% of #1?"
    done = manage(folder, "shell", "--no-imports", "-c", source, **PRODUCTION)
    assert done.stdout.strip() == str(folder / "portal.sqlite3")


def test_a_broker_with_tls_must_show_a_certificate_that_holds(tmp_path: Path) -> None:
    source = "from bargeportal.celery import app; print(app.connection_for_write().ssl)"
    done = manage(tmp_path, "shell", "--no-imports", "-c", source, REDIS_URL="rediss://redis.example/0")
    assert "VerifyMode.CERT_REQUIRED" in done.stdout
