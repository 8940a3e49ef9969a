"""The sealer at work: outbox to signed and anchored checkpoint, killed anywhere, twice at once, restored."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections

from audit import sealing, turns
from audit.models import AuditCheckpoint, AuditLeaf, AuditPending, AuditRecord
from audit.places import Places
from audit.sealer import Sealer
from audit.signer import Refused, Signer
from audit.stored_tree import stored_tree
from tests.audit.flush import suspended
from tests.audit.sealed import anchored, stored

Record = Callable[..., AuditRecord]
Seal = Callable[[], None]


def test_what_waits_is_sealed_signed_andanchored(record: Record, seal: Seal, log_places: Places):
    for _ in range(3):
        record()
    seal()
    record()
    seal()
    assert not AuditPending.objects.exists()
    assert [(found.size, found.root) for found in stored(log_places)] == [
        (size, stored_tree().root(size)) for size in (3, 4)
    ]
    assert anchored(log_places) == stored(log_places)


def test_every_batch_has_a_checkpoint_of_its_own(
    record: Record, seal: Seal, log_places: Places, monkeypatch: pytest.MonkeyPatch
):
    whole = sealing.seal_batch
    monkeypatch.setattr(sealing, "seal_batch", lambda *, after: whole(after=after, limit=2))
    for _ in range(5):
        record()
    seal()
    assert [found.size for found in stored(log_places)] == [2, 4, 5]


def test_a_log_without_records_is_not_signed(seal: Seal, log_places: Places):
    seal()
    assert not AuditCheckpoint.objects.exists()
    assert not log_places.signing_key.exists()


# --- Killed at each step ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "where",
    [
        "audit.signer.Signer.sign",
        "audit.sealing.store_checkpoint",
        "audit.anchors.file.append",
        "audit.files.write_whole",
    ],
)
def test_who_comes_after_a_sealer_that_died_ends_its_work(
    record: Record, seal: Seal, log_places: Places, monkeypatch: pytest.MonkeyPatch, where: str
):
    class Killed(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    record()
    seal()
    record()
    with monkeypatch.context() as patch:
        patch.setattr(where, die)
        with pytest.raises(Killed):
            seal()
    assert AuditLeaf.objects.count() == 2
    seal()
    assert [found.size for found in stored(log_places)] == [1, 2]
    assert anchored(log_places) == stored(log_places)


def test_a_signature_whose_checkpoint_was_not_stored_is_given_alike_again(
    record: Record, seal: Seal, log_places: Places, monkeypatch: pytest.MonkeyPatch
):
    record()
    with monkeypatch.context() as patch:
        patch.setattr(sealing, "store_checkpoint", _raise_killed)
        with pytest.raises(OSError, match="killed"):
            seal()
    handed_out = log_places.signed.read_text()
    seal()
    assert AuditCheckpoint.objects.get().note == handed_out


def _raise_killed(*_: Any, **__: Any) -> None:
    raise OSError("killed")


def test_nothing_is_signed_before_it_is_committed(
    record: Record, log_places: Places, monkeypatch: pytest.MonkeyPatch, seal: Seal
):
    open_at_signing: list[bool] = []
    sign = Signer.sign
    monkeypatch.setattr(
        Signer,
        "sign",
        lambda self, tree, *, size: (
            open_at_signing.append(len(connection.savepoint_ids) > at_rest),
            sign(self, tree, size=size),
        )[1],
    )
    at_rest = len(connection.savepoint_ids)
    record()
    seal()
    assert open_at_signing == [False]


# --- Restored, cut, rewritten -------------------------------------------------------------------------------
def test_a_database_restored_from_a_backup_is_not_sealed(record: Record, seal: Seal):
    record()
    seal()
    last = record()
    seal()
    with suspended(connection), connection.cursor() as cursor:
        cursor.execute('DELETE FROM audit_auditleaf WHERE "index" = 1')
        cursor.execute("DELETE FROM audit_auditcheckpoint WHERE size = 2")
        cursor.execute("DELETE FROM audit_auditrecord WHERE leaf_hash = %s", [last.leaf_hash])
    record()
    with pytest.raises(Refused, match="1 records, but 2 were signed"):
        seal()
    assert (AuditLeaf.objects.count(), AuditPending.objects.count()) == (1, 1)


def test_a_log_that_was_rewritten_is_not_sealed(record: Record, seal: Seal):
    record()
    seal()
    with suspended(connection), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_auditleaf SET leaf_hash = %s", ["0" * 64])
    record()
    with pytest.raises(Refused, match="first 1 records are not those"):
        seal()


# --- Two at once --------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_second_sealer_waits_for_its_turn(
    record: Record, log_places: Places, monkeypatch: pytest.MonkeyPatch
):
    record()
    turns: list[bool] = []
    seal_batch = sealing.seal_batch

    def seal_beside_another(**given: Any) -> Any:
        def second() -> None:
            turns.append(Sealer(log_places, stop=threading.Event()).run_once())
            connections.close_all()

        thread = threading.Thread(target=second)
        thread.start()
        thread.join(30)
        return seal_batch(**given)

    monkeypatch.setattr(sealing, "seal_batch", seal_beside_another)
    assert Sealer(log_places, stop=threading.Event()).run_once()
    assert turns == [False]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_sealer_on_another_machine_waits_for_its_turn(record: Record, log_places: Places):
    record()
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [turns._number(turns.SEALING)])
        assert not Sealer(log_places, stop=threading.Event()).run_once()
        with other.cursor() as cursor:  # who only closes has not let go yet
            cursor.execute("SELECT pg_advisory_unlock_all()")
    finally:
        other.close()
    assert Sealer(log_places, stop=threading.Event()).run_once()


@pytest.mark.django_db(transaction=True)
def test_eight_writers_and_two_sealers_lose_nothing_and_seal_nothing_twice(
    record: Record, log_places: Places
):
    stop = threading.Event()
    sealers = [
        threading.Thread(target=Sealer(log_places, stop=stop, every_s=0.01).run, daemon=True)
        for _ in range(2)
    ]

    def write() -> None:
        for _ in range(15):
            record()
        connections.close_all()

    writers = [threading.Thread(target=write, daemon=True) for _ in range(8)]
    for thread in [*sealers, *writers]:
        thread.start()
    for thread in writers:
        thread.join(60)
    stop.set()
    for thread in sealers:
        thread.join(60)
    assert not any(thread.is_alive() for thread in [*sealers, *writers])
    assert Sealer(log_places, stop=threading.Event()).run_once()
    records = set(AuditRecord.objects.values_list("pk", "leaf_hash"))
    assert len(records) >= 8 * 15
    assert set(AuditLeaf.objects.values_list("record_id", "leaf_hash")) == records
    assert [found.root for found in stored(log_places)] == [
        stored_tree().root(found.size) for found in stored(log_places)
    ]


# --- Heartbeat ----------------------------------------------------------------------------------------------
class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def _beats() -> list[AuditRecord]:
    return list(AuditRecord.objects.filter(action="audit.heartbeat").order_by("id"))


def test_a_heartbeat_tells_what_is_sealed_and_how_far_the_clocks_are_apart(
    record: Record, seal: Seal, log_places: Places
):
    record()
    seal()
    clock = Clock()
    clock.ahead = timedelta(seconds=7)
    assert Sealer(log_places, stop=threading.Event(), clock=clock).run_once()
    (beat,) = _beats()
    assert '"sealed":1' in beat.body
    assert '"clock_offset_ms":-7' in beat.body or '"clock_offset_ms":-6' in beat.body
    assert "behind the sealer's" in beat.summary
    assert beat.actor_kind == "system"


def test_a_heartbeat_comes_once_a_minute_whoever_seals(db: None, log_places: Places):
    clock = Clock()

    def another() -> Sealer:
        return Sealer(log_places, stop=threading.Event(), clock=clock)

    another().run_once()
    clock.ahead = timedelta(seconds=50)
    another().run_once()
    assert len(_beats()) == 1
    clock.ahead = timedelta(seconds=61)
    another().run_once()
    assert len(_beats()) == 2
