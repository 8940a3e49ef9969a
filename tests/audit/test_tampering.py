"""What somebody does who owns the database, with the guards off, is found and named."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import pytest

from audit.canonical import clean_text
from audit.checkpoint import Checkpoint
from audit.entry import Actor, Source, Subject, leaf_hash
from audit.models import AuditCheckpoint, AuditLeaf, AuditRecord
from audit.notes import InvalidKey, SigningKey
from audit.places import Places
from audit.receipts import receipt_for
from audit.verification.report import Report
from audit.verification.witnesses import read_keys
from tests.audit.forging import raw, rewritten, set_leaf, tamper, told, update

Record = Callable[..., AuditRecord]
Look = Callable[..., Report]
NEEDS_ANCHOR = "No anchor was at hand"


def test_an_untouched_log_has_no_fault(log: list[AuditRecord], look: Look):
    report = look(anchors=True)
    assert report.faults == []
    assert (report.size, report.checkpoints, report.anchors) == (12, 3, 3)
    assert "2 records wait to be sealed." in report.notices
    assert NEEDS_ANCHOR not in "".join(report.notices)


@pytest.mark.parametrize(
    "text",
    [
        'quotes " and \\ strokes / and \t tabs \n lines',
        "\x01\x1f\x7f\x80\u2028\u2029\ufeff\uffff",
        "Müller 😀 \U0010ffff 日本語 Z\u0301 %s {0} ' -- ; DROP",
        "\u202e\ud800\x00",
        "@summary@ @after@",
        '","summary":"x',
    ],
)
def test_no_text_whatever_is_mistaken_for_tampering(
    record: Record, seal: Callable[[], None], look: Look, text: str
):
    record(
        actor=Actor(kind="anonymous", id=text, name=text, role=text),
        source=Source(ip=text, user_agent=text, request_id=text, where=text),
        subject=Subject(conversation_id=text, other=text),
        summary=text,
        details={"text": clean_text(text), "none": None, "list": [1, True, {}]},
        before={},
        after={"id": "x", "v": 1},
    )
    seal()
    assert told(look()) == ""


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1, microsecond=1, tzinfo=UTC),
        datetime(2026, 1, 1, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=-11))),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    ],
)
def test_no_time_whatever_is_mistaken_for_tampering(
    record: Record, seal: Callable[[], None], look: Look, at: datetime
):
    record(occurred_at=at)
    seal()
    assert told(look()) == ""


# --- Records ------------------------------------------------------------------------------------------------
def test_a_changed_text_is_named(log: list[AuditRecord], look: Look):
    tamper(*update(log[5], body=log[5].body.replace("ada", "eve")))
    assert str(look().faults[0]) == "Record 5: The text of the record does not fit its hash."


def test_a_changed_text_with_its_hash_is_named(log: list[AuditRecord], look: Look):
    tamper(*update(log[5], **rewritten(log[5])))
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
    tamper(*update(log[5], **{column: value}))
    assert str(look().faults[0]) == f"Record 5: The column {column} differs from the text of the record."


@pytest.mark.parametrize(
    ("part", "forged"),
    [
        ('{"action"', '{"action":"other.act","action"'),
        ('"details":{}', '"details":{"a":1,"a":2}'),
        ('"details":{}', '"details":{},"action":"other.act"'),
        ('"details":{}', '"details":{ }'),
        ('"details":{}', '"details":{"a":0.5}'),
    ],
)
def test_a_text_that_is_not_canonical_is_named_even_when_it_fits_its_hash(
    log: list[AuditRecord], look: Look, part: str, forged: str
):
    body = log[5].body.replace(part, forged)
    assert body != log[5].body
    tamper(*update(log[5], body=body, leaf_hash=leaf_hash(body)), set_leaf(5, leaf_hash(body)))
    assert "Record 5: The text of the record is not canonical" in told(look())


def test_a_removed_record_is_named(log: list[AuditRecord], look: Look):
    tamper(("DELETE FROM audit_auditrecord WHERE id = %s", [raw(log[5].pk)]))
    report = look()
    assert str(report.faults[0]) == f"Record 5: It is gone (its identifier is {log[5].pk})."
    assert "Record 7: Record 3 of this call is missing." in told(report)


def shown(record: AuditRecord) -> str:
    return str(raw(record.pk))


def test_a_longer_gap_is_named_from_its_first_record_on(log: list[AuditRecord], look: Look):
    tamper(*(("DELETE FROM audit_auditrecord WHERE id = %s", [raw(each.pk)]) for each in log[4:8]))
    report = look()
    assert [fault.index for fault in report.faults] == [4, 5, 6, 7, 9]
    assert str(report.faults[-1]) == "Record 9: Record 4 of this call is missing."


def test_a_broken_link_of_a_call_is_named(log: list[AuditRecord], look: Look):
    body = log[7].body.replace(log[5].leaf_hash, "0" * 64)
    changed = {"body": body, "leaf_hash": leaf_hash(body), "previous_in_conversation": "0" * 64}
    tamper(*update(log[7], **changed), set_leaf(7, leaf_hash(body)))
    assert "Record 7: The record before this one in the call is not" in told(look())


# --- Tree ---------------------------------------------------------------------------------------------------
def test_a_forgery_down_to_its_leaf_is_found_by_the_next_checkpoint(log: list[AuditRecord], look: Look):
    forged = rewritten(log[4])
    tamper(*update(log[4], **forged), set_leaf(4, forged["leaf_hash"]))
    report = look()
    assert str(report.faults[0]) == (
        "Record 4: The stored checkpoint of 8 records says otherwise: one of the records 4 to 7"
        " was changed, removed or moved."
    )
    assert "of 12 records says otherwise: one of the records 4 to 11" in told(report)


def test_another_order_is_found_by_the_next_checkpoint(log: list[AuditRecord], look: Look):
    leaves = {leaf.index: leaf for leaf in AuditLeaf.objects.all()}
    set_record = 'UPDATE audit_auditleaf SET record_id = %s WHERE "index" = %s'
    tamper(
        (set_record, [raw(uuid4()), 8]),
        (set_record, [raw(leaves[8].record_id), 10]),
        (set_record, [raw(leaves[10].record_id), 8]),
        set_leaf(8, leaves[10].leaf_hash),
        set_leaf(10, leaves[8].leaf_hash),
    )
    report = look()
    assert [fault.index for fault in report.faults] == [8]
    assert "records 8 to 11" in report.faults[0].what


def test_a_removed_place_is_named(log: list[AuditRecord], look: Look):
    tamper('DELETE FROM audit_auditleaf WHERE "index" IN (5, 6)')
    report = look()
    assert (
        str(report.faults[0])
        == "Record 5: The place is empty, or holds no hash: the log cannot be followed any further."
    )
    assert told(report).count("neither sealed nor waiting") == 2


def test_a_hash_that_is_none_is_named(log: list[AuditRecord], look: Look):
    tamper(set_leaf(5, "x" * 64))
    assert "Record 5: The hash at its place is none." in told(look())


def test_a_record_and_its_place_removed_and_the_rest_moved_up_is_found(log: list[AuditRecord], look: Look):
    tamper(
        ("DELETE FROM audit_auditrecord WHERE id = %s", [raw(log[4].pk)]),
        'DELETE FROM audit_auditleaf WHERE "index" = 4',
        *(
            ('UPDATE audit_auditleaf SET "index" = %s WHERE "index" = %s', [index - 1, index])
            for index in range(5, 12)
        ),
    )
    report = look()
    assert "records 4 to 7" in report.faults[0].what
    assert "knows 12 records, but the log has 11" in told(report)


@pytest.fixture
def long_log(seal: Callable[[], None], record: Record) -> None:
    for _ in range(300):
        record()
    seal()


def test_a_changed_tile_is_named(long_log: None, look: Look):
    tamper(("UPDATE audit_auditnode SET node_hash = %s", ["0" * 64]))
    assert str(look().faults[0]) == "Record 0: The stored hash of the records 0 to 255 is not theirs."


def test_a_removed_tile_is_named(long_log: None, look: Look):
    tamper("DELETE FROM audit_auditnode")
    assert "records 0 to 255 is not theirs" in str(look().faults[0])


def test_a_tile_that_no_log_of_this_size_has_is_named(long_log: None, look: Look):
    tamper(('INSERT INTO audit_auditnode (level, "index", node_hash) VALUES (1, 1, %s)', ["0" * 64]))
    assert "There is a stored hash (1/1) of records that the log does not have." in told(look())


# --- Checkpoints and keys -----------------------------------------------------------------------------------
def test_a_changed_root_of_a_checkpoint_is_named(log: list[AuditRecord], look: Look):
    tamper(("UPDATE audit_auditcheckpoint SET root_hash = %s WHERE size = 8", ["0" * 64]))
    assert told(look()) == "The stored checkpoint of 8 records has other columns than its signed text."


def test_a_changed_text_of_a_checkpoint_is_named(log: list[AuditRecord], look: Look):
    note = AuditCheckpoint.objects.get(size=8).note.replace("\n8\n", "\n9\n")
    tamper(("UPDATE audit_auditcheckpoint SET note = %s WHERE size = 8", [note]))
    assert "The stored checkpoint of 8 records is not valid: the signature of audit-log/" in told(look())


def test_a_checkpoint_signed_with_another_key_is_named(log: list[AuditRecord], look: Look):
    here = AuditCheckpoint.objects.get(size=8)
    origin = here.note.split("\n")[0]
    other = SigningKey.from_seed(origin, bytes(32))
    note = Checkpoint(origin, 8, bytes.fromhex(here.root_hash)).signed(other)
    tamper(("UPDATE audit_auditcheckpoint SET note = %s WHERE size = 8", [note]))
    assert "of 8 records is not valid: not signed by a key that is trusted" in told(look())


def test_another_public_key_is_noticed(log: list[AuditRecord], look: Look):
    report = look(keys=[SigningKey.from_seed("audit-log/other", bytes(32)).public])
    assert "The stored checkpoint of 4 records is not valid: not signed by a key that is trusted" in told(
        report
    )


def test_a_log_signed_anew_with_the_key_of_receipts_is_not_believed(
    log: list[AuditRecord], look: Look, log_places: Places
):
    receipt_for(log[0])
    key = SigningKey.parse(log_places.receipt_key.read_text().strip())
    here = AuditCheckpoint.objects.get(size=8)
    note = Checkpoint(key.name, 8, bytes.fromhex(here.root_hash)).signed(key)
    tamper(("UPDATE audit_auditcheckpoint SET note = %s WHERE size = 8", [note]))
    keys = [*read_keys(log_places.public_keys), *read_keys(log_places.receipt_keys)]
    assert "of 8 records is not valid: not signed by a key that is trusted" in told(look(keys=keys))


def test_the_keys_of_several_logs_are_refused(log: list[AuditRecord], look: Look, log_places: Places):
    keys = [*read_keys(log_places.public_keys), SigningKey.from_seed("audit-log/other", bytes(32)).public]
    with pytest.raises(InvalidKey, match="of several logs: audit-log/"):
        look(keys=keys)


def test_a_missing_public_key_is_a_fault(log: list[AuditRecord], look: Look):
    assert "There is no public key to check the signatures by." in told(look(keys=[]))


def test_a_removed_checkpoint_is_found_with_an_anchor(log: list[AuditRecord], look: Look):
    tamper("DELETE FROM audit_auditcheckpoint WHERE size = 8")
    assert look().faults == []
    assert "is a checkpoint of 8 records that is no longer stored" in told(look(anchors=True))
