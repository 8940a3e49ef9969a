"""The anchors that the settings choose, beside the file."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from audit.anchors.bucket import Bucket
from audit.anchors.mail import Mailbox
from audit.anchors.sigv4 import Credentials
from audit.anchors.witnessed import Witness
from audit.cosignatures import parse_cosigner

BUCKET, WITNESS, MAIL = "bucket", "witness", "mail"


def remote() -> dict[str, str]:
    """Return the name of each configured anchor and where it is, in words that may be shown."""
    where = {
        BUCKET: _given("AUDIT_S3_URL"),
        WITNESS: _given("AUDIT_WITNESS_URL"),
        MAIL: ", ".join(_given("AUDIT_MAIL_TO", [])),
    }
    return {name: each for name, each in where.items() if each}


def bucket(*, clock: Callable[[], datetime]) -> Bucket | None:
    """Return the bucket, None when there is none."""
    if not _given("AUDIT_S3_URL"):
        return None
    return Bucket(
        settings.AUDIT_S3_URL,
        credentials=Credentials(
            settings.AUDIT_S3_ACCESS_KEY, settings.AUDIT_S3_SECRET_KEY, settings.AUDIT_S3_REGION
        ),
        retention=timedelta(days=settings.AUDIT_S3_RETENTION_DAYS),
        clock=clock,
    )


def witness() -> Witness | None:
    """Return the witness, None when there is none.

    Raises:
        notes.InvalidKey: its public key is none; the system checks say so first.
    """
    if not _given("AUDIT_WITNESS_URL"):
        return None
    return Witness(settings.AUDIT_WITNESS_URL, key=parse_cosigner(settings.AUDIT_WITNESS_KEY))


def mailbox() -> Mailbox | None:
    """Return who gets checkpoints by e-mail, None when nobody does."""
    recipients = _given("AUDIT_MAIL_TO", [])
    return Mailbox(recipients, sender=settings.AUDIT_MAIL_FROM) if recipients else None


def mail_interval() -> timedelta:
    """Return the least time between two e-mails."""
    return timedelta(hours=settings.AUDIT_MAIL_EVERY_H)


def _given(name: str, default: Any = "") -> Any:
    return getattr(settings, name, default)
