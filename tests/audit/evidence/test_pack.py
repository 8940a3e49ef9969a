"""A pack: what stands in it, that the same search gives the same bytes, and that making it is a record."""

import ast
import hashlib
import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit import own_records
from audit.canonical import format_time
from audit.checkpoint import Checkpoint
from audit.entry import Subject
from audit.evidence import export, verifier
from audit.models import AuditCheckpoint, AuditRecord
from audit.notes import SigningKey
from audit.services import NotRecorded
from tests.audit.evidence.conftest import DIGEST, SOUND
from tests.audit.evidence.packs import Made, verdict
from tests.audit.forging import CALL, set_leaf, tamper

pytestmark = pytest.mark.django_db(transaction=True)
Check = Callable[..., tuple[int, str]]
Pack = Callable[..., Made]
Seal = Callable[[], None]
OF_THE_CALL = ("--conversation-id", str(CALL))


def _export() -> AuditRecord:
    newest = AuditRecord.objects.filter(action="audit.exported").first()
    assert newest is not None
    return newest


def _details() -> dict[str, Any]:
    details: dict[str, Any] = json.loads(_export().body)["details"]
    return details


def test_a_pack_is_whole_by_its_own_verifier_in_its_folder_and_as_a_zip(
    call: list[AuditRecord], pack: Pack, check: Check
):
    made = pack(*OF_THE_CALL)
    folder = made.unpacked()
    for arguments in ((), (folder,), (made.path,)):
        status, told = check(folder / "verify.py", *arguments)
        assert (status, "FAULT" in told) == (0, False), told
        assert "Verified 9 records against the signed checkpoint of 19. No fault." in told


def test_a_verifier_that_finds_a_fault_ends_with_1_and_names_it_first(
    call: list[AuditRecord], pack: Pack, check: Check
):
    made = pack(*OF_THE_CALL)
    files = made.files()
    files["records.jsonl"] = files["records.jsonl"].replace(b"asked for", b"asked not", 1)
    status, told = check(made.unpacked() / "verify.py", made.with_files(files))
    assert (status, told.splitlines()[0]) == (1, "FAULT  Record 1: Its text does not fit its fingerprint.")


def test_the_verifier_is_written_in_the_oldest_python_that_it_promises():
    ast.parse(verifier.source(), feature_version=(3, 8))


def _pythons() -> list[str]:
    """Return this Python and all others of the machine: nobody has to install one."""
    others = [f"python3.{minor}" for minor in range(8, 15)]
    return [sys.executable, *(name for name in others if _runs(name))]


def _runs(name: str) -> bool:
    if shutil.which(name) is None:
        return False
    return subprocess.run([name, "-c", ""], check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("name", _pythons())
def test_the_verifier_runs_with_every_python_of_the_machine(name: str, call: list[AuditRecord], pack: Pack):
    program = pack(*OF_THE_CALL).unpacked() / "verify.py"
    done = subprocess.run([name, "-I", program], check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_pack_is_a_fault_and_no_crash(content: bytes, tmp_path: Path, check: Check):
    program, path = tmp_path / "verify.py", tmp_path / "pack.zip"
    program.write_text(verifier.source())
    path.write_bytes(content)
    status, told = check(program, path)
    assert (status, told[:7]) == (1, "FAULT  ")


def test_a_pack_holds_the_text_of_each_record_as_it_was_hashed(call: list[AuditRecord], pack: Pack):
    found = [(line["text"], line["leaf_hash"], line["index"]) for line in pack(*OF_THE_CALL).records()]
    assert found == [(record.body, record.leaf_hash, 2 * n + 1) for n, record in enumerate(call)]


def test_a_pack_says_what_was_asked_and_counts_what_was_found(call: list[AuditRecord], pack: Pack):
    search = json.loads(
        pack(*OF_THE_CALL, "--outcome", "done", "--from", "2020-01-01").files()["search.json"]
    )
    assert search["asked"] == {
        "conversation_id": str(CALL),
        "outcome": "done",
        "since": "2020-01-01T00:00:00.000000Z",
    }
    assert search["found"] == {
        "records": 9,
        "first": format_time(call[0].recorded_at),
        "last": format_time(call[-1].recorded_at),
        "outcomes": {"done": 9},
        "actions": {"injection.requested": 9},
    }


def test_the_same_search_gives_the_same_bytes_however_the_log_has_grown(
    call: list[AuditRecord], pack: Pack, record: Callable[..., Any], seal: Seal
):
    first = pack(*OF_THE_CALL).path.read_bytes()
    record()
    seal()
    assert pack(*OF_THE_CALL, name="again.zip").path.read_bytes() == first


def test_the_checkpoint_is_the_smallest_that_covers_what_was_found(
    call: list[AuditRecord], pack: Pack, record: Callable[..., Any], seal: Seal
):
    record()
    seal()
    note = pack(*OF_THE_CALL).files()["checkpoint"].decode()
    assert note == AuditCheckpoint.objects.get(size=19).note


def test_recordings_that_a_record_names_are_in_the_pack(call: list[AuditRecord], pack: Pack):
    made = pack(*OF_THE_CALL)
    assert made.files()[f"recordings/{DIGEST}.wav"] == SOUND
    assert (
        f'<audio controls preload="none" src="recordings/{DIGEST}.wav"'.encode()
        in made.files()["report.html"]
    )


def test_a_recording_that_is_gone_is_told_of(
    call: list[AuditRecord], pack: Pack, settings: Any, check: Check
):
    settings.AUDIT_RECORDINGS = ""
    made = pack(*OF_THE_CALL)
    assert b"is not in this pack" in made.files()["report.html"]
    status, told = check(made.unpacked() / "verify.py")
    assert (status, f"note   The recording {DIGEST}, named by record 3, is not in the pack." in told) == (
        0,
        True,
    )


def test_a_record_without_a_place_is_counted_and_left_out(
    call: list[AuditRecord], pack: Pack, record: Callable[..., Any], monkeypatch: Any, check: Check
):
    monkeypatch.setattr(export, "SEAL_AWAITED_S", 0.2)
    waiting = record(subject=_same_call())
    made = pack(*OF_THE_CALL)
    assert json.loads(made.files()["search.json"])["not_yet_sealed"] == {"count": 1, "ids": [str(waiting.pk)]}
    assert len(made.records()) == 9
    assert "1 more are not sealed yet" in made.told
    assert b"1 more had no place in the log yet" in made.files()["report.html"]
    status, told = check(made.unpacked() / "verify.py")
    assert (status, "note   1 more were found that had no place in the log yet" in told) == (0, True)


def _same_call() -> Any:
    return Subject(conversation_id=CALL)


def test_the_seal_is_awaited(
    call: list[AuditRecord], pack: Pack, record: Callable[..., Any], seal: Seal, tmp_path: Path
):
    record(subject=_same_call())
    slept = []

    def seal_meanwhile(seconds: float) -> None:
        slept.append(seconds)
        seal()

    with (tmp_path / "pack.zip").open("w+b") as out:
        made = export.export(
            {"conversation_id": CALL},
            into=out,
            since=None,
            record=lambda **_: None,
            now=timezone.now(),
            sleep=seal_meanwhile,
        )
    assert (made.found["records"], made.not_yet_sealed, len(slept)) == (10, 0, 1)


def test_making_a_pack_is_a_record_with_its_digest(call: list[AuditRecord], pack: Pack):
    made = pack(*OF_THE_CALL)
    written = _export()
    assert (written.outcome, written.actor_kind, written.source_where) == (
        "done",
        "system",
        "manage.py evidence_pack",
    )
    assert written.actor_id != ""
    assert written.summary == f"An evidence pack of 9 records was made: conversation_id {CALL}."
    assert _details() == {
        "asked": {"conversation_id": str(CALL)},
        "records": 9,
        "recordings": 1,
        "not_yet_sealed": 0,
        "checkpoint": {"size": 19, "root": AuditCheckpoint.objects.get(size=19).root_hash},
        "with_consistency_proof": False,
        "sha256": hashlib.sha256(made.path.read_bytes()).hexdigest(),
    }


def test_without_its_record_no_pack_is_given_out(
    call: list[AuditRecord], pack: Pack, tmp_path: Path, monkeypatch: Any
):
    def fail(*_: Any, **__: Any) -> None:
        raise NotRecorded("the disk is full")

    monkeypatch.setattr(own_records, "record", fail)
    with pytest.raises(CommandError, match="There is no pack: the disk is full"):
        pack(*OF_THE_CALL)
    assert list(tmp_path.glob("*.zip")) == []


def test_a_pack_that_cannot_be_made_is_on_record(
    record: Callable[..., Any], log_places: Any, pack: Pack, tmp_path: Path, monkeypatch: Any
):
    monkeypatch.setattr(export, "SEAL_AWAITED_S", 0.1)
    record()
    with pytest.raises(CommandError, match="There is no pack: "):
        pack()
    assert (_export().outcome, _export().reason_code) == ("failed", "not_made")
    assert list(tmp_path.glob("*.zip")) == []


def test_a_pack_of_a_damaged_log_is_made_and_says_so(call: list[AuditRecord], pack: Pack, check: Check):
    tamper(set_leaf(5, "0" * 64))
    made = pack(*OF_THE_CALL)
    status, told = check(made.unpacked() / "verify.py")
    assert status == 1
    assert "FAULT  Record 7: Its proof does not lead to the signed root" in told


def test_only_its_owner_may_read_a_pack(call: list[AuditRecord], pack: Pack):
    assert stat.S_IMODE(pack(*OF_THE_CALL).path.stat().st_mode) == 0o600


def test_a_search_that_finds_nothing_gives_a_pack_that_says_so(
    call: list[AuditRecord], pack: Pack, check: Check
):
    made = pack("--action", "nothing.like_it")
    status, told = check(made.unpacked() / "verify.py")
    assert (status, "Verified 0 records" in told) == (0, True)


@pytest.mark.parametrize(
    "options",
    [
        ("--from", "yesterday"),
        ("--conversation-id", "abc"),
        ("--outcome", "perhaps"),
        ("--from", "2026-02-02", "--to", "2026-02-01"),
    ],
)
def test_a_question_that_is_none_is_refused(options: tuple[str, ...], db: None, tmp_path: Path):
    with pytest.raises(CommandError):
        call_command("evidence_pack", "--out", str(tmp_path / "pack.zip"), *options)


# --- What somebody proves who holds an earlier checkpoint -----------------------------------------------------
@pytest.fixture
def held(call: list[AuditRecord], tmp_path: Path) -> Path:
    """Return the file of the checkpoint of 5 records, as an auditor kept it."""
    path = tmp_path / "held"
    path.write_text(AuditCheckpoint.objects.get(size=5).note)
    return path


def test_a_pack_proves_that_the_log_continues_a_checkpoint(pack: Pack, held: Path, check: Check):
    made = pack(*OF_THE_CALL, "--since", str(held))
    status, told = check(made.unpacked() / "verify.py", "--since", held)
    assert (status, "No earlier checkpoint" in told) == (0, False), told
    assert _details()["with_consistency_proof"] is True


def test_a_pack_made_without_the_checkpoint_cannot_prove_it(pack: Pack, held: Path, check: Check):
    status, told = check(pack(*OF_THE_CALL).unpacked() / "verify.py", "--since", held)
    assert status == 1
    assert "FAULT  The pack does not prove that the log continues the checkpoint of 5 records" in told


def test_another_consistency_proof_is_named(pack: Pack, held: Path):
    made = pack(*OF_THE_CALL, "--since", str(held))
    files = made.files()
    given = json.loads(files["consistency.json"])
    given["proof"][0] = "0" * 64
    found = verdict(made.with_files({**files, "consistency.json": json.dumps(given).encode()}))
    assert (
        None,
        "The log of 5 records is not continued by that of 19: it was rewritten, or the proof was.",
    ) in (found.faults)


def test_no_pack_is_made_for_a_checkpoint_that_the_log_does_not_continue(
    call: list[AuditRecord], pack: Pack, log_places: Any, tmp_path: Path
):
    key = SigningKey.parse(log_places.signing_key.read_text().strip())
    for size, reason in ((5, "was rewritten since"), (99, "the log is shorter than the 99 records")):
        held = tmp_path / "held"
        held.write_text(Checkpoint(key.name, size, b"x" * 32).signed(key))
        with pytest.raises(CommandError, match=reason):
            pack(*OF_THE_CALL, "--since", str(held))
        assert _export().outcome == "failed"


def test_keys_that_one_was_given_are_trusted_alone(
    call: list[AuditRecord], pack: Pack, log_places: Any, tmp_path: Path, check: Check
):
    program = pack(*OF_THE_CALL).unpacked() / "verify.py"
    assert "note   The keys came with the pack" in check(program)[1]
    status, told = check(program, "--key", log_places.public_keys)
    assert (status, "The keys came with the pack" in told) == (0, False)
    other = tmp_path / "other"
    other.write_text(f"{SigningKey.from_seed('audit-log/other', b'o' * 32).public}\n")
    status, told = check(program, "--key", other)
    assert (status, "was not signed by any of the keys that are trusted here" in told) == (1, True)


def test_who_pinned_the_old_key_finds_the_new_one_in_the_pack(
    call: list[AuditRecord],
    pack: Pack,
    log_places: Any,
    record: Callable[..., Any],
    seal: Seal,
    tmp_path: Path,
):
    old = log_places.public_keys.read_text()
    call_command("seal_audit", "--rotate")
    record(action="later.act")
    seal()
    made = pack("--action", "later.act")
    assert verdict(made.path, pinned=old).faults == []
    forged = {**made.files(), "key_rotations.json": b"[]"}
    assert verdict(made.with_files(forged), pinned=old).faults[0] == (
        None,
        "The checkpoint was not signed by any of the keys that are trusted here.",
    )
