"""Rotation: the old key names the new one in the log, and who pinned the old one follows."""

import threading
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit import notes
from audit.checkpoint import open_checkpoint
from audit.key_rotation import statement, with_successors
from audit.models import AuditCheckpoint, AuditLeaf, AuditRecord
from audit.notes import SigningKey
from audit.places import Places
from audit.sealer import Sealer
from audit.signer import Rotation, Signer
from audit.stored_tree import size, stored_tree
from audit.verification.witnesses import read_keys

Record = Callable[..., AuditRecord]
FIRST, SECOND, THIRD = (SigningKey.from_seed("audit-log/1", bytes([number]) * 32) for number in range(3))
OTHER = SigningKey.from_seed("audit-log/2", bytes(32))


def test_a_successor_is_trusted_from_one_to_the_next():
    chain = [statement(FIRST, SECOND.public), statement(SECOND, THIRD.public)]
    assert with_successors([FIRST.public], chain) == [FIRST.public, SECOND.public, THIRD.public]


@pytest.mark.parametrize(
    "note",
    [
        "",
        statement(SECOND, THIRD.public),
        statement(FIRST, OTHER.public),
        statement(FIRST, SECOND.public).replace(str(SECOND.public), str(THIRD.public)),
        notes.write("other\n", [FIRST.sign("other\n")]),
    ],
    ids=["nothing", "by a stranger", "of another log", "changed", "another text"],
)
def test_nobody_else_is_trusted(note: str):
    assert with_successors([FIRST.public], [note]) == [FIRST.public]


@pytest.fixture
def rotated(record: Record, seal: Any, log_places: Places, tmp_path: Path) -> Path:
    """Return the file of the first public key, of a log that was handed over and went on."""
    record()
    seal()
    pinned = tmp_path / "pinned"
    pinned.write_text(log_places.public_keys.read_text())
    call_command("seal_audit", "--rotate", stdout=StringIO())
    record()
    seal()
    return pinned


@pytest.mark.django_db(transaction=True)
def test_the_new_key_signs_and_the_old_one_does_no_more(rotated: Path, log_places: Places):
    old, new = read_keys(log_places.public_keys)
    assert read_keys(rotated) == [old]
    newest = AuditCheckpoint.objects.order_by("-size").values_list("note", flat=True)[0]
    assert open_checkpoint(newest, keys=[new]).size == size()
    assert str(SigningKey.parse(log_places.signing_key.read_text().strip()).public) == str(new)
    assert not log_places.next_signing_key.exists()


@pytest.mark.django_db(transaction=True)
def test_who_pinned_the_old_key_verifies_the_whole_log(rotated: Path, log_places: Places):
    log_places.public_keys.unlink()
    out = StringIO()
    call_command("verify_audit", "--full", "--key", str(rotated), stdout=out)
    assert "No fault." in out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_the_record_of_the_hand_over_is_sealed_under_the_old_key(rotated: Path):
    record = AuditRecord.objects.get(action="audit.key_rotated")
    notes_of = AuditCheckpoint.objects.order_by("size").values_list("note", flat=True)
    by_old = [note for note in notes_of if _opens(note, rotated)]
    assert len(by_old) == 2
    place = AuditLeaf.objects.get(record_id=record.pk).index
    assert place < open_checkpoint(by_old[-1], keys=read_keys(rotated)).size


def _opens(note: str, keys: Path) -> bool:
    try:
        open_checkpoint(note, keys=read_keys(keys))
    except notes.InvalidNote:
        return False
    return True


@pytest.mark.django_db(transaction=True)
def test_a_rotation_that_was_killed_is_done_again_with_the_same_key(
    record: Record, seal: Any, log_places: Places
):
    record()
    seal()
    Rotation(log_places).announce()
    announced = log_places.public_keys.read_text()
    assert Signer(log_places, is_new=False).sign(stored_tree(), size=size())  # the old key goes on meanwhile
    call_command("seal_audit", "--rotate", stdout=StringIO())
    assert log_places.public_keys.read_text() == announced
    assert len(announced.splitlines()) == 2


@pytest.mark.django_db(transaction=True)
def test_what_was_signed_last_is_known_to_the_old_key_and_to_the_new_one(
    record: Record, seal: Any, log_places: Places
):
    record()
    seal()
    call_command("seal_audit", "--rotate", stdout=StringIO())
    keys = read_keys(log_places.public_keys)
    for key in keys:  # whichever of them is in place after a crash
        assert open_checkpoint(log_places.signed.read_text(), keys=[key]).size == size()
    assert len(keys) == 2


@pytest.mark.django_db(transaction=True)
def test_a_log_is_handed_over_while_another_sealer_works(record: Record, seal: Any, log_places: Places):
    record()
    seal()
    stop = threading.Event()
    other = threading.Thread(target=Sealer(log_places, stop=stop, every_s=0.001).run, daemon=True)
    other.start()
    try:
        for _ in range(5):
            record()
            call_command("seal_audit", "--rotate", stdout=StringIO())
    finally:
        stop.set()
        other.join(30)
    assert len(read_keys(log_places.public_keys)) == 6
    record()
    seal()
    out = StringIO()
    call_command("verify_audit", "--full", stdout=out)
    assert "No fault." in out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_a_log_that_was_never_signed_has_no_key_to_hand_over(log_places: Places):
    with pytest.raises(CommandError, match="is not there"):
        call_command("seal_audit", "--rotate")
