"""The anchors elsewhere, each a real server on this machine, and a log that grows, is cut, is rewritten."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audit import anchoring
from audit.anchors import health
from audit.checkpoint import Checkpoint
from audit.models import AuditCheckpoint, AuditLeaf, AuditRecord
from audit.places import Places
from audit.witness import Witness
from tests.audit.forging import rewritten, set_leaf, tamper, update
from tests.support.s3_server import ACCESS_KEY, REGION, SECRET_KEY, Store, s3_server
from tests.support.smtp_server import Mails, smtp_server
from tests.support.witness_server import witness_server

Record = Callable[..., AuditRecord]
Seal = Callable[[], None]


def use_bucket(settings: Any, url: str) -> None:
    settings.AUDIT_S3_URL = url
    settings.AUDIT_S3_REGION, settings.AUDIT_S3_ACCESS_KEY = REGION, ACCESS_KEY
    settings.AUDIT_S3_SECRET_KEY, settings.AUDIT_S3_RETENTION_DAYS = SECRET_KEY, 30


@pytest.fixture
def store(settings: Any) -> Iterator[Store]:
    with s3_server() as running:
        use_bucket(settings, running.url)
        yield running


@pytest.fixture
def witness(settings: Any, log_places: Places, tmp_path: Path) -> Iterator[Witness]:
    """Return a witness that knows the keys of the log, and is configured."""
    made = Witness(tmp_path / "witness", logs=[log_places.public_keys], name="witness.example/w")
    with witness_server(made) as url:
        settings.AUDIT_WITNESS_URL, settings.AUDIT_WITNESS_KEY = url, str(made.public)
        yield made
    made.close()


@pytest.fixture
def mails(settings: Any) -> Iterator[Mails]:
    with smtp_server() as running:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.AUDIT_MAIL_TO, settings.AUDIT_MAIL_FROM = ["auditor@example.com"], "portal@example.com"
        yield running


def now() -> datetime:
    return datetime.now(UTC)


def follow(log_places: Places, *, clock: Callable[[], datetime] = now) -> None:
    anchoring.follow_once(log_places, clock=clock)


def grow(record: Record, seal: Seal, *, times: int = 1) -> None:
    for _ in range(times):
        record()
        record()
        seal()


def health_of(name: str, places: Places) -> health.Health:
    return next(each for each in health.all_of(places) if each.name == name)


def cut_to(size: int) -> None:
    sealed = 'SELECT record_id FROM audit_auditleaf WHERE "index" >= %s'
    tamper(
        (f"DELETE FROM audit_auditrecord WHERE id IN ({sealed})", [size]),  # noqa: S608  own text
        ('DELETE FROM audit_auditleaf WHERE "index" >= %s', [size]),
        ("DELETE FROM audit_auditcheckpoint WHERE size > %s", [size]),
        "DELETE FROM audit_auditpending",
    )


def rewrite(places: Places, index: int) -> None:
    """Change a record and sign all anew, as whoever has both database and key can."""
    from audit.merkle import root_of
    from audit.notes import SigningKey

    record = AuditRecord.objects.get(pk=AuditLeaf.objects.get(index=index).record_id)
    forged = rewritten(record)
    tamper(*update(record, **forged), set_leaf(index, forged["leaf_hash"]))
    key = SigningKey.parse(places.signing_key.read_text().strip())
    leaves = [bytes.fromhex(leaf.leaf_hash) for leaf in AuditLeaf.objects.order_by("index")]
    for size in AuditCheckpoint.objects.order_by("size").values_list("size", flat=True):
        found = Checkpoint(key.name, size, root_of(leaves[:size]))
        tamper(
            (
                "UPDATE audit_auditcheckpoint SET note = %s, root_hash = %s WHERE size = %s",
                [found.signed(key), found.root.hex(), size],
            )
        )
    places.signed.write_text(found.signed(key))
