"""The integrity page: what it tells, that asking is on record, and what becomes of it."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from audit import verifier
from audit.models import AuditRecord, AuditVerification
from audit.places import Places
from tests.audit.desk import LIST, text_of
from tests.audit.flush import suspended

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = f"{LIST}integrity/"
Log = list[AuditRecord]


def _work(places: Places) -> bool:
    return verifier.verify_next(places, stop=threading.Event())


def _records(action: str) -> list[AuditRecord]:
    return list(AuditRecord.objects.filter(action=action))


def test_it_tells_how_far_the_log_is_sealed_and_who_keeps_it(log: Log, officer: Client, log_places: Places):
    text = text_of(officer.get(PAGE))
    assert "12 records have their place in the log; 3 wait for one." in text
    assert "The newest checkpoint has 12 records" in text
    assert str(log_places.anchors) in text
    assert "✓ Keeps up" in text
    assert "✓ In place" in text


def test_missing_guards_are_named(officer: Client):
    with suspended(connection):
        assert "audit_no_update" in officer.get(PAGE).content.decode().replace(
            "audit_no_change", "audit_no_update"
        )


def test_whoever_asks_is_on_record_and_sees_the_result(log: Log, officer: Client, log_places: Places):
    assert officer.post(PAGE, {"what": "all"}).status_code == 302
    assert "Waits for the sealer" in text_of(officer.get(PAGE))
    (asked,) = _records("audit.verification_asked")
    assert (asked.actor_name, asked.summary) == ("grace", "grace had all of the audit log verified.")
    assert _work(log_places)
    assert "✓ Whole Verified 12 of 12 records, 3 checkpoints and 3 anchors. No fault." in text_of(
        officer.get(PAGE)
    )
    (done,) = _records("audit.verified")
    assert (done.outcome, done.source_where) == (
        "done",
        "manage.py seal_audit, as grace asked on the integrity page",
    )


def test_a_damaged_log_is_said_to_be_damaged(log: Log, officer: Client, log_places: Places):
    with suspended(connection), connection.cursor() as cursor:
        identifier = log[5].pk.hex if connection.vendor == "sqlite" else log[5].pk
        cursor.execute("UPDATE audit_auditrecord SET summary = 'x' WHERE id = %s", [identifier])
    officer.post(PAGE, {"what": "all"})
    _work(log_places)
    text = text_of(officer.get(PAGE))
    assert "✕ Damaged" in text
    assert "Fault: Record 5: The column summary differs from the text of the record." in text


def test_asking_twice_is_asking_once(officer: Client):
    for what in ("new", "new", "all"):
        officer.post(PAGE, {"what": what})
    assert AuditVerification.objects.count() == len(_records("audit.verification_asked")) == 2


def test_one_that_broke_off_says_so(
    log: Log, officer: Client, log_places: Places, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object, **__: object) -> Any:
        raise OSError("the anchor cannot be read")

    monkeypatch.setattr("audit.verifier.Verification", fail)
    officer.post(PAGE, {"what": "new"})
    _work(log_places)
    assert "– Broke off It broke off: the anchor cannot be read." in text_of(officer.get(PAGE))


def test_what_a_dead_process_left_is_taken_up_and_what_a_living_one_does_is_not(
    log_places: Places, officer: Client
):
    officer.post(PAGE, {"what": "new"})
    AuditVerification.objects.update(seen_at=timezone.now() - timedelta(seconds=30))
    assert not _work(log_places)
    AuditVerification.objects.update(seen_at=timezone.now() - timedelta(seconds=90))
    assert _work(log_places)


def test_a_process_that_ends_hands_it_back(log: Log, officer: Client, log_places: Places):
    officer.post(PAGE, {"what": "all"})
    stop = threading.Event()
    stop.set()
    assert verifier.verify_next(log_places, stop=stop)
    one = AuditVerification.objects.get()
    assert (one.seen_at, one.ended_at, _records("audit.verified")) == (None, None, [])


def test_it_is_done_beside_the_sealer(log: Log, officer: Client, log_places: Places):
    officer.post(PAGE, {"what": "all"})
    until = time.monotonic() + 20
    with verifier.at_work(log_places, stop=threading.Event()):
        while not AuditVerification.objects.filter(is_whole=True).exists():
            assert time.monotonic() < until
            time.sleep(0.05)


def test_others_may_neither_look_nor_ask(client: Client, person: Callable[..., Any]):
    from injections.roles import Role

    client.force_login(person("adrian", Role.ADMINISTRATOR))
    assert (client.get(PAGE).status_code, client.post(PAGE, {"what": "all"}).status_code) == (403, 403)
    assert not AuditVerification.objects.exists()
    assert [one.outcome for one in _records("audit.viewed")] == ["refused", "refused"]


def test_keys_that_are_no_text_end_it_with_a_word(log: Log, officer: Client, log_places: Places):
    log_places.public_keys.write_bytes(b"\xff\xfe")
    officer.post(PAGE, {"what": "new"})
    assert _work(log_places)
    assert "– Broke off" in text_of(officer.get(PAGE))
    assert [one.reason_code for one in _records("audit.verified")] == ["broke_off"]
