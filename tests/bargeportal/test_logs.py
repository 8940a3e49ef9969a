import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.contrib.auth.models import Permission
from django.core.exceptions import BadRequest, DisallowedHost, PermissionDenied, SuspiciousOperation
from django.test import Client

from bargeportal.logs import LineFormatter, RedactingFilter, RefusalFilter, redact
from injections.roles import Role


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abc.DEF-123_456", "Authorization: Bearer [secret]"),
        ("{'Authorization': 'Token 0123456789abcdef'}", "{'Authorization': 'Token [secret]'}"),
        ("Basic dXNlcjpwYXNzd29yZA==", "Basic [secret]"),
        ('{"access_token": "abcdef"}', '{"access_token": "[secret]"}'),
        ("client_secret=hunter2&grant_type=x", "client_secret=[secret]&grant_type=x"),
        (
            "GET /a.wav?X-Amz-Signature=abc&normalize=true",
            "GET /a.wav?X-Amz-Signature=[secret]&normalize=true",
        ),
        ("https://u:pw@host/", "https://u:[secret]@host/"),
        ("GET /media/clips/1/99-sig/a.wav?normalize=true 200", "GET /media/[signed] 200"),
        ("call from +13175550142 ended", "call from [number] ended"),
        ("call from +1 317 555-0142 ended", "call from [number] ended"),
        ("tel:13175550142", "tel:[number]"),
        ("(317) 555-0142", "[number]"),
        ("317-555-0142", "[number]"),
    ],
)
def test_what_must_not_be_read_is_blanked(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T08:00:00.123456+00:00 took 1234567890 ns",
        "conversation 5e9d2c00-cccc-4d4d-8e8e-0000000000c3",
        "Token refreshed in 12 ms",
        "POST /inject 201 in 103.2 ms",
    ],
)
def test_what_helps_is_kept(text: str) -> None:
    assert redact(text) == text


def test_known_secrets_are_blanked_wherever_they_stand() -> None:
    assert redact("x-s3cr3t-y", secrets=["s3cr3t"]) == "x-[secret]-y"


def record(message: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    exc_info = None if error is None else (type(error), error, error.__traceback__)
    made = logging.LogRecord("a.logger", logging.WARNING, __file__, 1, message, args, exc_info)
    made.created, made.msecs = 0.0, 7
    return made


def line(made: logging.LogRecord) -> str:
    assert RedactingFilter().filter(made)
    return LineFormatter().format(made)


def test_a_line_has_time_level_logger_and_message() -> None:
    assert line(record("took %d ms", 12)) == "1970-01-01T00:00:00.007Z WARNING a.logger: took 12 ms"


def test_arguments_are_redacted() -> None:
    assert line(record("header %s", "Bearer abcdefgh12345")).endswith("header Bearer [secret]")


def test_a_traceback_is_redacted() -> None:
    try:
        int("Bearer abcdefgh12345")
    except ValueError as error:
        text = line(record("failed", error=error))
    assert "Traceback" in text
    assert "abcdefgh12345" not in text


def test_secrets_of_the_settings_are_redacted() -> None:
    assert line(record("with test-client-secret")).endswith("with [secret]")


def test_secrets_are_redacted_as_they_stand_in_an_address(settings: Any) -> None:
    settings.COMPLETION_SECRET = "a/b?c=d of the receiver"
    path = "/webhooks/completion/a%2Fb%3Fc%3Dd%20of%20the%20receiver"
    assert line(record("POST %s 500", path)).endswith("POST /webhooks/completion/[secret] 500")


def test_a_line_break_cannot_forge_a_line() -> None:
    assert "\n" not in line(record("one\ntwo %s", "three\r\nfour"))


@pytest.mark.parametrize("kind", [PermissionDenied, SuspiciousOperation, DisallowedHost, BadRequest])
def test_a_refused_request_is_one_line(kind: type[Exception]) -> None:
    made = record("Forbidden: %s", "/admin/", error=kind("no"))
    assert RefusalFilter().filter(made)
    assert line(made).endswith("WARNING a.logger: Forbidden: /admin/")


def test_a_fault_keeps_its_traceback() -> None:
    made = record("failed", error=ValueError("no"))
    assert RefusalFilter().filter(made)
    assert "ValueError: no" in line(made)


def _broker_error() -> Exception:
    error = ValueError("a tick failed")
    error.__cause__ = redis.ConnectionError("refused")
    return error


def test_a_broker_that_is_away_is_one_line() -> None:
    made = record("Connection lost", error=_broker_error())
    assert RefusalFilter().filter(made)
    assert line(made).endswith("WARNING a.logger: Connection lost")


def test_a_broker_that_is_away_is_not_told_at_each_tick_of_the_clock() -> None:
    made = record("Couldn't apply scheduled task", error=_broker_error())
    made.name = "celery.beat"
    assert not RefusalFilter().filter(made)


def test_a_tick_that_fails_of_itself_is_told() -> None:
    made = record("a tick failed", error=ValueError("no"))
    made.name = "celery.beat"
    assert RefusalFilter().filter(made)


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Return what the portal's own handler writes."""
    handler = next(one for one in logging.getLogger().handlers if isinstance(one.formatter, LineFormatter))
    assert isinstance(handler, logging.StreamHandler)
    stream = io.StringIO()
    former = handler.setStream(stream)
    yield stream
    handler.setStream(former)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/admin/audit/auditrecord/", "Forbidden (Permission denied): /admin/audit/auditrecord/"),
        ("/admin/auth/user/?password__startswith=a", "Filtering by password__startswith not allowed"),
    ],
)
def test_what_the_admin_denies_is_one_line(
    client: Client, person: Any, written: io.StringIO, path: str, said: str
) -> None:
    administrator = person("ada", Role.ADMINISTRATOR)
    administrator.is_staff = True
    administrator.user_permissions.set(Permission.objects.filter(codename="view_user"))
    administrator.save()
    client.force_login(administrator)
    assert client.get(path).status_code in {400, 403}
    lines = written.getvalue().splitlines()
    assert len(lines) == 1
    assert said in lines[0]
