"""Receipts: what was promised to a caller is in the log, or somebody dropped it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from audit import notes, receipts
from audit.canonical import format_time
from audit.entry import leaf_hash
from audit.models import AuditRecord
from audit.notes import InvalidNote, PublicKey, SigningKey
from audit.places import Places
from audit.receipts import Receipt, open_receipt, receipt_for
from audit.verification.witnesses import read_keys
from tests.audit.commands import verify
from tests.audit.forging import raw, tamper, update

Record = Callable[..., AuditRecord]


@pytest.fixture
def keys(log_places: Places, record: Record) -> list[PublicKey]:
    receipt_for(record())
    return read_keys(log_places.receipt_keys)


def _receipt(record: AuditRecord) -> str:
    note = receipt_for(record)
    assert note is not None
    return note


def test_a_receipt_names_record_hash_and_time(record: Record, keys: list[PublicKey]):
    written = record()
    found = open_receipt(_receipt(written), keys=keys)
    assert found == Receipt(written.pk, written.leaf_hash, format_time(written.recorded_at))


def test_the_key_of_receipts_is_not_that_of_the_log(
    record: Record, log_places: Places, seal: Callable[[], None]
):
    written = record()
    seal()
    _receipt(written)
    assert log_places.receipt_key.read_text() != log_places.signing_key.read_text()
    with pytest.raises(InvalidNote, match="not signed"):
        open_receipt(_receipt(written), keys=read_keys(log_places.public_keys))


def test_a_changed_receipt_is_refused(record: Record, keys: list[PublicKey]):
    note = _receipt(record())
    other = str(UUID(int=1))
    with pytest.raises(InvalidNote, match="wrong"):
        open_receipt(note.replace(note.split("\n")[1], other), keys=keys)


@pytest.mark.parametrize(
    "text",
    [
        "audit-receipt\n",
        "other\n{id}\nAAAA\nnow\n",
        "audit-receipt\n{id}\nAAAA\n",
        "audit-receipt\nno-id\nAAAA\nnow\n",
        "audit-receipt\n{{{id}}}\nAAAA\nnow\n",
        "audit-receipt\n{id}\n====\nnow\n",
        "audit-receipt\n{id}\nAAAA\nnow\nmore\n",
    ],
)
def test_a_signed_text_that_is_no_receipt_is_refused(text: str):
    key = SigningKey.from_seed("audit-receipt/1", bytes(32))
    text = text.format(id=UUID(int=1))
    with pytest.raises(InvalidNote, match="receipt"):
        open_receipt(notes.write(text, [key.sign(text)]), keys=[key.public])


def test_the_key_of_the_log_signs_no_receipts(record: Record):
    key = SigningKey.from_seed("audit-log/1", bytes(32))
    text = Receipt(UUID(int=1), "00" * 32, "now").text()
    with pytest.raises(InvalidNote, match="not a receipt"):
        open_receipt(notes.write(text, [key.sign(text)]), keys=[key.public])


def test_without_a_key_there_is_no_receipt_and_no_error(
    record: Record, log_places: Places, caplog: pytest.LogCaptureFixture
):
    log_places.folder.parent.mkdir(parents=True, exist_ok=True)
    log_places.folder.write_text("a file where the folder should be")
    assert receipt_for(record()) is None
    assert "No receipt can be signed" in caplog.text


def test_receipts_of_a_key_made_anew_are_verified_beside_the_earlier_ones(
    record: Record, keys: list[PublicKey], log_places: Places
):
    earlier = _receipt(record())
    log_places.receipt_key.unlink()
    receipts._read_key.cache_clear()
    later = _receipt(record())
    both = read_keys(log_places.receipt_keys)
    assert len(both) == 2
    for note in (earlier, later):
        assert open_receipt(note, keys=both)


def test_a_record_as_promised_has_no_fault(record: Record, keys: list[PublicKey]):
    assert receipts.fault_of(open_receipt(_receipt(record()), keys=keys)) == ""


def test_a_record_with_another_hash_is_named(record: Record, keys: list[PublicKey]):
    written = record()
    promised = open_receipt(_receipt(written), keys=keys)
    tamper(*update(written, leaf_hash=leaf_hash("other")))
    assert receipts.fault_of(promised).endswith("has another hash than was promised")


@pytest.mark.django_db(transaction=True)
def test_a_record_dropped_with_every_trace_is_found_with_its_receipt(
    record: Record, log_places: Places, tmp_path: Path, seal: Any
):
    dropped = record()
    path = tmp_path / "receipt"
    path.write_text(_receipt(dropped))
    assert verify("--receipt", str(path))[0] == 0
    tamper(
        ("DELETE FROM audit_auditrecord WHERE id = %s", [raw(dropped.pk)]),
        ("DELETE FROM audit_auditpending WHERE record_id = %s", [raw(dropped.pk)]),
    )
    status, told = verify()
    assert (status, "shown by its receipt alone" in told) == (0, True)
    status, told = verify("--receipt", str(path))
    assert status == 1
    assert f"FAULT  The receipt {path}: the record {dropped.pk} of" in told
    assert "and 1 receipts" in told
