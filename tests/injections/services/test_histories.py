"""Whatever happens to an injection, in whatever order: it ends legally, on record, in time, and is sent once."""

import inspect
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.models import AuditRecord
from injections import gate, wiring
from injections.callers import Caller
from injections.genesys.drivers import Driver
from injections.genesys.drivers.voice_interactions import VoiceInteractionsDriver
from injections.genesys.retry import MAX_TRIES
from injections.lifecycle import ENDED, Status, can_move
from injections.models import InjectionRequest
from injections.roles import Role
from injections.services import submission
from injections.services.completion import OUTCOMES
from injections.services.submission import Command, inject
from tests.factories import AudioClipFactory, UserFactory
from tests.injections.conftest import caller_for
from tests.injections.services.histories import (
    LOOKS,
    PLAYS,
    Cancel,
    Event,
    History,
    Lapse,
    Pass,
    Report,
    SetClock,
    Settle,
    StandIn,
    Sweep,
    Try,
    open_statuses,
    undone,
)

pytestmark = pytest.mark.django_db
# More, to hunt: HISTORIES=5000 pytest tests/injections/services/test_histories.py
EXAMPLES: Final = int(os.environ.get("HISTORIES", "100"))
TOLD: Final = {
    "completed": Status.COMPLETED,
    "failed": Status.FAILED,
    "cancelled": Status.CANCELLED,
    "call_ended": Status.FAILED,
}
DEADLINES_S: Final = (5.0, 20.0, 300.0, 300.0)

incidents: st.SearchStrategy[Event] = st.one_of(
    st.builds(Pass, st.sampled_from([0.5, 2.0, 6.0, 21.0, 40.0])),
    st.builds(SetClock, st.sampled_from([-3600.0, 0.0, 3600.0])),
    st.just(Sweep()),
    st.builds(Report, st.sampled_from(OUTCOMES), st.booleans()),
    st.just(Cancel()),
    st.builds(Settle, st.sampled_from(["played", "not_played"])),
    st.just(Lapse()),
)


def mostly(usual: st.SearchStrategy[Any], other: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy of four usual values to one other, so that histories go on for a while."""
    return st.integers(0, 4).flatmap(lambda number: other if number == 4 else usual)


looks = mostly(st.just("fine"), st.sampled_from(LOOKS))
plays = mostly(st.sampled_from(["429", "503", "not sent", "accepted"]), st.sampled_from(sorted(PLAYS)))
waits = mostly(st.sampled_from([None, 0.0, 1.0]), st.sampled_from([7.0, 60.0]))


def tries(meanwhile: st.SearchStrategy[tuple[Event, ...]]) -> st.SearchStrategy[Try]:
    return st.builds(
        Try,
        look=looks,
        play=plays,
        is_due=mostly(st.just(True), st.just(False)),
        retry_after=waits,
        while_looking=meanwhile,
        before_sending=meanwhile,
        before_answer=meanwhile,
    )


nothing: st.SearchStrategy[tuple[Event, ...]] = st.just(())
# A try may happen in the midst of another one: two workers, or a worker and a web process.
inner = mostly(incidents, tries(nothing))
taken_over = st.tuples(
    st.just(Pass(40.0)), st.just(Sweep()) | inner, inner
)  # so slow that another takes over
meanwhile = mostly(nothing, st.lists(inner, min_size=1, max_size=3).map(tuple) | taken_over)
events = mostly(tries(meanwhile), incidents)
# The first look of all is taken in a thread of its own, where nothing else can happen in this test.
first_tries = tries(meanwhile).map(lambda one: replace(one, while_looking=()))


@pytest.fixture
def people(db: None, settings: Any, tmp_path: Any) -> tuple[Caller, Caller]:
    """Return an owner, who may cancel, and a compliance officer."""
    settings.PORTAL_DATA_DIR = tmp_path
    return tuple(caller_for(UserFactory(role=role)) for role in (Role.API_CLIENT, Role.COMPLIANCE))


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Take the place of driver and clock; nobody waits for anything."""
    monkeypatch.setattr(submission, "PATIENCE_S", 0)
    return monkeypatch


def _lived(
    people: tuple[Caller, Caller],
    patch: pytest.MonkeyPatch,
    *,
    deadline_s: float,
    first: Try,
    history: list[Event],
) -> History:
    lived = History(owner=people[0], officer=people[1])
    patch.setattr("django.utils.timezone.now", lived.now)
    patch.setattr(gate, "time", SimpleNamespace(time=lambda: lived.now().timestamp()))
    patch.setattr(wiring, "driver", lambda: lived.platform)
    with lived.playing(first):
        inject(command=_command(lived, deadline_s), key=None, fingerprint="", by=lived.owner)
    _check_always(lived, deadline_s)
    for event in history:
        event.happen(lived)
        _check_always(lived, deadline_s)
    lived.finish()
    _check_always(lived, deadline_s)
    return lived


def _command(lived: History, deadline_s: float) -> Command:
    return Command(
        conversation_id=lived.conversation_id,
        participant_id=lived.participant_id,
        clip=AudioClipFactory(),
        audio_url="",
        agent_mute=True,
        caller_mute=False,
        normalize_level=False,
        max_duration_ms=4200,
        reason="",
        seen_version="",
        is_from_page=False,
        deadline_s=deadline_s,
    )


def _check_always(lived: History, deadline_s: float) -> None:
    """Check what holds at every moment, also in the middle of a history."""
    row = lived.row()
    _check_records(row)
    sent = lived.platform.sent
    # Nothing late, by the true time; nothing unannounced; nothing that somebody could have settled meanwhile.
    assert all(one.at - lived.began < timedelta(seconds=deadline_s) for one in sent)
    assert all((one.status, one.intended) == (Status.DISPATCHING, 1) for one in sent)
    # Nothing twice: after one that may have been taken no other leaves.
    assert not any(one.was_in_doubt_or_taken for one in sent[:-1])
    assert len(sent) <= MAX_TRIES
    assert len(lived.platform.taken) <= 1


def _check_records(row: InjectionRequest) -> None:
    """One record for each change of state, each beginning where the last one ended, and every move a legal one."""
    records = AuditRecord.objects.filter(conversation_id=row.conversation_id, injection_id=row.pk)
    bodies = [json.loads(record.body) for record in records.order_by("number_in_conversation")]
    moves = [body for body in bodies if body.get("after") is not None and "status" in body["after"]]
    assert moves[0]["action"] == "injection.requested"
    for one, after in pairwise(moves):
        assert after["before"]["status"] == one["after"]["status"]
        assert can_move(Status(after["before"]["status"]), Status(after["after"]["status"]))
    assert moves[-1]["after"]["status"] == row.status
    # What came of each try is told too, also where somebody had settled or doubted its request meanwhile.
    told = {body["details"].get("attempt") for body in bodies if body["action"] != "injection.dispatching"}
    assert set(row.attempts.exclude(finished_at=None).values_list("number", flat=True)) <= told


def _check_end(lived: History) -> None:
    """Check that the end is one, and true."""
    row = lived.row()
    assert row.status not in open_statuses()
    assert row.status in ENDED | {Status.UNKNOWN, Status.UNCONFIRMED}
    assert row.lease_token is None
    assert not row.occupies_call
    if lived.was_settled_by_hand:
        return  # his word, and he may err
    if row.outcome:
        assert row.status == TOLD[row.outcome]
    is_taken = bool(lived.platform.taken)
    if row.outcome or row.status in {Status.COMPLETED, Status.UNCONFIRMED}:
        assert is_taken
    elif row.status == Status.UNKNOWN:
        assert row.attempts.exists()
    else:
        assert not is_taken
    if is_taken and row.interaction_id:
        assert row.interaction_id == lived.platform.taken[0]


@given(
    deadline_s=st.sampled_from(DEADLINES_S),
    first=first_tries,
    history=st.lists(events, min_size=2, max_size=8),
)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_history_ends_legally_truly_in_time_and_on_record(
    people: tuple[Caller, Caller],
    patch: pytest.MonkeyPatch,
    deadline_s: float,
    first: Try,
    history: list[Event],
) -> None:
    with undone():
        _check_end(_lived(people, patch, deadline_s=deadline_s, first=first, history=history))


@pytest.mark.parametrize("driver", [StandIn, VoiceInteractionsDriver])
@pytest.mark.parametrize("name", [name for name in vars(Driver) if not name.startswith("_")])
def test_the_stand_in_is_called_like_the_real_driver(driver: type, name: str) -> None:
    def shape(kind: type) -> list[tuple[Any, ...]]:
        signature = inspect.signature(getattr(kind, name))
        return [
            (one.name, one.kind, one.annotation, one.default is one.empty)
            for one in signature.parameters.values()
        ] + [(signature.return_annotation,)]

    assert shape(driver) == shape(Driver)


def _check_one(people: tuple[Caller, Caller], patch: pytest.MonkeyPatch, *history: Event) -> History:
    waits = Try("fine", "429", retry_after=1.0)
    lived = _lived(people, patch, deadline_s=300.0, first=waits, history=[Pass(2.0), *history])
    _check_end(lived)
    return lived


def test_a_check_that_fails_after_another_process_has_taken_over_changes_nothing(
    people: tuple[Caller, Caller], patch: pytest.MonkeyPatch
) -> None:
    other = Try("fine", "accepted")
    late = Try("429", "accepted", while_looking=(Pass(40.0), other))
    lived = _check_one(people, patch, late)
    assert len(lived.platform.taken) == 1


@pytest.mark.parametrize(
    ("play", "meanwhile", "told"),
    [
        ("accepted", "before_answer", "answer came after"),
        ("refused", "before_answer", "answer came after"),
        ("accepted", "before_sending", "never left"),
    ],
)
def test_what_came_of_a_try_after_it_was_given_up_is_on_record(
    people: tuple[Caller, Caller], patch: pytest.MonkeyPatch, play: str, meanwhile: str, told: str
) -> None:
    held_up: dict[str, Any] = {meanwhile: (Pass(40.0), Sweep())}
    lived = _check_one(people, patch, Try("fine", play, **held_up))
    row = lived.row()
    assert row.status == Status.UNKNOWN
    record = AuditRecord.objects.get(injection_id=row.pk, action="injection.answered_late")
    assert told in record.summary
    assert row.interaction_id == "".join(lived.platform.taken)
    assert row.interaction_id in record.subject_other
