"""What somebody does who owns the database, with the guards off: found and named, or said to need an anchor."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from audit import merkle
from audit.checkpoint import Checkpoint
from audit.entry import Subject, leaf_hash
from audit.models import AuditCheckpoint, AuditLeaf, AuditRecord
from audit.notes import SigningKey
from audit.places import Places
from audit.verification.log import Verification
from audit.verification.report import Report
from audit.verification.witnesses import read_keys
from tests.audit.flush import suspended

Record = Callable[..., AuditRecord]
Look = Callable[..., Report]
CALL = UUID("abcdef12-2222-4333-8444-555555555555")
NEEDS_ANCHOR = "No anchor was at hand"


@pytest.fixture
def log(record: Record, seal: Callable[[], None]) -> list[AuditRecord]:
    """Return twelve sealed records with checkpoints of 4, 8 and 12, every second in one call, and two that wait."""
    records = []
    for number in range(14):
        records.append(record(subject=Subject(conversation_id=CALL if number % 2 else uuid4())))
        if number in {3, 7, 11}:
            seal()
    return records


@pytest.fixture
def look(log_places: Places, tmp_path: Path) -> Look:
    """Return a full verification by an auditor who has the database and the public key, and `anchors` if told so."""

    def verify(*, anchors: bool = False, places: Places | None = None, **given: Any) -> Report:
        auditor = Places(tmp_path / "auditor", tmp_path / "none", tmp_path / "none")
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


def _tamper(*statements: str | tuple[str, Sequence[Any]]) -> None:
    with suspended(connection), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(*((statement, []) if isinstance(statement, str) else statement))


def _raw(identifier: UUID) -> Any:
    return identifier.hex if connection.vendor == "sqlite" else identifier


def _update(record: AuditRecord, **columns: Any) -> list[tuple[str, Sequence[Any]]]:
    return [
        (f"UPDATE audit_auditrecord SET {name} = %s WHERE id = %s", [value, _raw(record.pk)])  # noqa: S608  own names
        for name, value in columns.items()
    ]


def _rewritten(record: AuditRecord) -> dict[str, str]:
    """Return body, hash and column of a forgery that fits itself."""
    body = record.body.replace(record.summary, "Nothing happened.")
    return {"body": body, "leaf_hash": leaf_hash(body), "summary": "Nothing happened."}


def _set_leaf(index: int, text: str) -> tuple[str, Sequence[Any]]:
    return 'UPDATE audit_auditleaf SET leaf_hash = %s WHERE "index" = %s', [text, index]


def _all(report: Report) -> str:
    return "\n".join(map(str, report.faults))


def test_an_untouched_log_has_no_fault(log: list[AuditRecord], look: Look):
    report = look(anchors=True)
    assert report.faults == []
    assert (report.size, report.checkpoints, report.anchors) == (12, 3, 3)
    assert "2 records wait to be sealed." in report.notices
    assert NEEDS_ANCHOR not in "".join(report.notices)


# --- Records ------------------------------------------------------------------------------------------------
def test_a_changed_text_is_named(log: list[AuditRecord], look: Look):
    _tamper(*_update(log[5], body=log[5].body.replace("ada", "eve")))
    assert str(look().faults[0]) == "Record 5: The text of the record does not fit its hash."


def test_a_changed_text_with_its_hash_is_named(log: list[AuditRecord], look: Look):
    _tamper(*_update(log[5], **_rewritten(log[5])))
    assert str(look().faults[0]) == "Record 5: The hash at its place is not the record's own."


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("action", "injection.cancelled"),
        ("outcome", "refused"),
        ("reason_code", "other"),
        ("summary", "Nothing happened."),
        ("actor_kind", "system"),
        ("actor_id", "8"),
        ("actor_name", "eve"),
        ("actor_role", "admin"),
        ("source_ip", "192.0.2.2"),
        ("source_user_agent", "none"),
        ("source_request_id", "r-2"),
        ("source_where", "GET /"),
        ("subject_other", "x"),
        ("recorded_at", "2026-01-01 00:00:00.5+00:00"),
        ("occurred_at", "2026-01-01 00:00:00.5+00:00"),
        ("participant_id", "11111111222243338444555555555555"),
        ("clip_id", "11111111222243338444555555555555"),
        ("injection_id", "11111111222243338444555555555555"),
    ],
)
def test_each_changed_column_is_named(log: list[AuditRecord], look: Look, column: str, value: str):
    _tamper(*_update(log[5], **{column: value}))
    assert str(look().faults[0]) == f"Record 5: The column {column} differs from the text of the record."


def test_a_text_that_is_not_canonical_is_named_even_when_it_fits_its_hash(log: list[AuditRecord], look: Look):
    body = log[5].body.replace('{"action"', '{"action":"other.act","action"')
    _tamper(*_update(log[5], body=body, leaf_hash=leaf_hash(body)), _set_leaf(5, leaf_hash(body)))
    assert "Record 5: The text of the record is not canonical" in _all(look())


def test_a_removed_record_is_named(log: list[AuditRecord], look: Look):
    _tamper(("DELETE FROM audit_auditrecord WHERE id = %s", [_raw(log[5].pk)]))
    report = look()
    assert str(report.faults[0]) == f"Record 5: It is gone (its identifier is {_shown(log[5])})."
    assert "Record 7: Record 3 of this call is missing." in _all(report)


def _shown(record: AuditRecord) -> str:
    return str(_raw(record.pk))


def test_a_longer_gap_is_named_from_its_first_record_on(log: list[AuditRecord], look: Look):
    _tamper(*(("DELETE FROM audit_auditrecord WHERE id = %s", [_raw(each.pk)]) for each in log[4:8]))
    report = look()
    assert [fault.index for fault in report.faults] == [4, 5, 6, 7, 9]
    assert str(report.faults[-1]) == "Record 9: Record 4 of this call is missing."


def test_a_broken_link_of_a_call_is_named(log: list[AuditRecord], look: Look):
    body = log[7].body.replace(log[5].leaf_hash, "0" * 64)
    changed = {"body": body, "leaf_hash": leaf_hash(body), "previous_in_conversation": "0" * 64}
    _tamper(*_update(log[7], **changed), _set_leaf(7, leaf_hash(body)))
    assert "Record 7: The record before this one in the call is not" in _all(look())


# --- Tree ---------------------------------------------------------------------------------------------------
def test_a_forgery_down_to_its_leaf_is_found_by_the_next_checkpoint(log: list[AuditRecord], look: Look):
    forged = _rewritten(log[4])
    _tamper(*_update(log[4], **forged), _set_leaf(4, forged["leaf_hash"]))
    assert str(look().faults[0]) == (
        "Record 4: The stored checkpoint of 8 records says otherwise: one of the records 4 to 7"
        " was changed, removed or moved."
    )


def test_another_order_is_found_by_the_next_checkpoint(log: list[AuditRecord], look: Look):
    leaves = {leaf.index: leaf for leaf in AuditLeaf.objects.all()}
    set_record = 'UPDATE audit_auditleaf SET record_id = %s WHERE "index" = %s'
    _tamper(
        (set_record, [_raw(uuid4()), 8]),
        (set_record, [_raw(leaves[8].record_id), 10]),
        (set_record, [_raw(leaves[10].record_id), 8]),
        _set_leaf(8, leaves[10].leaf_hash),
        _set_leaf(10, leaves[8].leaf_hash),
    )
    report = look()
    assert [fault.index for fault in report.faults] == [8]
    assert "records 8 to 11" in report.faults[0].what


def test_a_removed_place_is_named(log: list[AuditRecord], look: Look):
    _tamper('DELETE FROM audit_auditleaf WHERE "index" IN (5, 6)')
    report = look()
    assert str(report.faults[0]) == "Record 5: The place is empty. The log cannot be followed any further."
    assert _all(report).count("neither sealed nor waiting") == 2


def test_a_hash_that_is_none_is_named(log: list[AuditRecord], look: Look):
    _tamper(_set_leaf(5, "x" * 64))
    assert "Record 5: The hash at its place is none." in _all(look())


def test_a_record_and_its_place_removed_and_the_rest_moved_up_is_found(log: list[AuditRecord], look: Look):
    _tamper(
        ("DELETE FROM audit_auditrecord WHERE id = %s", [_raw(log[4].pk)]),
        'DELETE FROM audit_auditleaf WHERE "index" = 4',
        *(
            ('UPDATE audit_auditleaf SET "index" = %s WHERE "index" = %s', [index - 1, index])
            for index in range(5, 12)
        ),
    )
    report = look()
    assert "records 4 to 7" in report.faults[0].what
    assert "knows 12 records, but the log has 11" in _all(report)


@pytest.fixture
def long_log(seal: Callable[[], None], record: Record) -> None:
    for _ in range(300):
        record()
    seal()


def test_a_changed_tile_is_named(long_log: None, look: Look):
    _tamper(("UPDATE audit_auditnode SET node_hash = %s", ["0" * 64]))
    assert str(look().faults[0]) == "Record 0: The stored hash of the records 0 to 255 is not theirs."


def test_a_removed_tile_is_named(long_log: None, look: Look):
    _tamper("DELETE FROM audit_auditnode")
    assert "records 0 to 255 is not theirs" in str(look().faults[0])


def test_a_tile_that_no_log_of_this_size_has_is_named(long_log: None, look: Look):
    _tamper(('INSERT INTO audit_auditnode (level, "index", node_hash) VALUES (1, 1, %s)', ["0" * 64]))
    assert "There is a stored hash (1/1) of records that the log does not have." in _all(look())


# --- Checkpoints and keys -----------------------------------------------------------------------------------
def test_a_changed_root_of_a_checkpoint_is_named(log: list[AuditRecord], look: Look):
    _tamper(("UPDATE audit_auditcheckpoint SET root_hash = %s WHERE size = 8", ["0" * 64]))
    assert _all(look()) == "The stored checkpoint of 8 records has other columns than its signed text."


def test_a_changed_text_of_a_checkpoint_is_named(log: list[AuditRecord], look: Look):
    note = AuditCheckpoint.objects.get(size=8).note.replace("\n8\n", "\n9\n")
    _tamper(("UPDATE audit_auditcheckpoint SET note = %s WHERE size = 8", [note]))
    assert "The stored checkpoint of 8 records is not valid: the signature of audit-log/" in _all(look())


def test_a_checkpoint_signed_with_another_key_is_named(log: list[AuditRecord], look: Look):
    here = AuditCheckpoint.objects.get(size=8)
    origin = here.note.split("\n")[0]
    other = SigningKey.from_seed(origin, bytes(32))
    note = Checkpoint(origin, 8, bytes.fromhex(here.root_hash)).signed(other)
    _tamper(("UPDATE audit_auditcheckpoint SET note = %s WHERE size = 8", [note]))
    assert "of 8 records is not valid: not signed by a key that is trusted" in _all(look())


def test_another_public_key_is_noticed(log: list[AuditRecord], look: Look):
    report = look(keys=[SigningKey.from_seed("audit-log/other", bytes(32)).public])
    assert "The stored checkpoint of 4 records is not valid: not signed by a key that is trusted" in _all(
        report
    )


def test_a_missing_public_key_is_a_fault(log: list[AuditRecord], look: Look):
    assert "There is no public key to check the signatures by." in _all(look(keys=[]))


def test_a_removed_checkpoint_is_found_with_an_anchor(log: list[AuditRecord], look: Look):
    _tamper("DELETE FROM audit_auditcheckpoint WHERE size = 8")
    assert look().faults == []
    assert "is a checkpoint of 8 records that is no longer stored" in _all(look(anchors=True))


# --- What only an anchor finds ------------------------------------------------------------------------------
def _cut_to_8(log: list[AuditRecord]) -> None:
    _tamper(
        *(("DELETE FROM audit_auditrecord WHERE id = %s", [_raw(each.pk)]) for each in log[8:]),
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
    assert found in _all(look(anchors=True))


def test_a_log_cut_short_is_found_where_it_was_signed(log: list[AuditRecord], look: Look, log_places: Places):
    _cut_to_8(log)
    assert f"What was signed last ({log_places.signed}) knows 12 records" in _all(look(places=log_places))


def test_a_log_cut_short_is_found_by_who_verified_it_before(log: list[AuditRecord], look: Look):
    assert look().faults == []
    _cut_to_8(log)
    assert "knows 12 records, but the log has 8" in _all(look())
    assert "knows 12 records, but the log has 8" in _all(look(is_full=False))


def _rewrite_with_the_key(log: list[AuditRecord], places: Places) -> None:
    """Change record 4 and sign everything anew, as whoever has both database and key can."""
    forged = _rewritten(log[4])
    _tamper(*_update(log[4], **forged), _set_leaf(4, forged["leaf_hash"]))
    key = SigningKey.parse(places.signing_key.read_text().strip())
    leaves = [bytes.fromhex(leaf.leaf_hash) for leaf in AuditLeaf.objects.order_by("index")]
    for size in (4, 8, 12):
        root = merkle.root_of(leaves[:size])
        note = Checkpoint(key.name, size, root).signed(key)
        _tamper(
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
    assert "The verification of" in _all(look())
    assert "Run with --full to find where." in _all(look(is_full=False))


def test_anchors_that_were_changed_are_named(log: list[AuditRecord], look: Look, log_places: Places):
    log_places.anchors.write_text(log_places.anchors.read_text().replace("\\n8\\n", "\\n9\\n"))
    assert f"Line 2 of the anchors in {log_places.anchors} is not a checkpoint of this log" in _all(
        look(anchors=True)
    )


def test_anchors_that_were_cut_are_noticed_by_who_read_them_before(
    log: list[AuditRecord], look: Look, log_places: Places
):
    assert look(anchors=True).faults == []
    lines = log_places.anchors.read_text().splitlines(keepends=True)
    log_places.anchors.write_text("".join(lines[:2]))
    assert "were cut" in _all(look(anchors=True, is_full=False))


# --- Before it was sealed -----------------------------------------------------------------------------------
def test_a_changed_text_that_waits_is_named(log: list[AuditRecord], look: Look):
    _tamper(*_update(log[13], body=log[13].body.replace("ada", "eve")))
    expected = f"The record {log[13].pk}, not sealed yet: The text of the record does not fit its hash."
    assert str(look().faults[0]) == expected


def test_a_changed_column_that_waits_is_named(log: list[AuditRecord], look: Look):
    _tamper(*_update(log[13], outcome="failed"))
    assert f"The record {log[13].pk}, not sealed yet: The column outcome differs" in _all(look())


def test_a_removed_record_that_waits_is_named(log: list[AuditRecord], look: Look):
    _tamper(("DELETE FROM audit_auditrecord WHERE id = %s", [_raw(log[13].pk)]))
    assert _all(look()) == f"The record {log[13].pk} was removed before it was sealed."


def test_a_record_taken_out_of_the_outbox_is_named(log: list[AuditRecord], look: Look):
    _tamper(("DELETE FROM audit_auditpending WHERE record_id = %s", [_raw(log[13].pk)]))
    assert _all(look()) == f"The record {log[13].pk} is neither sealed nor waiting to be."


def _remove_traces(record: AuditRecord) -> None:
    _tamper(
        ("DELETE FROM audit_auditrecord WHERE id = %s", [_raw(record.pk)]),
        ("DELETE FROM audit_auditpending WHERE record_id = %s", [_raw(record.pk)]),
    )


def test_a_record_removed_with_its_outbox_row_leaves_a_gap_in_its_call(
    log: list[AuditRecord], look: Look, record: Record
):
    last = record(subject=Subject(conversation_id=CALL))
    _remove_traces(log[13])
    assert _all(look()) == f"The record {last.pk}, not sealed yet: Record 7 of this call is missing."


def test_the_last_record_of_a_call_removed_with_its_outbox_row_needs_a_receipt_and_the_report_says_so(
    log: list[AuditRecord], look: Look
):
    _remove_traces(log[13])
    report = look(anchors=True)
    assert report.faults == []
    assert "shown by its receipt alone" in report.notices[-1]


# --- Guards -------------------------------------------------------------------------------------------------
def test_a_missing_guard_is_named(log: list[AuditRecord], look: Look):
    with suspended(connection):
        report = look()
    assert "The guard audit_outbox is missing or altered" in _all(report)
    assert "The guard audit_leaf_no_" in _all(report)
