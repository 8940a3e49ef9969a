"""Mistakes in the configuration, each with an id and what to do. `manage.py check` lists them."""

import base64
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.http.request import split_domain_port, validate_host

from audit.cosignatures import parse_cosigner
from audit.notes import InvalidKey
from injections.genesys.config import DEFAULT_REGION, urls_for_region

_ADDRESSES: Final = (
    *("GENESYS_API_URL", "GENESYS_LOGIN_URL", "QA_WEBHOOK_URL", "PORTAL_BASE_URL"),
    *("AUDIT_S3_URL", "AUDIT_WITNESS_URL"),
)
# What an anchor of the audit log needs: all of it, or none.
_ANCHORS: Final = (
    (("AUDIT_S3_URL", "AUDIT_S3_ACCESS_KEY", "AUDIT_S3_SECRET_KEY"), "portal.E014"),
    (("AUDIT_WITNESS_URL", "AUDIT_WITNESS_KEY"), "portal.E015"),
    (("AUDIT_MAIL_TO", "AUDIT_MAIL_FROM"), "portal.E016"),
)
_KEYS: Final = ("SECRET_KEY", "MEDIA_SIGNING_KEY", "COMPLETION_SECRET")
_ALL_KEYS: Final = (*_KEYS, "QA_WEBHOOK_SECRET")
_SHORTEST_KEY: Final = 32  # characters: 128 bits even where they are hexadecimal digits
_THIS_MACHINE: Final = {"127.0.0.1", "localhost", "::1"}
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE)
_ALLOWED: Final = re.compile(rf"\.?{_NAME.pattern}|\[[0-9a-f:.]+\]", re.IGNORECASE)  # .x: x and all below it
_LAST_PORT: Final = 65535

Apps = Sequence[AppConfig] | None


@register
def credentials(app_configs: Apps, **_: Any) -> Iterable[CheckMessage]:
    """Without a client id and secret nothing can be asked of the platform."""
    for name in ("GENESYS_CLIENT_ID", "GENESYS_CLIENT_SECRET"):
        if not getattr(settings, name):
            yield Error(
                f"{name} is not set.",
                hint=f"Set {name} to that of an OAuth client with the grant client_credentials, "
                "or start with `manage.py up`, which brings a simulator and its credentials.",
                id="portal.E001",
            )


@register
def encrypted_addresses(app_configs: Apps, **_: Any) -> Iterable[CheckMessage]:
    """Tokens, recordings and outcomes travel unencrypted to this machine only."""
    for name in _ADDRESSES:
        parts = urlsplit(getattr(settings, name))
        if parts.scheme == "http" and parts.hostname not in _THIS_MACHINE:
            yield Error(
                f"{name} is plain http to {parts.hostname}, which is not this machine.",
                hint=f"Give {name} as an https address.",
                id="portal.E002",
            )


@register
def data_dir(app_configs: Apps, **_: Any) -> Iterable[CheckMessage]:
    """Database, recordings and keys need a folder that can be written."""
    problem = _unwritable(settings.PORTAL_DATA_DIR)
    if problem is not None:
        yield Error(
            f"PORTAL_DATA_DIR: the folder {settings.PORTAL_DATA_DIR} cannot be written ({problem.strerror}).",
            hint="Name a folder that the user of this process owns.",
            id="portal.E003",
        )


@register
def keys(app_configs: Apps, **_: Any) -> Iterable[CheckMessage]:
    """Keys come from the environment or from files that the portal makes; an empty one signs nothing."""
    if _unwritable(settings.PORTAL_DATA_DIR) is not None:
        return  # one finding is enough: that none could be made follows from it
    for name in _KEYS:
        if not _key(name):
            yield Error(
                f"{name} is empty.",
                hint=f"Set {name} or {name}_FILE, or make {settings.PORTAL_DATA_DIR / 'keys'} writable: "
                "then one is made.",
                id="portal.E004",
            )


@register
def guessable_keys(app_configs: Apps, **_: Any) -> Iterable[CheckMessage]:
    """Who guesses a key forges sessions, addresses of recordings, or what is on record as played."""
    for name in _ALL_KEYS:
        if 0 < len(_key(name)) < _SHORTEST_KEY:
            yield Error(
                f"{name} has fewer than {_SHORTEST_KEY} characters, so it can be guessed.",
                hint=f"Set {name} to what `openssl rand -hex 32` prints, or to nothing: then one is made.",
                id="portal.E011",
            )


@register
def audio_hosts(app_configs: Apps, **_: Any) -> Iterable[CheckMessage]:
    """The allow-list names hosts exactly."""
    for entry in settings.INJECT_AUDIO_HOSTS:
        if not _is_host(entry):
            yield Error(
                f"INJECT_AUDIO_HOSTS: {entry!r} is not the name of a host, nor a host with a port.",
                hint="List hosts alone, like media.example.com or media.example.com:8443, up to port "
                f"{_LAST_PORT}: no scheme, path or wildcard.",
                id="portal.E005",
            )


@register
def consent_key(app_configs: Apps, **_: Any) -> Iterable[CheckMessage]:
    """The attribute that holds consent has a name."""
    if not settings.GENESYS_CONSENT_KEY.strip():
        yield Error(
            "GENESYS_CONSENT_KEY is empty.",
            hint="Name the participant attribute that holds consent; the usual one is supervision_consent.",
            id="portal.E006",
        )


@register
def allowed_hosts(app_configs: Apps, **_: Any) -> Iterable[CheckMessage]:
    """A portal that answers to every name can be made to sign links for a foreign one."""
    if "*" in settings.ALLOWED_HOSTS:
        yield Error(
            "ALLOWED_HOSTS contains '*'.",
            hint="List the names by which browsers and load balancers reach the portal.",
            id="portal.E007",
        )


@register
def named_hosts(app_configs: Apps, **_: Any) -> Iterable[CheckMessage]:
    """Requests under a name that is not listed are refused, those of the platform too."""
    listed = [entry for entry in settings.ALLOWED_HOSTS if entry != "*"]
    wrong = [entry for entry in listed if _ALLOWED.fullmatch(entry) is None]
    for entry in wrong:
        yield Error(
            f"ALLOWED_HOSTS: {entry!r} is not the name of a host.",
            hint="List names alone, like portal.example.com: no scheme, port or path.",
            id="portal.E012",
        )
    host, _port = split_domain_port(urlsplit(settings.PORTAL_BASE_URL).netloc)
    if not wrong and not validate_host(host, settings.ALLOWED_HOSTS):
        yield Error(
            f"ALLOWED_HOSTS lacks the host of PORTAL_BASE_URL, {settings.PORTAL_BASE_URL}: "
            "every request by that address is refused.",
            hint="Add it to ALLOWED_HOSTS, or leave ALLOWED_HOSTS unset: then it is that host.",
            id="portal.E013",
        )


@register
def shared_keys(app_configs: Apps, **_: Any) -> Iterable[CheckMessage]:
    """A key that each machine makes for itself is not the one with which another signed."""
    if not settings.REDIS_URL:
        return
    for name in _ALL_KEYS:
        if not (os.environ.get(name) or os.environ.get(f"{name}_FILE")):
            yield Error(
                f"REDIS_URL is set, so several machines work together, but {name} is this machine's own.",
                hint=f"Set {name}, or {name}_FILE, to the same value on all of them.",
                id="portal.E008",
            )


@register
def qa_secret(app_configs: Apps, **_: Any) -> Iterable[CheckMessage]:
    """A secret in the form of Standard Webhooks is base64 after its prefix."""
    secret = settings.QA_WEBHOOK_SECRET
    if not secret.startswith("whsec_"):
        return
    try:
        base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        yield Error(
            "QA_WEBHOOK_SECRET begins with whsec_, but what follows is not base64.",
            hint="Copy the secret again, whole.",
            id="portal.E009",
        )


@register
def half_set_anchors(app_configs: Apps, **_: Any) -> Iterable[CheckMessage]:
    """Whoever set a part of an anchor believes that the log is anchored there."""
    for names, identifier in _ANCHORS:
        missing = [name for name in names if not getattr(settings, name)]
        if missing and len(missing) < len(names):
            yield Error(
                f"An anchor of the audit log is set by half: {' and '.join(missing)} not.",
                hint=f"Set all of {', '.join(names)}, or none of them.",
                id=identifier,
            )


@register
def witness_key(app_configs: Apps, **_: Any) -> Iterable[CheckMessage]:
    """A cosignature is worth as much as the key by which it is verified."""
    if not settings.AUDIT_WITNESS_KEY:
        return
    try:
        parse_cosigner(settings.AUDIT_WITNESS_KEY)
    except InvalidKey as error:
        yield Error(
            f"AUDIT_WITNESS_KEY is not the public key of a witness: {error}.",
            hint="Copy the line that the witness prints when it starts: name+8 digits+base64.",
            id="portal.E017",
        )


@register
def mail_server(app_configs: Apps, **_: Any) -> Iterable[CheckMessage]:
    """Checkpoints are sent through a server, to which the way is encrypted unless it is this machine."""
    if settings.AUDIT_MAIL_TO and not settings.EMAIL_HOST:
        yield Error(
            "AUDIT_MAIL_TO is set, but SMTP_HOST is not: no checkpoint can be sent.",
            hint="Set SMTP_HOST to the name of the mail server.",
            id="portal.E018",
        )
    if settings.EMAIL_HOST and settings.SMTP_SECURITY == "none" and settings.EMAIL_HOST not in _THIS_MACHINE:
        yield Error(
            f"SMTP_SECURITY is none, but {settings.EMAIL_HOST} is not this machine.",
            hint="Set SMTP_SECURITY to starttls or tls.",
            id="portal.E019",
        )


@register
def one_file_many_machines(app_configs: Apps, **_: Any) -> Iterable[CheckMessage]:
    """Redis means several machines; a SQLite file belongs to one."""
    if settings.REDIS_URL and settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        yield Warning(
            "REDIS_URL is set, but the database is a SQLite file.",
            hint="Workers on another machine cannot see this file: set DATABASE_URL to PostgreSQL.",
            id="portal.W001",
        )


@register
def reachable_recordings(app_configs: Apps, **_: Any) -> Iterable[CheckMessage]:
    """A platform elsewhere cannot fetch recordings from, or report to, an address that means itself there."""
    platform, portal = (
        urlsplit(getattr(settings, name)).hostname for name in ("GENESYS_API_URL", "PORTAL_BASE_URL")
    )
    if portal in _THIS_MACHINE and platform not in _THIS_MACHINE:
        yield Warning(
            f"PORTAL_BASE_URL is {settings.PORTAL_BASE_URL}, which {platform} cannot reach.",
            hint="Set PORTAL_BASE_URL to the https address under which the platform reaches the portal.",
            id="portal.W002",
        )


@register
def assumed_region(app_configs: Apps, **_: Any) -> Iterable[CheckMessage]:
    """Nobody should log in to the region of somebody else because a variable is missing."""
    assumed = urls_for_region(DEFAULT_REGION)
    if settings.GENESYS_ORG_REGION == "" and not {
        settings.GENESYS_API_URL,
        settings.GENESYS_LOGIN_URL,
    }.isdisjoint(assumed):
        yield Warning(
            f"GENESYS_ORG_REGION is not set, so {DEFAULT_REGION} is taken to be the organisation's region.",
            hint="Set GENESYS_ORG_REGION, or both GENESYS_API_URL and GENESYS_LOGIN_URL for a gateway.",
            id="portal.W004",
        )


@register(Tags.database)
def durable_commits(databases: Sequence[str] | None = None, **_: Any) -> Iterable[CheckMessage]:
    """What was committed must outlive a crash: a command is sent after its intent is on record, never before."""
    for alias in databases or ():
        if connections[alias].vendor != "postgresql":
            continue  # SQLite's durability is set where it is opened, in the settings
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT current_setting('synchronous_commit'), current_setting('fsync')")
            synchronous_commit, fsync = cursor.fetchone()
        if synchronous_commit == "off":
            yield Error(
                f"PostgreSQL ({alias}) has synchronous_commit=off: a crash loses what it said was committed, and "
                "a recording that is playing could be on record as never sent.",
                hint="ALTER ROLE or ALTER SYSTEM SET synchronous_commit = on; 'local' and stricter do as well.",
                id="portal.E010",
            )
        if fsync == "off":
            yield Warning(
                f"PostgreSQL ({alias}) has fsync=off: a power cut can lose and corrupt all of it.",
                hint="Set fsync = on, unless this is a test.",
                id="portal.W003",
            )


def _unwritable(folder: Path) -> OSError | None:
    """Return why nothing can be written in `folder`, which is made if need be. Tried: to root all looks writable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error


def _is_host(entry: str) -> bool:
    host, colon, port = entry.partition(":")
    has_port = port.isascii() and port.isdigit() and 0 < int(port) <= _LAST_PORT
    return _NAME.fullmatch(host) is not None and (not colon or has_port)


def _key(name: str) -> str:
    try:
        return str(getattr(settings, name))
    except ImproperlyConfigured:  # Django's own word for an empty SECRET_KEY
        return ""
