"""Log lines: one a record, in UTC, without secrets and without callers' numbers."""

import logging
import re
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.core.signals import setting_changed
from django.http.multipartparser import MultiPartParserError

_SECRET_SETTINGS: Final = (
    "SECRET_KEY",
    "MEDIA_SIGNING_KEY",
    "COMPLETION_SECRET",
    "GENESYS_CLIENT_SECRET",
    "QA_WEBHOOK_SECRET",
    "METRICS_TOKEN",
    "AUDIT_S3_SECRET_KEY",
    "EMAIL_HOST_PASSWORD",
)
_SHORTEST_SECRET: Final = 8  # a shorter value would blank out ordinary words
_LONGEST_CHAIN: Final = 10
_REFUSALS: Final = (PermissionDenied, SuspiciousOperation, BadRequest, MultiPartParserError)

_RULES: Final = (
    # Authorization headers, however they are quoted
    (
        re.compile(r"\b(Bearer|Token|Basic)(\s+)(?:(?=\S*\d)[\w.~+/=-]{8,}|[\w.~+/=-]{20,})", re.IGNORECASE),
        r"\1\2[secret]",
    ),
    # "access_token": "…", client_secret=…, password='…'
    (
        re.compile(
            r"""(["']?\b(?:access_token|refresh_token|client_secret|password|api_key)\b["']?\s*[:=]\s*["']?)[^\s"',&}]+""",
            re.IGNORECASE,
        ),
        r"\1[secret]",
    ),
    # credentials and signatures in a query string
    (
        re.compile(
            r"([?&](?:X-Amz-[\w-]+|X-Goog-[\w-]+|Expires|Key-Pair-Id|Policy|Signature|sig|se|sp|hmac|token|key|code)=)"
            r"[^&\s\"'<>]+",
            re.IGNORECASE,
        ),
        r"\1[secret]",
    ),
    # signed addresses of recordings
    (re.compile(r"(/media/)[^\s\"'<>]+"), r"\1[signed]"),
    # user:password@host
    (re.compile(r"(://[^\s/:@]+:)[^\s/@]+(@)"), r"\1[secret]\2"),
    # phone numbers: +13175550142, tel:13175550142, +1 317 555-0142, (317) 555-0142, 317.555.0142
    (re.compile(r"(?<![\w+])\+\d[\d ().-]{5,18}\d(?!\w)"), "[number]"),
    (re.compile(r"(?<=tel:)\+?\d+"), "[number]"),
    (re.compile(r"(?<![\w.-])(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-])"), "[number]"),
)


def redact(text: str, *, secrets: Iterable[str] = ()) -> str:
    """Return `text` without the given secrets, or anything like one, and without phone numbers."""
    for secret in secrets:
        text = text.replace(secret, "[secret]")
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


@lru_cache(maxsize=1)
def _secrets() -> tuple[str, ...]:
    from django.conf import settings

    values = [getattr(settings, name, "") for name in _SECRET_SETTINGS]
    values += [str(database.get("PASSWORD", "")) for database in settings.DATABASES.values()]
    secrets = [value for value in values if len(value) >= _SHORTEST_SECRET]
    # As they stand, and as they stand in an address.
    return tuple(dict.fromkeys([*secrets, *(quote(value, safe="") for value in secrets)]))


def _forget(**_: Any) -> None:
    _secrets.cache_clear()


setting_changed.connect(_forget, dispatch_uid="bargeportal.logs")


class RedactingFilter(logging.Filter):
    """Redacts the message and the traceback of each record before anything is written."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage(), secrets=_secrets()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text, secrets=_secrets())
        if record.stack_info:
            record.stack_info = redact(record.stack_info, secrets=_secrets())
        return True


class RefusalFilter(logging.Filter):
    """Leaves what is no fault in the program with its one line: a request that was refused, a broker that is away.

    Of a broker that is away, Celery's clock would tell anew at each tick; the worker itself tells it once.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            return True
        is_away = _is_of_the_broker(error)
        if is_away or isinstance(error, _REFUSALS):
            record.exc_info = record.exc_text = None
        return not (is_away and record.name == "celery.beat")


def _is_of_the_broker(error: BaseException) -> bool:
    """Tell whether `error`, or what led to it, is of the libraries that speak to the broker."""
    chain: BaseException | None = error
    for _ in range(_LONGEST_CHAIN):
        if chain is None:
            return False
        if type(chain).__module__.partition(".")[0] in {"kombu", "redis"}:
            return True
        chain = chain.__cause__ or chain.__context__
    return False


class LineFormatter(logging.Formatter):
    """`2026-11-22T08:00:00.123Z INFO injections.tasks: …`; a message cannot forge a second line."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = record.message.replace("\r", "\\r").replace("\n", "\\n")
        return super().formatMessage(record)
