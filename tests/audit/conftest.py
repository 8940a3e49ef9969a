"""Fixtures of the audit log's tests."""

import math
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from audit.entry import Entry, Subject
from audit.models import AuditRecord
from audit.places import Places, places
from audit.sealer import Sealer
from audit.verification.log import Verification
from audit.verification.report import Report
from audit.verification.witnesses import read_keys
from tests.audit.desk import logged_in
from tests.audit.elsewhere import mails, store, witness  # noqa: F401  fixtures
from tests.audit.flush import flush_past_the_guards  # noqa: F401  a fixture
from tests.audit.forging import CALL
from tests.audit.samples import entry_of


@pytest.fixture
def record(db: None) -> Callable[..., Any]:
    """Return a function that appends one entry made by `entry_of`, in a transaction of its own."""
    from django.db import transaction

    from audit.services import append

    def append_one(**given: Any) -> Any:
        entry: Entry = entry_of(**given)
        with transaction.atomic():
            return append(entry)

    return append_one


@pytest.fixture
def officer(db: None, django_user_model: Any) -> Client:
    """Return a browser of somebody who may read the log."""
    return logged_in(django_user_model, "grace", "view_auditrecord")


@pytest.fixture
def log_places(settings: Any, tmp_path: Path) -> Places:
    """Return places of the log's own files that this test alone uses."""
    settings.AUDIT_DIR = tmp_path / "audit"
    settings.AUDIT_ANCHOR_FILE = tmp_path / "elsewhere" / "anchors"
    return places()


@pytest.fixture
def seal(log_places: Places, db: None) -> Callable[[], None]:
    """Return what seals, signs and anchors all that waits. No heartbeat: a test counts its own records."""

    def seal_all() -> None:
        sealer = Sealer(log_places, stop=threading.Event())
        sealer._beat_due = math.inf
        assert sealer.run_once()

    return seal_all


@pytest.fixture
def log(record: Callable[..., Any], seal: Callable[[], None]) -> list[AuditRecord]:
    """Return twelve sealed records with checkpoints of 4, 8 and 12, every second in one call, and two that wait."""
    records = []
    for number in range(14):
        records.append(record(subject=Subject(conversation_id=CALL if number % 2 else uuid4())))
        if number in {3, 7, 11}:
            seal()
    return records


@pytest.fixture
def look(log_places: Places, tmp_path: Path) -> Callable[..., Report]:
    """Return a full verification by an auditor who has the database and the public key, and `anchors` if told so."""

    def verify(*, anchors: bool = False, places: Places | None = None, **given: Any) -> Report:
        auditor = Places(tmp_path / "auditor", *[tmp_path / "none"] * 3)
        options = {
            "places": places or auditor,
            "keys": read_keys(log_places.public_keys),
            "anchor_files": [log_places.anchors] if anchors else [],
            "is_full": True,
            "at": datetime.now(UTC),
            "progress": lambda *_: None,
        }
        return Verification(**{**options, **given}).run()

    return verify
