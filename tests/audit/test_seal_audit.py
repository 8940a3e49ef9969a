"""The sealer as a process: its loop, and `manage.py seal_audit`."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from audit.models import AuditCheckpoint, AuditLeaf, AuditRecord
from audit.places import Places
from audit.sealer import Sealer
from audit.signer import Refused
from tests.audit.sealed import anchored, stored, wait_for

Record = Callable[..., AuditRecord]
Seal = Callable[[], None]


@pytest.mark.django_db(transaction=True)
def test_the_loop_goes_on_after_a_fault(
    record: Record, log_places: Places, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    record()
    stop = threading.Event()
    log_places.folder.parent.mkdir(parents=True, exist_ok=True)
    log_places.folder.write_text("a file where the folder should be")
    monkeypatch.setattr("audit.sealer.AFTER_A_FAULT_S", 0.05)
    thread = threading.Thread(target=Sealer(log_places, stop=stop, every_s=0.01).run, daemon=True)
    thread.start()
    wait_for(lambda: "The audit log is not sealed" in caplog.text)
    log_places.folder.unlink()
    wait_for(AuditCheckpoint.objects.exists)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()


@pytest.mark.django_db(transaction=True)
def test_an_anchor_that_cannot_be_written_holds_up_no_sealing(
    record: Record, log_places: Places, caplog: pytest.LogCaptureFixture
):
    record()
    log_places.anchors.mkdir(parents=True)  # a folder where the file should be
    stop = threading.Event()
    thread = threading.Thread(target=Sealer(log_places, stop=stop, every_s=0.01).run, daemon=True)
    thread.start()
    wait_for(AuditCheckpoint.objects.exists)
    sealed = AuditLeaf.objects.count()
    record()
    wait_for(lambda: AuditLeaf.objects.count() > sealed)
    stop.set()
    thread.join(30)
    assert caplog.text.count("sealed, but not anchored") == 1
    log_places.anchors.rmdir()
    assert Sealer(log_places, stop=threading.Event()).run_once()
    assert [found.size for found in stored(log_places)] == [
        found.size for found in anchored(log_places) if found is not None
    ]


@pytest.mark.django_db(transaction=True)
def test_the_command_seals_once(record: Record, log_places: Places):
    record()
    call_command("seal_audit", "--once")
    assert AuditCheckpoint.objects.get().size == 2  # with its heartbeat


@pytest.mark.django_db(transaction=True)
def test_the_command_says_that_another_sealer_is_at_work(log_places: Places):
    log_places.folder.mkdir()
    with log_places.lock("sealer").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(CommandError, match="Another sealer"):
            call_command("seal_audit", "--once")


@pytest.mark.django_db(transaction=True)
def test_the_command_says_why_it_does_not_seal(record: Record, seal: Seal, log_places: Places):
    record()
    seal()
    shutil.rmtree(log_places.folder)
    record()
    with pytest.raises(
        CommandError, match=r"Not sealed, or not anchored: the log has checkpoints, but .* is not there"
    ):
        call_command("seal_audit", "--once")


@pytest.mark.django_db(transaction=True)
def test_a_lost_state_is_adopted_on_record(record: Record, seal: Seal, log_places: Places):
    record()
    seal()
    log_places.signed.unlink()
    record()
    with pytest.raises(Refused):
        seal()
    out = StringIO()
    call_command("seal_audit", "--adopt", stdout=out)
    assert out.getvalue() == "The signer goes on from 1 records.\n"
    seal()
    assert [found.size for found in stored(log_places)] == [1, 3]
    assert AuditRecord.objects.filter(action="audit.signer_adopted").exists()


@pytest.mark.django_db(transaction=True)
def test_without_a_checkpoint_there_is_nothing_to_adopt(log_places: Places):
    with pytest.raises(CommandError, match="no checkpoint yet"):
        call_command("seal_audit", "--adopt")


@pytest.fixture
def without_platform(tmp_path: Path) -> dict[str, str]:
    """Return the environment of an installation that was set up, for processes that are told of no platform."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "bargeportal.settings",
        "PORTAL_DATA_DIR": str(tmp_path),
        "GENESYS_CLIENT_ID": "",
        "GENESYS_CLIENT_SECRET": "",
    }
    environment.pop("DATABASE_URL", None)
    set_up = {**environment, "GENESYS_CLIENT_ID": "nobody", "GENESYS_CLIENT_SECRET": "nothing"}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], env=set_up, check=True)
    return environment


@pytest.mark.service
def test_the_command_runs_until_it_is_told_to_end(without_platform: dict[str, str], tmp_path: Path):
    with subprocess.Popen(
        [sys.executable, "manage.py", "seal_audit"], env=without_platform, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"sealer ready\n"
            wait_for((tmp_path / "audit" / "anchors").exists)  # the first heartbeat is sealed
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()


@pytest.mark.service
def test_the_log_is_verified_where_no_platform_is_known(without_platform: dict[str, str]):
    command = [sys.executable, "manage.py", "verify_audit"]
    told = subprocess.run(command, env=without_platform, capture_output=True, check=True, text=True)
    assert "No fault." in told.stdout


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("command", "breaks"),
    [
        ("seal_audit --once", "audit.sealer.Sealer.run_once"),
        ("verify_audit", "audit.verification.log.sealed_size"),
    ],
)
def test_a_database_that_is_away_is_told_in_one_sentence(
    log_places: Places, monkeypatch: pytest.MonkeyPatch, command: str, breaks: str
):
    def fail(*_: object) -> None:
        raise OperationalError("no such\ntable")

    monkeypatch.setattr(breaks, fail)
    with pytest.raises(CommandError, match="no such table"):
        call_command(*command.split())


@pytest.mark.django_db(transaction=True)
def test_a_verification_that_the_database_breaks_off_is_on_record(
    log_places: Places, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> None:
        raise OperationalError("canceling statement\ndue to timeout")

    monkeypatch.setattr("audit.verification.log.sealed_size", fail)
    with pytest.raises(CommandError):
        call_command("verify_audit")
    (run,) = AuditRecord.objects.filter(action="audit.verified")
    assert (run.outcome, run.reason_code) == ("failed", "broke_off")
    assert "canceling statement due to timeout" in run.summary
