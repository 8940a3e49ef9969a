"""The table of states: every path ends, ended ones never move, and each named set says what it means."""

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injections.lifecycle import (
    CANCELLABLE,
    ENDED,
    EXPLAINED,
    OCCUPYING,
    SETTLEABLE,
    TRANSITIONS,
    WAITING,
    Status,
    can_move,
    sources_of,
)

PAIRS = list(product(Status, Status))


def _reachable(start: Status) -> frozenset[Status]:
    found, fresh = {start}, {start}
    while fresh:
        fresh = {after for before in fresh for after in TRANSITIONS[before]} - found
        found |= fresh
    return frozenset(found)


@st.composite
def paths(draw: st.DrawFn) -> list[Status]:
    """Draw a walk through the table from the beginning, as long as it goes on or up to thirty steps."""
    path = [Status.REQUESTED]
    while TRANSITIONS[path[-1]] and len(path) < 30:
        path.append(draw(st.sampled_from(sorted(TRANSITIONS[path[-1]]))))
    return path


def test_every_status_has_its_row() -> None:
    assert set(TRANSITIONS) == set(Status)


def test_every_status_can_be_reached_from_the_beginning() -> None:
    assert _reachable(Status.REQUESTED) == set(Status)


@pytest.mark.parametrize("status", Status)
def test_an_end_can_be_reached_from_everywhere(status: Status) -> None:
    assert _reachable(status) & ENDED


@given(paths())
def test_only_waiting_can_go_on_for_ever(path: list[Status]) -> None:
    # Whoever has sent something once passes each state at most once more, unless it was not accepted.
    rest = path[max((n for n, status in enumerate(path) if status in WAITING), default=0) :]
    assert len(set(rest)) == len(rest)


@given(paths())
def test_nothing_follows_an_end(path: list[Status]) -> None:
    assert not any(status in ENDED for status in path[:-1])


@given(paths())
def test_a_command_is_sent_again_only_after_it_was_not_accepted(path: list[Status]) -> None:
    for before, after in pairwise(path):
        if after is Status.DISPATCHING:
            assert before in WAITING


@given(paths())
def test_once_accepted_or_in_doubt_it_never_waits_again(path: list[Status]) -> None:
    doubtful = {Status.DISPATCHED, Status.UNKNOWN, Status.UNCONFIRMED}
    first = next((n for n, status in enumerate(path) if status in doubtful), len(path))
    assert not any(status in WAITING | {Status.DISPATCHING} for status in path[first:])


@pytest.mark.parametrize("status", Status)
def test_ended_is_exactly_what_has_no_way_on(status: Status) -> None:
    assert (status in ENDED) == (not any(can_move(status, after) for after in Status))


def test_the_ends_are_those_of_the_design() -> None:
    assert {Status.REFUSED, Status.EXPIRED, Status.CANCELLED, Status.FAILED, Status.COMPLETED} == ENDED


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_sources_are_the_inverse_of_the_table(before: Status, after: Status) -> None:
    assert (before in sources_of(after)) == can_move(before, after)


@pytest.mark.parametrize("status", sorted(ENDED))
def test_an_ended_one_occupies_no_call(status: Status) -> None:
    assert status not in OCCUPYING


def test_whatever_may_be_sent_or_heard_occupies_its_call() -> None:
    assert WAITING | {Status.DISPATCHING, Status.DISPATCHED, Status.UNKNOWN} == OCCUPYING


def test_only_what_was_never_sent_can_be_cancelled_by_its_supervisor() -> None:
    assert {Status.REQUESTED, Status.QUEUED} == CANCELLABLE
    assert all(can_move(status, Status.CANCELLED) for status in CANCELLABLE)


@pytest.mark.parametrize("status", sorted(SETTLEABLE))
def test_an_event_can_settle_whatever_may_have_been_accepted(status: Status) -> None:
    assert {Status.COMPLETED, Status.FAILED, Status.CANCELLED} <= TRANSITIONS[status]


def test_what_was_never_sent_is_settled_by_no_event() -> None:
    assert WAITING.isdisjoint(SETTLEABLE)


def test_only_a_success_or_what_is_under_way_needs_no_explanation() -> None:
    assert set(Status) - EXPLAINED == {
        Status.REQUESTED,
        Status.QUEUED,
        Status.DISPATCHING,
        Status.DISPATCHED,
        Status.COMPLETED,
    }
