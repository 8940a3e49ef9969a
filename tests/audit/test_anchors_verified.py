"""A verification asks the bucket and the witness, reads saved mails, and says who could not be asked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit.models import AuditRecord
from audit.places import Places
from audit.witness import Witness
from tests.audit.commands import verify
from tests.audit.elsewhere import cut_to, follow, grow, rewrite, use_bucket
from tests.audit.forging import tamper
from tests.audit.sealed import key_of
from tests.support.s3_server import Store
from tests.support.scripted_server import closed_port
from tests.support.smtp_server import Mails

pytestmark = pytest.mark.django_db(transaction=True)
Record = Callable[..., AuditRecord]
Seal = Callable[[], None]


def test_the_anchors_of_a_whole_log_agree(
    record: Record, seal: Seal, log_places: Places, store: Store, witness: Witness
):
    grow(record, seal, times=2)
    follow(log_places)
    status, told = verify("--full")
    # Two lines of the file, two objects, one witness.
    assert (status, " and 5 anchors. No fault." in told) == (0, True)
    assert "could not" not in told


def test_a_bucket_alone_is_an_anchor(record: Record, seal: Seal, log_places: Places, store: Store):
    grow(record, seal)
    follow(log_places)
    log_places.anchors.unlink()
    assert "No anchor was at hand" not in verify()[1]
    # The second time there is nothing new in it, and it is an anchor still.
    assert "No anchor was at hand" not in verify()[1]


def test_a_log_cut_short_is_found_with_the_bucket(
    record: Record, seal: Seal, log_places: Places, store: Store
):
    grow(record, seal, times=3)
    follow(log_places)
    log_places.anchors.unlink()
    log_places.signed.unlink()
    cut_to(4)
    status, told = verify()
    assert status == 1
    assert f"in {store.url} knows 6 records, but the log has 4: its end was removed." in told


def test_a_log_rewritten_with_its_key_is_found_with_the_bucket(
    record: Record, seal: Seal, log_places: Places, store: Store
):
    grow(record, seal, times=3)
    follow(log_places)
    log_places.anchors.unlink()
    rewrite(log_places, 3)
    status, told = verify()
    assert (status, "FAULT  Record 2: The object audit-log/" in told) == (1, True)


def test_a_checkpoint_that_was_taken_out_of_the_table_is_found_with_the_bucket(
    record: Record, seal: Seal, log_places: Places, store: Store
):
    grow(record, seal, times=2)
    follow(log_places)
    log_places.anchors.unlink()
    tamper("DELETE FROM audit_auditcheckpoint WHERE size = 2")
    status, told = verify("--full")
    assert (status, "is a checkpoint of 2 records that is no longer stored" in told) == (1, True)


def test_an_object_that_was_hidden_is_found(record: Record, seal: Seal, log_places: Places, store: Store):
    grow(record, seal, times=2)
    follow(log_places)
    store.hide(store.versions[-1].key)
    status, told = verify()
    assert (status, "was hidden by a delete marker" in told) == (1, True)


def test_an_object_that_says_otherwise_than_its_name_is_found(
    record: Record, seal: Seal, log_places: Places, store: Store
):
    grow(record, seal, times=2)
    follow(log_places)
    store.versions[1].body = store.versions[0].body
    assert "holds another checkpoint than its name says" in verify()[1]
    store.versions[1].body = b"nonsense"
    assert "is not a checkpoint of this log" in verify()[1]


def test_a_bucket_that_cannot_be_asked_is_said_and_is_no_fault(
    record: Record, seal: Seal, log_places: Places, settings: Any
):
    grow(record, seal)
    use_bucket(settings, f"http://127.0.0.1:{closed_port()}/b")
    status, told = verify()
    assert status == 0
    assert f"The bucket {settings.AUDIT_S3_URL} could not be asked: no connection" in told


def test_what_the_witness_signed_is_an_anchor_for_others(
    record: Record, seal: Seal, log_places: Places, witness: Witness
):
    grow(record, seal)
    follow(log_places)
    assert " and 2 anchors. No fault." in verify("--anchors", str(log_places.cosigned))[1]
    last = witness.last_of(key_of(log_places).name)
    assert " and 2 anchors. No fault." in verify("--full", "--anchors", str(last))[1]


def test_a_log_cut_short_is_found_with_the_witness(
    record: Record, seal: Seal, log_places: Places, witness: Witness
):
    grow(record, seal, times=3)
    follow(log_places)
    log_places.anchors.unlink()
    log_places.signed.unlink()
    cut_to(4)
    status, told = verify()
    assert (status, "contradicts: it knows 6 records, but the log has 4." in told) == (1, True)


@pytest.mark.parametrize("grows", [True, False])
def test_a_log_rewritten_with_its_key_is_found_with_the_witness(
    record: Record, seal: Seal, log_places: Places, witness: Witness, grows: bool
):
    grow(record, seal, times=2)
    follow(log_places)
    log_places.anchors.unlink()
    rewrite(log_places, 3)
    if grows:
        grow(record, seal)
    status, told = verify()
    assert (status, "contradicts: the log does not continue the 4 records that it knows." in told) == (
        1,
        True,
    )


def test_a_witness_that_does_not_know_the_log_is_said(
    record: Record, seal: Seal, log_places: Places, witness: Witness, settings: Any
):
    grow(record, seal)
    assert "had never seen this log before" in verify()[1]
    witness._logs = []
    assert "could not be asked: it does not know this log" in verify()[1]
    settings.AUDIT_WITNESS_URL = f"http://127.0.0.1:{closed_port()}"
    assert "could not be asked: no connection" in verify()[1]


def test_a_saved_mail_finds_a_log_that_was_rewritten(
    record: Record, seal: Seal, log_places: Places, mails: Mails, tmp_path: Path
):
    grow(record, seal, times=2)
    follow(log_places)
    saved = tmp_path / "saved.eml"
    saved.write_bytes(mails.taken[0][1])
    status, told = verify("--anchors", str(saved))
    assert (status, " and 1 anchors. No fault." in told) == (0, True)
    assert "What was mailed to auditor@example.com was not looked at" in told
    rewrite(log_places, 1)
    told = verify("--full", "--anchors", str(saved))[1]
    assert f"The checkpoint in {saved} says otherwise" in told


def test_a_file_without_a_checkpoint_is_no_anchor(
    record: Record, seal: Seal, log_places: Places, tmp_path: Path
):
    grow(record, seal)
    saved = tmp_path / "saved"
    saved.write_text("Dear auditor, I forgot the attachment.\n")
    assert verify("--anchors", str(saved))[0] == 1


def test_an_empty_anchor_vouches_for_nothing(record: Record, seal: Seal, log_places: Places, store: Store):
    record()
    seal()
    log_places.anchors.write_bytes(b"")
    assert "No anchor was at hand" in verify("--full")[1]
