"""What only an anchor finds, or a receipt, is found with those, and said to need them without; and what is done
before a record is sealed.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection

from audit import merkle
from audit.checkpoint import Checkpoint
from audit.entry import Subject
from audit.models import AuditCheckpoint, AuditLeaf, AuditRecord
from audit.notes import SigningKey
from audit.places import Places, places
from audit.receipts import receipt_for
from audit.verification.report import Report
from audit.verification.witnesses import read_keys
from tests.audit.flush import suspended
from tests.audit.forging import CALL, raw, rewritten, set_leaf, tamper, told, update

Record = Callable[..., AuditRecord]
Look = Callable[..., Report]
NEEDS_ANCHOR = "No anchor was at hand"


# --- What only an anchor finds ------------------------------------------------------------------------------
def _cut_to_8(log: list[AuditRecord]) -> None:
    tamper(
        *(("DELETE FROM audit_auditrecord WHERE id = %s", [raw(each.pk)]) for each in log[8:]),
        'DELETE FROM audit_auditleaf WHERE "index" >= 8',
        "DELETE FROM audit_auditcheckpoint WHERE size > 8",
        "DELETE FROM audit_auditpending",
    )


def test_a_log_cut_short_looks_whole_and_the_report_says_so(log: list[AuditRecord], look: Look):
    _cut_to_8(log)
    report = look()
    assert report.faults == []
    assert NEEDS_ANCHOR in "".join(report.notices)


def test_a_log_cut_short_is_found_with_an_anchor(log: list[AuditRecord], look: Look, log_places: Places):
    _cut_to_8(log)
    found = f"Line 3 of the anchors in {log_places.anchors} knows 12 records, but the log has 8: its end was removed."
    assert found in told(look(anchors=True))


def test_a_log_cut_short_is_found_where_it_was_signed(log: list[AuditRecord], look: Look, log_places: Places):
    _cut_to_8(log)
    assert f"What was signed last ({log_places.signed}) knows 12 records" in told(look(places=log_places))


def test_a_log_cut_short_is_found_by_who_verified_it_before(log: list[AuditRecord], look: Look):
    assert look().faults == []
    _cut_to_8(log)
    assert "knows 12 records, but the log has 8" in told(look())
    assert "knows 12 records, but the log has 8" in told(look(is_full=False))


def _rewrite_with_the_key(log: list[AuditRecord], places: Places) -> None:
    """Change record 4 and sign everything anew, as whoever has both database and key can."""
    forged = rewritten(log[4])
    tamper(*update(log[4], **forged), set_leaf(4, forged["leaf_hash"]))
    key = SigningKey.parse(places.signing_key.read_text().strip())
    leaves = [bytes.fromhex(leaf.leaf_hash) for leaf in AuditLeaf.objects.order_by("index")]
    for size in (4, 8, 12):
        root = merkle.root_of(leaves[:size])
        note = Checkpoint(key.name, size, root).signed(key)
        tamper(
            (
                "UPDATE audit_auditcheckpoint SET note = %s, root_hash = %s WHERE size = %s",
                [note, root.hex(), size],
            )
        )


def test_a_log_rewritten_with_its_key_looks_whole_and_the_report_says_so(
    log: list[AuditRecord], look: Look, log_places: Places
):
    _rewrite_with_the_key(log, log_places)
    report = look()
    assert report.faults == []
    assert "signed anew with its own key" in "".join(report.notices)


def test_a_log_rewritten_with_its_key_is_found_with_an_anchor(
    log: list[AuditRecord], look: Look, log_places: Places
):
    _rewrite_with_the_key(log, log_places)
    fault = look(anchors=True).faults[0]
    assert fault.index == 4
    assert fault.what.startswith(
        f"Line 2 of the anchors in {log_places.anchors} says otherwise: one of the records 4"
    )


def test_a_log_rewritten_with_its_key_is_found_by_who_verified_it_before(
    log: list[AuditRecord], look: Look, log_places: Places
):
    assert look().faults == []
    _rewrite_with_the_key(log, log_places)
    assert "The verification of" in told(look())
    assert "Run with --full to find where." in told(look(is_full=False))


@pytest.mark.parametrize("text", ["nonsense", "audit-log/other\n9\nAAAA\n\n— audit-log/other AAAAAAAA\n"])
def test_what_was_signed_last_is_not_believed_unsigned(
    log: list[AuditRecord], look: Look, log_places: Places, text: str
):
    log_places.signed.write_text(text)
    assert f"What was signed last ({log_places.signed}) is not valid" in told(look(places=log_places))


def test_a_hole_in_what_was_verified_before_is_noticed(log: list[AuditRecord], look: Look):
    assert look().faults == []
    tamper('DELETE FROM audit_auditleaf WHERE "index" = 2')
    assert "says otherwise of the first 12 records. Run with --full" in told(look(is_full=False))


def test_anchors_that_were_changed_are_named(log: list[AuditRecord], look: Look, log_places: Places):
    log_places.anchors.write_text(log_places.anchors.read_text().replace("\\n8\\n", "\\n9\\n"))
    assert f"Line 2 of the anchors in {log_places.anchors} is not a checkpoint of this log" in told(
        look(anchors=True)
    )


def test_anchors_that_were_cut_are_noticed_by_who_read_them_before(
    log: list[AuditRecord], look: Look, log_places: Places
):
    assert look(anchors=True).faults == []
    lines = log_places.anchors.read_text().splitlines(keepends=True)
    log_places.anchors.write_text("".join(lines[:2]))
    assert "were cut" in told(look(anchors=True, is_full=False))


# --- Before it was sealed -----------------------------------------------------------------------------------
def test_a_changed_text_that_waits_is_named(log: list[AuditRecord], look: Look):
    tamper(*update(log[13], body=log[13].body.replace("ada", "eve")))
    expected = f"The record {log[13].pk}, not sealed yet: The text of the record does not fit its hash."
    assert str(look().faults[0]) == expected


def test_a_changed_column_that_waits_is_named(log: list[AuditRecord], look: Look):
    tamper(*update(log[13], outcome="failed"))
    assert f"The record {log[13].pk}, not sealed yet: The column outcome differs" in told(look())


def test_a_removed_record_that_waits_is_named(log: list[AuditRecord], look: Look):
    tamper(("DELETE FROM audit_auditrecord WHERE id = %s", [raw(log[13].pk)]))
    assert told(look()) == f"The record {log[13].pk} was removed before it was sealed."


def test_a_record_taken_out_of_the_outbox_is_named(log: list[AuditRecord], look: Look):
    tamper(("DELETE FROM audit_auditpending WHERE record_id = %s", [raw(log[13].pk)]))
    assert told(look()) == f"The record {log[13].pk} is neither sealed nor waiting to be."


def _remove_traces(record: AuditRecord) -> None:
    tamper(
        ("DELETE FROM audit_auditrecord WHERE id = %s", [raw(record.pk)]),
        ("DELETE FROM audit_auditpending WHERE record_id = %s", [raw(record.pk)]),
    )


def test_a_record_removed_with_its_outbox_row_leaves_a_gap_in_its_call(
    log: list[AuditRecord], look: Look, record: Record
):
    last = record(subject=Subject(conversation_id=CALL))
    _remove_traces(log[13])
    assert told(look()) == f"The record {last.pk}, not sealed yet: Record 7 of this call is missing."


def test_the_last_record_of_a_call_removed_with_its_outbox_row_needs_a_receipt_and_the_report_says_so(
    log: list[AuditRecord], look: Look
):
    _remove_traces(log[13])
    report = look(anchors=True)
    assert report.faults == []
    assert "shown by its receipt alone" in report.notices[-1]


def test_a_record_rewritten_whole_before_it_was_sealed_is_given_away_by_the_next_of_its_call(
    log: list[AuditRecord], look: Look, record: Record
):
    last = record(subject=Subject(conversation_id=CALL))
    tamper(*update(log[13], **rewritten(log[13])))
    assert told(look()).startswith(
        f"The record {last.pk}, not sealed yet: The record before this one in the call"
    )


def test_the_last_record_of_a_call_rewritten_whole_needs_a_receipt_and_the_report_says_so(
    log: list[AuditRecord], look: Look, tmp_path: Path
):
    receipt = tmp_path / "receipt"
    receipt.write_text(receipt_for(log[13]) or "")
    tamper(*update(log[13], **rewritten(log[13])))
    report = look(anchors=True)
    assert report.faults == []
    assert "A record rewritten whole" in report.notices[-1]
    keys = [*read_keys(places().public_keys), *read_keys(places().receipt_keys)]
    assert "has another hash than was promised" in told(look(receipt_files=[receipt], keys=keys))


def test_an_older_backup_of_database_and_files_is_found_with_an_anchor_elsewhere(
    log: list[AuditRecord], look: Look, log_places: Places, seal: Callable[[], None], record: Record
):
    # What the signer remembered at 8 records comes back together with them.
    log_places.signed.write_text(AuditCheckpoint.objects.get(size=8).note)
    _cut_to_8(log)
    for _ in range(6):
        record()
    seal()
    assert look(places=log_places).faults == []
    assert "Line 3 of the anchors" in told(look(anchors=True))


# --- Guards -------------------------------------------------------------------------------------------------
def test_a_missing_guard_is_named(log: list[AuditRecord], look: Look):
    with suspended(connection):
        report = look()
    assert "The guard audit_outbox is missing or altered" in told(report)
    assert "The guard audit_leaf_no_" in told(report)
