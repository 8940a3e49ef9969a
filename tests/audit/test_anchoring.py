"""Checkpoints follow to the anchors elsewhere, behind the sealer and apart from each other."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection

from audit import anchoring
from audit.anchors import AnchorFault, health
from audit.anchors.bucket import name_of
from audit.checkpoint import open_checkpoint
from audit.cosignatures import cosignature_in
from audit.models import AuditCheckpoint, AuditLeaf, AuditRecord
from audit.places import Places
from audit.sealer import Sealer
from audit.turns import turn
from audit.witness import Witness
from tests.audit.elsewhere import cut_to, follow, grow, health_of, now, rewrite, use_bucket
from tests.audit.sealed import key_of, stored, wait_for
from tests.support.s3_server import SECRET_KEY, Store, s3_server
from tests.support.scripted_server import closed_port, scripted_server, silence
from tests.support.smtp_server import Mails

pytestmark = pytest.mark.django_db(transaction=True)
Record = Callable[..., AuditRecord]
Seal = Callable[[], None]


# --- The bucket ---------------------------------------------------------------------------------------------
def test_every_checkpoint_is_in_the_bucket_as_it_was_signed(
    record: Record, seal: Seal, log_places: Places, store: Store
):
    grow(record, seal, times=3)
    follow(log_places)
    assert store.visible() == [name_of(each) for each in stored(log_places)]
    notes = list(AuditCheckpoint.objects.order_by("size").values_list("note", flat=True))
    assert [each.body.decode() for each in store.versions] == notes
    assert (health_of("bucket", log_places).size, health_of("bucket", log_places).error) == (6, "")


def test_what_could_not_be_put_follows_later(
    record: Record, seal: Seal, log_places: Places, settings: Any, store: Store
):
    grow(record, seal)
    settings.AUDIT_S3_URL = f"http://127.0.0.1:{closed_port()}/b"
    with pytest.raises(AnchorFault):
        follow(log_places)
    grow(record, seal, times=2)
    settings.AUDIT_S3_URL = store.url
    follow(log_places)
    follow(log_places)
    assert [name_of(each) for each in stored(log_places)] == [each.key for each in store.versions]


# --- The witness --------------------------------------------------------------------------------------------
def test_the_newest_checkpoint_is_kept_with_the_cosignature_of_the_witness(
    record: Record, seal: Seal, log_places: Places, witness: Witness
):
    for size in (2, 4, 6):
        grow(record, seal)
        follow(log_places)
        note = log_places.cosigned.read_text()
        assert open_checkpoint(note, keys=[key_of(log_places)]).size == size
        cosignature_in(note, by=witness.public)
    assert health_of("witness", log_places).size == 6


def test_a_sealer_that_lost_what_it_knew_of_the_witness_asks_it(
    record: Record, seal: Seal, log_places: Places, witness: Witness
):
    grow(record, seal)
    follow(log_places)
    log_places.cosigned.unlink()
    grow(record, seal)
    follow(log_places)
    assert open_checkpoint(log_places.cosigned.read_text(), keys=[key_of(log_places)]).size == 4


def test_a_sealer_that_the_witness_contradicts_says_so(
    record: Record, seal: Seal, log_places: Places, witness: Witness
):
    grow(record, seal, times=2)
    follow(log_places)
    rewrite(log_places, 3)
    grow(record, seal)
    with pytest.raises(AnchorFault, match="does not continue the 4 records"):
        follow(log_places)
    assert "does not continue" in health_of("witness", log_places).error


def test_a_sealer_whose_log_was_cut_is_told_so_by_bucket_and_witness(
    record: Record, seal: Seal, log_places: Places, store: Store, witness: Witness
):
    grow(record, seal, times=3)
    follow(log_places)
    cut_to(4)
    with pytest.raises(
        AnchorFault, match=r"more than the 4 records .*; it knows 6 records, but the log has 4"
    ):
        follow(log_places)
    assert open_checkpoint(log_places.cosigned.read_text(), keys=[key_of(log_places)]).size == 6


def test_the_answer_of_another_witness_is_not_kept(
    record: Record, seal: Seal, log_places: Places, witness: Witness, settings: Any
):
    grow(record, seal)
    settings.AUDIT_WITNESS_KEY = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
    with pytest.raises(AnchorFault, match=r"no cosignature of remora\.n621\.de"):
        follow(log_places)
    assert not log_places.cosigned.exists()


def test_a_key_that_is_none_is_named(log_places: Places, settings: Any):
    settings.AUDIT_WITNESS_URL, settings.AUDIT_WITNESS_KEY = "http://127.0.0.1:9", "nonsense"
    with pytest.raises(ImproperlyConfigured, match="AUDIT_WITNESS_KEY"):
        follow(log_places)


# --- Mail ---------------------------------------------------------------------------------------------------
def test_one_mail_goes_out_in_an_interval_and_is_on_record(
    record: Record, seal: Seal, log_places: Places, mails: Mails
):
    grow(record, seal)
    follow(log_places)
    grow(record, seal)
    follow(log_places)
    assert len(mails.taken) == 1
    mailed = AuditRecord.objects.get(action=anchoring.MAILED)
    assert json.loads(mailed.body)["details"]["size"] == 2
    assert "auditor@example.com" not in mailed.body
    follow(log_places, clock=lambda: now() + timedelta(hours=25))
    assert len(mails.taken) == 2


def test_a_mail_that_was_refused_is_tried_again(record: Record, seal: Seal, log_places: Places, mails: Mails):
    grow(record, seal)
    mails.refuses = True
    with pytest.raises(AnchorFault, match="550"):
        follow(log_places)
    assert not AuditRecord.objects.filter(action=anchoring.MAILED).exists()
    mails.refuses = False
    follow(log_places)
    assert len(mails.taken) == 1


# --- Behind the sealer --------------------------------------------------------------------------------------
def test_a_silent_anchor_holds_up_no_sealing_and_no_other_anchor(
    record: Record, log_places: Places, settings: Any, witness: Witness
):
    stop = threading.Event()
    with scripted_server(with_token=False) as server:
        server.on("GET", "/b/", silence)
        use_bucket(settings, f"{server.url}/b")
        thread = threading.Thread(target=Sealer(log_places, stop=stop, every_s=0.01).run, daemon=True)
        thread.start()
        try:
            wait_for(lambda: len(server.requests) > 0)
            before = AuditLeaf.objects.count()
            record()
            wait_for(lambda: AuditLeaf.objects.count() > before)
            wait_for(log_places.cosigned.exists)
        finally:
            stop.set()
            thread.join(30)
    assert not thread.is_alive()


def test_a_sealer_brings_its_checkpoints_to_all_anchors(
    record: Record, log_places: Places, store: Store, witness: Witness, mails: Mails
):
    record()
    stop = threading.Event()
    thread = threading.Thread(target=Sealer(log_places, stop=stop, every_s=0.01).run, daemon=True)
    thread.start()
    try:
        wait_for(lambda: log_places.cosigned.exists() and store.versions != [] and mails.taken != [])
    finally:
        stop.set()
        thread.join(30)
    assert {each.name for each in health.all_of(log_places) if each.size > 0} == {
        "file",
        "bucket",
        "witness",
        "mail",
    }


def test_a_fault_is_logged_once_and_without_secrets(
    record: Record, seal: Seal, log_places: Places, settings: Any, caplog: pytest.LogCaptureFixture
):
    grow(record, seal)
    with s3_server(has_lock=False) as store:
        use_bucket(settings, store.url)
        (follower,) = anchoring._followers(log_places, clock=now)
        stop = threading.Event()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("audit.anchoring.EVERY_S", 0.01)
            patch.setattr("audit.anchoring.LONGEST_PAUSE_S", 0.01)
            thread = threading.Thread(target=follower.run, args=[stop], daemon=True)
            thread.start()
            wait_for(lambda: sum(method == "PUT" for method, _ in store.requests) > 3)
            stop.set()
            thread.join(30)
    assert caplog.text.count("the anchor bucket lacks it: PUT was answered 400 (InvalidRequest)") == 1
    assert SECRET_KEY not in caplog.text


def test_two_sealers_do_not_bring_the_same_mail(record: Record, seal: Seal, log_places: Places, mails: Mails):
    grow(record, seal)
    with turn(log_places, of="mail") as is_mine:
        assert is_mine
        follow(log_places)
    assert mails.taken == []


def test_no_transaction_is_open_while_an_anchor_is_asked(
    record: Record, seal: Seal, log_places: Places, store: Store, monkeypatch: pytest.MonkeyPatch
):
    grow(record, seal)
    seen: list[bool] = []
    ask = anchoring.Bucket.put

    def watched(*given: Any) -> None:
        seen.append(connection.in_atomic_block)
        ask(*given)

    monkeypatch.setattr(anchoring.Bucket, "put", watched)
    follow(log_places)
    assert seen == [False]


def test_sealing_once_brings_all_anchors_up_to_date_or_says_which_not(
    record: Record, log_places: Places, store: Store, settings: Any
):
    record()
    call_command("seal_audit", "--once")
    assert len(store.versions) == 1
    settings.AUDIT_S3_SECRET_KEY = "another"
    record()
    with pytest.raises(CommandError, match=r"403 \(SignatureDoesNotMatch\)"):
        call_command("seal_audit", "--once")
    assert AuditCheckpoint.objects.count() == 2


# --- Health -------------------------------------------------------------------------------------------------
def test_health_tells_the_last_size_its_time_and_what_is_wrong_since_when(
    record: Record, seal: Seal, log_places: Places, store: Store, settings: Any
):
    assert health_of("bucket", log_places) == health.Health("bucket", store.url)
    first, later = datetime(2026, 11, 22, 8, tzinfo=UTC), datetime(2026, 11, 22, 9, tzinfo=UTC)
    health.note_kept(log_places, "bucket", store.url, size=2, at=first)
    for at in (first, later):
        health.note_failed(log_places, "bucket", store.url, error="no connection", at=at)
    found = health_of("bucket", log_places)
    assert (found.size, found.at[:13], found.error, found.since[:13]) == (
        2,
        "2026-11-22T08",
        "no connection",
        "2026-11-22T08",
    )
    health.note_kept(log_places, "bucket", store.url, size=4, at=later)
    found = health_of("bucket", log_places)
    assert (found.size, found.error, found.since) == (4, "", "")


def test_the_health_of_the_file_is_read_from_it(record: Record, seal: Seal, log_places: Places):
    assert health_of("file", log_places).size == 0
    grow(record, seal)
    assert health_of("file", log_places).size == 2
    log_places.anchors.unlink()
    log_places.anchors.mkdir()
    assert health_of("file", log_places).error != ""


def test_the_health_of_another_bucket_is_not_told(log_places: Places, store: Store):
    health.note_kept(log_places, "bucket", "https://elsewhere.example/b", size=2, at=now())
    assert health_of("bucket", log_places).size == 0
