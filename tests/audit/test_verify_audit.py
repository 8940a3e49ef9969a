"""`manage.py verify_audit`: what it reads, what it remembers, how it ends, and that it is on record."""

import json
import threading
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.db import connection, connections

from audit.models import AuditCheckpoint, AuditRecord
from audit.places import Places
from audit.sealer import Sealer
from audit.verification.log import Verification
from audit.verification.report import Report
from tests.audit.commands import verify
from tests.audit.flush import suspended

pytestmark = pytest.mark.django_db(transaction=True)
Record = Callable[..., AuditRecord]
Seal = Callable[[], None]


def _forge(record: AuditRecord) -> None:
    with suspended(connection), connection.cursor() as cursor:
        identifier = record.pk.hex if connection.vendor == "sqlite" else record.pk
        cursor.execute("UPDATE audit_auditrecord SET summary = 'x' WHERE id = %s", [identifier])


def _result() -> AuditRecord:
    newest = AuditRecord.objects.filter(action="audit.verified").first()
    assert newest is not None
    return newest


def test_an_empty_log_is_whole(log_places: Places):
    status, told = verify()
    assert (status, "Verified 0 of 0 records" in told) == (0, True)


def test_a_whole_log_ends_with_0_and_is_on_record(record: Record, seal: Seal):
    record()
    record()
    seal()
    status, told = verify()
    assert (status, "Verified 2 of 2 records, 1 checkpoints and 1 anchors. No fault." in told) == (0, True)
    assert (_result().outcome, _result().actor_kind) == ("done", "system")
    details = json.loads(_result().body)["details"]
    assert (details["size"], details["faults"]) == (2, [])


def test_a_damaged_log_ends_with_1_and_its_first_fault_is_on_record(record: Record, seal: Seal):
    first = record()
    second = record()
    seal()
    _forge(second)
    _forge(first)
    status, told = verify()
    fault = "Record 0: The column summary differs from the text of the record."
    assert (status, told.splitlines()[0]) == (1, f"FAULT  {fault}")
    assert (_result().outcome, _result().reason_code) == ("failed", "log_damaged")
    assert f"2 faults, the first: {fault}" in _result().summary
    assert json.loads(_result().body)["details"]["faults"][0] == fault


def test_the_second_run_reads_what_is_new(record: Record, seal: Seal):
    record()
    seal()
    verify()
    record()
    seal()
    # The record of the first run is new as well.
    assert "Verified 2 of 3 records, 1 checkpoints and 1 anchors." in verify()[1]


def test_a_fault_in_what_was_read_before_is_found_by_a_full_run(record: Record, seal: Seal):
    old = record()
    seal()
    verify()
    _forge(old)
    assert verify()[0] == 0
    assert verify("--full")[0] == 1


def test_how_far_the_log_was_verified_is_kept_only_when_nothing_was_wrong(
    record: Record, seal: Seal, log_places: Places
):
    record()
    seal()
    verify()
    before = log_places.verified.read_text()
    bad = record()
    seal()
    _forge(bad)
    assert verify()[0] == 1
    assert log_places.verified.read_text() == before


def test_a_run_that_breaks_off_is_not_remembered(
    record: Record, seal: Seal, log_places: Places, monkeypatch: pytest.MonkeyPatch
):
    record()
    seal()

    def break_off(*_: object, **__: object) -> None:
        raise OSError("no power")

    monkeypatch.setattr("audit.verification.log.check_strays", break_off)
    with pytest.raises(CommandError, match="no power"):
        verify()
    assert not log_places.verified.exists()
    assert (_result().outcome, _result().reason_code) == ("failed", "broke_off")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"size": 3, "peaks": [], "at": "", "first_new": "x", "anchors": {}}',
        '{"size": 0, "peaks": [], "at": "", "first_new": "x", "anchors": {}}',
    ],
)
def test_a_memory_that_was_changed_is_named(record: Record, seal: Seal, log_places: Places, text: str):
    record()
    seal()
    log_places.verified.write_text(text)
    status, told = verify()
    assert (status, "does not say how far the log was verified" in told) == (1, True)


def test_a_memory_that_claims_another_log_is_named(record: Record, seal: Seal, log_places: Places):
    record()
    seal()
    verify()
    state = json.loads(log_places.verified.read_text())
    log_places.verified.write_text(json.dumps({**state, "peaks": ["0" * 64]}))
    assert "says otherwise of the first 1 records" in verify()[1]


def test_an_anchor_that_is_named_but_not_there_is_an_error(log_places: Places, tmp_path: Path):
    with pytest.raises(CommandError, match="cannot be verified"):
        verify("--anchors", str(tmp_path / "nowhere"))


def test_several_anchors_are_read(record: Record, seal: Seal, log_places: Places, tmp_path: Path):
    record()
    seal()
    copy = tmp_path / "copy"
    copy.write_text(log_places.anchors.read_text())
    assert " and 2 anchors." in verify("--anchors", str(copy), "--anchors", str(log_places.anchors))[1]


def test_a_key_that_somebody_kept_is_trusted_instead_of_ours(
    record: Record, seal: Seal, log_places: Places, tmp_path: Path
):
    record()
    seal()
    pinned = tmp_path / "pinned"
    pinned.write_text(log_places.public_keys.read_text())
    log_places.public_keys.write_text("audit-log/forged+00000000+AA==\n")
    assert verify("--key", str(pinned))[0] == 0
    with pytest.raises(CommandError, match="cannot be verified"):
        verify()


def test_a_long_run_shows_its_progress(record: Record, seal: Seal, monkeypatch: pytest.MonkeyPatch):
    for _ in range(3):
        record()
    seal()
    monkeypatch.setattr("audit.management.commands.verify_audit._PROGRESS_S", -1.0)
    monkeypatch.setattr("audit.verification.spans.LENGTH", 2)
    errors = StringIO()
    verify(errors=errors)
    assert errors.getvalue() == "2 of 3 records\n3 of 3 records\n"


def test_several_processes_find_what_one_finds(record: Record, seal: Seal, monkeypatch: pytest.MonkeyPatch):
    written = [record() for _ in range(40)]
    seal()
    monkeypatch.setattr("audit.management.commands.verify_audit._MOST_PROCESSES", 2)
    monkeypatch.setattr("audit.verification.spans.LENGTH", 4)
    monkeypatch.setattr("audit.verification.spans.SHARED_FROM", 1)
    assert "Verified 40 of 40 records, 1 checkpoints and 1 anchors. No fault." in verify()[1]
    for place in (39, 17, 3):
        _forge(written[place])
    lines = verify("--full")[1].splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == [f"FAULT  Record {place}" for place in (3, 17, 39)]


@pytest.fixture
def growing(record: Record, log_places: Places) -> Iterator[None]:
    """Let two threads write and one seal, as long as the test runs."""
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.005):
            record()
        connections.close_all()

    def seal_on() -> None:
        Sealer(log_places, stop=stop, every_s=0.001).run()

    threads = [threading.Thread(target=work, daemon=True) for work in (write, write, seal_on)]
    for thread in threads:
        thread.start()
    yield
    stop.set()
    for thread in threads:
        thread.join(30)
    assert AuditCheckpoint.objects.count() > 1


@pytest.mark.usefixtures("growing")
def test_a_log_that_grows_while_it_is_verified_seems_never_damaged():
    told = [verify(*options)[1] for options in [[], ["--full"]] * 15]
    assert [one for one in told if "FAULT" in one] == []


@pytest.mark.usefixtures("growing")
def test_other_processes_verify_while_threads_have_the_database_open(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("audit.management.commands.verify_audit._MOST_PROCESSES", 2)
    monkeypatch.setattr("audit.verification.spans.LENGTH", 256)
    monkeypatch.setattr("audit.verification.spans.SHARED_FROM", 1)
    told = [verify("--full") for _ in range(5)]
    assert [one for one in told if one[0] != 0] == []


def test_what_is_sealed_and_not_signed_is_told(record: Record, seal: Seal):
    from audit.sealing import seal_batch

    record()
    seal()
    record()
    seal_batch()
    assert "The records from 1 on are sealed but not signed yet." in verify()[1]


def test_many_faults_are_counted_and_the_first_told(record: Record, seal: Seal):
    for _ in range(25):
        record()
    seal()
    with suspended(connection), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_auditrecord SET summary = 'x'")
    told = verify()[1]
    assert told.count("FAULT  Record") == 20
    assert "FAULT  and 5 more" in told
    assert "25 faults, the first: Record 0:" in told


def test_a_log_whose_first_checkpoint_is_signed_while_it_is_verified_is_whole(
    record: Record, seal: Seal, monkeypatch: pytest.MonkeyPatch
):
    record()
    real = Verification.run

    def sealed_first(self: Verification) -> Report:
        if not AuditCheckpoint.objects.exists():
            seal()
        return real(self)

    monkeypatch.setattr(Verification, "run", sealed_first)
    status, told = verify()
    assert (status, "Verified 1 of 1 records, 1 checkpoints" in told) == (0, True)
