"""What must hold after any disaster: the platform's own ledger, the rows and the records tell one story."""

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import psycopg
import requests
from psycopg.rows import dict_row

from tests.resilience.fleet import Fleet, Setting

CLIENTS = 8
# A lapsed lease (30 s), an event that never comes (3 s of sound and 30 s), and the sweeps after each.
SETTLE_S = 90
OPEN = {"requested", "queued", "dispatching", "dispatched"}


def press_all(fleet: Fleet, calls: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Have each call injected by a client that repeats, with its key, until it gets an answer."""
    answered: dict[str, dict[str, Any]] = {}
    lock = threading.Lock()

    def press(number: int) -> None:
        call, key = calls[number], str(uuid4())
        for turn in range(200):
            try:
                answer = fleet.inject(call, key=key, at=(number + turn) % len(fleet.urls))
            except requests.RequestException:
                time.sleep(0.1)
                continue
            if answer.status_code == 503 or "application/json" not in answer.headers["Content-Type"]:
                time.sleep(0.1)
                continue
            with lock:
                answered[call["conversationId"]] = {"status": answer.status_code, "key": key, **answer.json()}
            return

    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(press, range(len(calls))))
    return answered


def settled(setting: Setting) -> list[dict[str, Any]]:
    """Return all injections once none is open any more, or after the settling time."""
    deadline = time.monotonic() + SETTLE_S
    while True:
        rows = _query(setting, "SELECT * FROM injections_injectionrequest")
        if not any(row["status"] in OPEN for row in rows) or time.monotonic() > deadline:
            return rows
        time.sleep(1)


def check(
    setting: Setting,
    rows: list[dict[str, Any]],
    calls: list[dict[str, Any]],
    answered: dict[str, dict[str, Any]],
) -> None:
    by_call = {str(row["conversation_id"]): row for row in rows}
    commands = Counter(one["conversationId"] for one in setting.simulator.interactions())
    played = Counter(one["conversationId"] for one in setting.simulator.interactions() if one["accepted"])

    # Nothing lost: each client got an answer, each answer has its row, no call has two.
    assert set(answered) == {call["conversationId"] for call in calls}
    assert set(by_call) == set(answered)
    assert len(rows) == len(by_call)
    # Nothing twice: what was accepted was accepted once, and no command was repeated at all.
    assert [call for call, count in played.items() if count > 1] == []
    assert [call for call, count in commands.items() if count > 1] == []
    # Nothing left hanging.
    assert [row["status"] for row in rows if row["status"] in OPEN] == []
    # What is told of the playback is what the platform knows of it (a dead portal cannot serve the recording) ...
    truth = {one["conversationId"]: one["outcome"] for one in setting.simulator.interactions()}
    told = {call: row["outcome"] for call, row in by_call.items() if row["outcome"]}
    assert told == {call: truth[call] for call in told}
    # ... and what counts as never sent was never taken.
    never = {"refused", "expired", "failed", "cancelled"}
    untold = [call for call, row in by_call.items() if row["status"] in never and call not in told]
    assert [call for call in untold if played[call] > 0] == []
    # A doubt has its one reason: the process died between intent and answer.
    attempts = _query(setting, "SELECT * FROM injections_dispatchattempt")
    open_attempts = {attempt["injection_id"] for attempt in attempts if attempt["outcome"] == "intended"}
    assert [row["id"] for row in rows if row["status"] == "unknown" and row["id"] not in open_attempts] == []
    _check_records(setting, rows)


def _check_records(setting: Setting, rows: list[dict[str, Any]]) -> None:
    """Each injection's records tell its whole life, chained without a gap, and end where the row stands."""
    records = _query(
        setting,
        "SELECT * FROM audit_auditrecord WHERE injection_id IS NOT NULL "
        "ORDER BY conversation_id, number_in_conversation",
    )
    lives: dict[UUID, list[dict[str, Any]]] = {}
    for record in records:
        lives.setdefault(record["injection_id"], []).append(record)
    for row in rows:
        life = lives[row["id"]]
        assert life[0]["action"] == "injection.requested"
        assert life[-1]["action"] == f"injection.{row['status']}"
        moves = [json.loads(record["body"]) for record in life]
        for earlier, later in pairwise(moves):
            assert later["before"]["status"] == earlier["after"]["status"]


def _query(setting: Setting, sql: str) -> list[dict[str, Any]]:
    with psycopg.connect(setting.database_url, row_factory=dict_row) as connection:
        return connection.execute(sql).fetchall()  # type: ignore[arg-type]
