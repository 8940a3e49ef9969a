"""The contract's table of failures, row by row: planted in the simulator, and what becomes of the request.

Each row is lived through to its end: the click, every further try while the request waits, the platform's reports
of what it did play, and the sweeps two minutes later.
"""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any, Final
from uuid import uuid4

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from injections import wiring
from injections.callers import Caller, system_caller
from injections.genesys.client import GenesysClient
from injections.genesys.config import GenesysConfig
from injections.lifecycle import WAITING, Status
from injections.models import CompletionEvent, InjectionRequest
from injections.services import dispatch, submission, sweep
from injections.services.submission import Command, inject
from tests.injections.services.failing_platform import (
    CALL,
    COMMAND,
    NOBODY,
    PARTICIPANT,
    Plant,
    Where,
    World,
    always,
    answer,
    clock_steps,
    early,
    elsewhere,
    gone,
    later,
    nothing,
    planted,
    revoked,
    revoked_and_no_login,
    slow,
    together,
)
from tests.support.simulator_process import SimulatorProcess

pytestmark = pytest.mark.django_db
S = Status
WORKER = system_caller(where="test")
REFUSED, UNREACHABLE, LIMITED, DOUBT, LATE = (
    "upstream_refused", "upstream_unreachable", "rate_limited", "outcome_unknown", "deadline_passed",
)  # fmt: skip
PATIENCE: Final = {"read_timeout": 0.7, "total_timeout": 1.2}  # seconds; the product's own are 5 and 10
UNKNOWN_HOST: Final = "http://platform.invalid"
NO_TLS: Final = "https://127.0.0.1:{port}"
HOUR: Final = timedelta(hours=1)


@pytest.fixture
def world(simulator: SimulatorProcess, settings: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    """Make the portal impatient, its clock movable, and both ends of a command known."""
    made = World(simulator, settings, f"/webhooks/completion/{settings.COMPLETION_SECRET}")
    real = {name: getattr(dispatch, name) for name in ("intend", "record_accepted", "record_failure")}
    now = timezone.now

    def intend(*args: Any, **kwargs: Any) -> Any:
        attempt = real["intend"](*args, **kwargs)
        made.reach("checked")
        return attempt

    def answered(name: str, *args: Any, **kwargs: Any) -> None:
        made.reach("answered")
        real[name](*args, **kwargs)

    monkeypatch.setattr(dispatch, "intend", intend)
    for name in ("record_accepted", "record_failure"):
        monkeypatch.setattr(dispatch, name, partial(answered, name))
    monkeypatch.setattr("django.utils.timezone.now", lambda: now() + made.shift)
    monkeypatch.setattr(submission, "PATIENCE_S", 0)  # what waits is tried again by hand
    total, read = PATIENCE["total_timeout"], PATIENCE["read_timeout"]
    monkeypatch.setattr(wiring, "GenesysClient", partial(GenesysClient, total_timeout=total))
    monkeypatch.setattr(wiring, "GenesysConfig", partial(GenesysConfig, read_timeout=read))
    wiring._driver.cache_clear()
    wiring._client.cache_clear()
    simulator.set_completions(withhold=True)
    return made


# --- The table ------------------------------------------------------------------------------------------------
# What goes wrong, once unless it says always; then the end that it comes to without any report (status, code),
# the commands that left, the attempts on record, and the end after the reports and two minutes of sweeps.

# fmt: off
TO_THE_COMMAND = {
    "nothing":                   (nothing,                              S.DISPATCHED, "",          1, 1, S.COMPLETED),
    "400":                       (answer(400),                          S.FAILED,     REFUSED,     1, 1, S.FAILED),
    "401":                       (answer(401),                          S.DISPATCHED, "",          2, 1, S.COMPLETED),
    "401 always":                (always(401),                          S.FAILED,     REFUSED,     2, 1, S.FAILED),
    "403":                       (answer(403),                          S.FAILED,     REFUSED,     1, 1, S.FAILED),
    "404":                       (answer(404),                          S.FAILED,     REFUSED,     1, 1, S.FAILED),
    "409":                       (answer(409),                          S.FAILED,     REFUSED,     1, 1, S.FAILED),
    "429 with seconds":          (answer(429, retry_after="7"),         S.DISPATCHED, "",          2, 2, S.COMPLETED),
    "429 with an HTTP date":     (later(429, in_s=7),                   S.DISPATCHED, "",          2, 2, S.COMPLETED),
    "429 without a header":      (answer(429),                          S.DISPATCHED, "",          2, 2, S.COMPLETED),
    "429 until after deadline":  (answer(429, retry_after="60"),        S.EXPIRED,    LATE,        1, 1, S.EXPIRED),
    "429 for thirty years":      (answer(429, retry_after="999999999"), S.EXPIRED,    LATE,        1, 1, S.EXPIRED),
    "429 always":                (always(429, retry_after="1"),         S.FAILED,     LIMITED,     3, 3, S.FAILED),
    "503":                       (answer(503),                          S.DISPATCHED, "",          2, 2, S.COMPLETED),
    "503 with seconds":          (answer(503, retry_after="7"),         S.DISPATCHED, "",          2, 2, S.COMPLETED),
    "503 always":                (always(503),                          S.FAILED,     UNREACHABLE, 3, 3, S.FAILED),
    "500":                       (answer(500),                          S.UNKNOWN,    DOUBT,       1, 1, S.UNKNOWN),
    "502":                       (answer(502),                          S.UNKNOWN,    DOUBT,       1, 1, S.UNKNOWN),
    "502 of a proxy":            (planted("html"),                      S.UNKNOWN,    DOUBT,       1, 1, S.UNKNOWN),
    "504":                       (answer(504),                          S.UNKNOWN,    DOUBT,       1, 1, S.UNKNOWN),
    "connection refused":        (elsewhere(NOBODY),                    S.DISPATCHED, "",          1, 2, S.COMPLETED),
    "unknown host":              (elsewhere(UNKNOWN_HOST),              S.DISPATCHED, "",          1, 2, S.COMPLETED),
    "no TLS":                    (elsewhere(NO_TLS),                    S.DISPATCHED, "",          1, 2, S.COMPLETED),
    "reset":                     (planted("reset"),                     S.UNKNOWN,    DOUBT,       1, 1, S.UNKNOWN),
    "accepted, answer lost":     (planted("accept_then_drop"),          S.UNKNOWN,    DOUBT,       1, 1, S.COMPLETED),
    "timeout":                   (together(planted("reset"), slow),     S.UNKNOWN,    DOUBT,       1, 1, S.UNKNOWN),
    "timeout, accepted":         (slow,                                 S.UNKNOWN,    DOUBT,       1, 1, S.COMPLETED),
    "garbage":                   (planted("garbage"),                   S.UNKNOWN,    DOUBT,       1, 1, S.UNKNOWN),
    "slow body":                 (planted("slow_body", delay_ms=300),   S.DISPATCHED, "",          1, 1, S.COMPLETED),
    "headers only":              (planted("headers_only"),              S.DISPATCHED, "",          1, 1, S.COMPLETED),
    "200 with garbage":          (answer(200, body="<p>Hello"),         S.UNKNOWN,    DOUBT,       1, 1, S.UNKNOWN),
    "302 to elsewhere":          (answer(302),                          S.UNKNOWN,    DOUBT,       1, 1, S.UNKNOWN),
    "201 without the id":        (planted("no_interaction_id"),         S.UNKNOWN,    DOUBT,       1, 1, S.COMPLETED),
    "token revoked meanwhile":   (revoked,                              S.DISPATCHED, "",          2, 1, S.COMPLETED),
    "revoked, and no login":     (revoked_and_no_login,                 S.DISPATCHED, "",          2, 2, S.COMPLETED),
    "clock back while waiting":  (clock_steps(-HOUR, moment="waiting"), S.EXPIRED,    LATE,        1, 1, S.EXPIRED),
    "clock on while waiting":    (clock_steps(HOUR, moment="waiting"),  S.EXPIRED,    LATE,        1, 1, S.EXPIRED),
    "clock back before sending": (clock_steps(-HOUR, moment="checked"), S.EXPIRED,    LATE,        0, 1, S.EXPIRED),
    "clock on before sending":   (clock_steps(HOUR, moment="checked"),  S.EXPIRED,    LATE,        0, 1, S.EXPIRED),
    "report before the answer":  (early(1),                             S.COMPLETED,  "",          1, 1, S.COMPLETED),
    "two reports before it":     (early(2),                             S.COMPLETED,  "",          1, 1, S.COMPLETED),
    "report, answer lost":       (together(planted("accept_then_drop"), early(1)),
                                                                        S.COMPLETED,  "",          1, 1, S.COMPLETED),
}
# The reads change nothing, so none of these is in doubt: what cannot be verified is not played.
TO_A_READ = {
    "400":                       (answer(400),                          S.FAILED,     REFUSED,     0, 1, S.FAILED),
    "401":                       (answer(401),                          S.DISPATCHED, "",          1, 1, S.COMPLETED),
    "401 always":                (always(401),                          S.FAILED,     REFUSED,     0, 1, S.FAILED),
    "403":                       (answer(403),                          S.FAILED,     REFUSED,     0, 1, S.FAILED),
    "404":                       (answer(404),                          S.REFUSED,    "",          0, 0, S.REFUSED),
    "429 with seconds":          (answer(429, retry_after="7"),         S.DISPATCHED, "",          1, 2, S.COMPLETED),
    "429 with an HTTP date":     (later(429, in_s=7),                   S.DISPATCHED, "",          1, 2, S.COMPLETED),
    "429 without a header":      (answer(429),                          S.DISPATCHED, "",          1, 2, S.COMPLETED),
    "429 always":                (always(429, retry_after="1"),         S.FAILED,     LIMITED,     0, 3, S.FAILED),
    "503":                       (answer(503),                          S.DISPATCHED, "",          1, 2, S.COMPLETED),
    "503 always":                (always(503),                          S.FAILED,     UNREACHABLE, 0, 3, S.FAILED),
    "500":                       (answer(500),                          S.FAILED,     UNREACHABLE, 0, 1, S.FAILED),
    "502":                       (answer(502),                          S.FAILED,     UNREACHABLE, 0, 1, S.FAILED),
    "504":                       (answer(504),                          S.FAILED,     UNREACHABLE, 0, 1, S.FAILED),
    "connection refused":        (elsewhere(NOBODY),                    S.DISPATCHED, "",          1, 2, S.COMPLETED),
    "unknown host":              (elsewhere(UNKNOWN_HOST),              S.DISPATCHED, "",          1, 2, S.COMPLETED),
    "no TLS":                    (elsewhere(NO_TLS),                    S.DISPATCHED, "",          1, 2, S.COMPLETED),
    "refused always":            (gone,                                 S.FAILED,     UNREACHABLE, 0, 3, S.FAILED),
    "reset":                     (planted("reset"),                     S.FAILED,     UNREACHABLE, 0, 1, S.FAILED),
    "timeout":                   (planted("delay", delay_ms=1500),       S.FAILED,     UNREACHABLE, 0, 1, S.FAILED),
    "garbage":                   (planted("garbage"),                   S.FAILED,     UNREACHABLE, 0, 1, S.FAILED),
    "slow body":                 (planted("slow_body", delay_ms=100),   S.FAILED,     UNREACHABLE, 0, 1, S.FAILED),
    "headers only":              (planted("headers_only"),              S.FAILED,     UNREACHABLE, 0, 1, S.FAILED),
    "200 with garbage":          (answer(200, body="<p>Hello"),         S.FAILED,     UNREACHABLE, 0, 1, S.FAILED),
    "200 about another call":    (answer(200, body={"id": str(uuid4()), "state": "active"}),
                                                                        S.FAILED,     UNREACHABLE, 0, 1, S.FAILED),
}
# fmt: on
NOT_FOUND = {CALL["path"]: "call_not_active", PARTICIPANT["path"]: "participant_not_in_call"}
ROWS = [
    pytest.param(where, *row, id=f"{name}: {title}")
    for name, where, rows in (
        ("command", COMMAND, TO_THE_COMMAND),
        ("call", CALL, TO_A_READ),
        ("participant", PARTICIPANT, TO_A_READ),
    )
    for title, row in rows.items()
]


@pytest.mark.parametrize(("where", "plant", "status", "code", "commands", "attempts", "settled"), ROWS)
def test_what_goes_wrong_ends_as_the_table_says(
    world: World,
    command: Callable[..., Command],
    machine: Caller,
    where: Where,
    plant: Plant,
    status: Status,
    code: str,
    commands: int,
    attempts: int,
    settled: Status,
) -> None:
    plant(world, where)
    row = inject(
        command=command(world.simulator.create_call()), key=None, fingerprint="", by=machine
    ).injection
    world.reach("waiting")
    _try_while_it_waits(world, row)
    expected_code = NOT_FOUND[where["path"]] if status is S.REFUSED else code
    assert (row.status, row.reason_code) == (status, expected_code), row.error
    assert _commands_left(world) == commands
    assert row.attempts.count() == attempts
    assert (row.error != "") == (expected_code != "")
    _settle(world, row)
    assert row.status == settled
    assert _commands_left(world) == commands, "nothing is sent while things are settled"
    _check_against_the_platform(world, row)
    _check_records(row)


def _try_while_it_waits(world: World, row: InjectionRequest) -> None:
    """Do what a worker does, as soon as it may: the wait itself is another test's."""
    for _ in range(6):
        row.refresh_from_db()
        if row.status in WAITING and not world.shift:
            wiring.shared_state().update("upstream", lambda _: {})  # as if the platform's pause had passed
            InjectionRequest.objects.filter(pk=row.pk).update(due_at=timezone.now())
        sweep.sweep(by=WORKER)
        for injection_id in sweep.due_injections():
            dispatch.dispatch_injection(injection_id=injection_id, by=WORKER)
    row.refresh_from_db()


def _settle(world: World, row: InjectionRequest) -> None:
    world.report()
    world.shift += timedelta(minutes=2)
    for _ in range(2):
        sweep.sweep(by=WORKER)
    row.refresh_from_db()


def _commands_left(world: World) -> int:
    counts = world.simulator.ledger()["requests"]
    return sum(count for route, count in counts.items() if re.search("POST.*/interactions", route))


def _check_against_the_platform(world: World, row: InjectionRequest) -> None:
    """What is told of the playback is what the platform did."""
    accepted = [entry for entry in world.simulator.interactions() if entry["accepted"]]
    assert len(accepted) <= 1
    if row.status == S.COMPLETED:
        assert [entry["interactionId"] for entry in accepted] == [row.interaction_id]
    elif row.status != S.UNKNOWN:
        assert accepted == []


def _check_records(row: InjectionRequest) -> None:
    """Each change of state has its record, and each begins where the one before it ended."""
    records = AuditRecord.objects.filter(injection_id=row.pk).order_by("number_in_conversation")
    moves = [json.loads(record.body) for record in records]
    assert moves[0]["before"] is None or moves[0]["before"].get("status") is None
    for one, after in pairwise(moves):
        assert after["before"]["status"] == one["after"]["status"]
    assert moves[-1]["after"]["status"] == row.status


# --- What does not fit a row ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plant", "least_s", "most_s"),
    [
        (answer(429, retry_after="7"), 7, 7),
        (later(429, in_s=7), 4, 7),  # a date has no fractions, and was written a little earlier
        (answer(429), 0.75, 1.25),
        (answer(503, retry_after="7"), 7, 7),
        (answer(503), 0.75, 1.25),
    ],
    ids=["429 seconds", "429 date", "429 bare", "503 seconds", "503 bare"],
)
@pytest.mark.parametrize("where", [COMMAND, CALL, PARTICIPANT], ids=["command", "call", "participant"])
def test_it_waits_as_long_as_it_is_told_or_about_a_second(
    world: World,
    command: Callable[..., Command],
    machine: Caller,
    where: Where,
    plant: Plant,
    least_s: float,
    most_s: float,
) -> None:
    wish = command(world.simulator.create_call())
    plant(world, where)
    row = inject(command=wish, key=None, fingerprint="", by=machine).injection
    assert row.status == S.QUEUED
    attempt = row.attempts.get()
    assert row.due_at is not None
    assert attempt.finished_at is not None
    assert least_s <= (row.due_at - attempt.finished_at).total_seconds() <= most_s


def test_a_report_of_an_interaction_that_nobody_knows_changes_nothing(
    world: World, command: Callable[..., Command], machine: Caller
) -> None:
    call = world.simulator.create_call()
    row = inject(command=command(call), key=None, fingerprint="", by=machine).injection
    stranger = {"conversationId": str(uuid4()), "participantId": str(uuid4()), "interactionId": "of-nobody"}
    world.post(stranger)
    sweep.sweep(by=WORKER)
    row.refresh_from_db()
    assert row.status == S.DISPATCHED
    assert CompletionEvent.objects.get().injection is None


def test_a_report_that_is_repeated_or_contradicted_changes_nothing(
    world: World, command: Callable[..., Command], machine: Caller
) -> None:
    call = world.simulator.create_call()
    row = inject(command=command(call), key=None, fingerprint="", by=machine).injection
    ids = {name: call[key] for name, key in _IDS.items()} | {"interactionId": row.interaction_id}
    world.post(ids, times=3)
    world.post(ids, outcome="failed")
    row.refresh_from_db()
    assert row.status == S.COMPLETED
    assert AuditRecord.objects.filter(injection_id=row.pk, action="injection.completed").count() == 1


_IDS: Final = {"conversationId": "conversationId", "participantId": "agentParticipantId"}
