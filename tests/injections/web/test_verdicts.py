import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from injections.models import LiveCall
from injections.web.verdicts import blocking, checklist, state_badge, state_code, verdict

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def a_call(**changes: Any) -> LiveCall:
    values = {
        "conversation_id": uuid.uuid4(),
        "agent_participant_id": uuid.uuid4(),
        "agent_name": "Avery Lindqvist",
        "state": "connected",
        "version": "v1",
        "seen_at": NOW,
    }
    return LiveCall(**(values | changes))


def test_a_quiet_consenting_call_may_be_barged():
    assert verdict(a_call(), is_busy=False, now=NOW).words == "Yes"


@pytest.mark.parametrize(
    ("changes", "is_busy", "words", "hue"),
    [
        ({"consent_reason": "consent_missing"}, False, "No consent on record", "stop"),
        ({"consent_reason": "attributes_missing"}, False, "No consent on record", "stop"),
        ({"consent_reason": "consent_denied"}, False, "Agent declined", "stop"),
        ({"is_secure_paused": True}, False, "Card data being taken", "stop"),
        ({"barged_by": "Lee"}, False, "Lee is barging", "plain"),
        ({}, True, "Recording due or playing", "plain"),
        ({"is_held": True}, False, "Not now: on hold", "caution"),
        ({"state": "alerting"}, False, "Not yet: ringing", "caution"),
        ({"agent_participant_id": None}, False, "Not yet: ringing", "caution"),
        ({"seen_at": NOW - timedelta(seconds=14)}, False, "Checking again", "caution"),
    ],
)
def test_whatever_forbids_a_barge_is_said_in_words(
    changes: dict[str, Any], is_busy: bool, words: str, hue: str
):
    said = verdict(a_call(**changes), is_busy=is_busy, now=NOW)
    assert (said.words, said.hue) == (words, hue)


def test_the_lasting_reason_is_said_before_the_passing_one():
    said = verdict(a_call(consent_reason="consent_denied", is_held=True), is_busy=False, now=NOW)
    assert said.words == "Agent declined"


@pytest.mark.parametrize(
    ("changes", "is_busy", "code"),
    [
        ({}, False, "connected"),
        ({}, True, "barged"),
        ({"barged_by": "Lee"}, False, "barged"),
        ({"is_held": True}, True, "held"),
        ({"is_secure_paused": True, "is_held": True}, False, "secure_pause"),
        ({"state": "alerting"}, False, "alerting"),
    ],
)
def test_a_call_is_in_one_state_at_a_time(changes: dict[str, Any], is_busy: bool, code: str):
    assert state_code(a_call(**changes), is_busy=is_busy) == code


def test_nothing_blocks_a_quiet_consenting_call():
    assert blocking(checklist(a_call(), is_busy=False, now=NOW)) is None


@pytest.mark.parametrize(
    ("changes", "is_busy", "code"),
    [
        ({"state": "alerting"}, False, "call_not_active"),
        ({"agent_participant_id": None}, False, "agent_not_connected"),
        ({"consent_reason": "consent_missing"}, False, "consent_missing"),
        ({"consent_reason": "consent_denied"}, False, "consent_denied"),
        ({"is_held": True}, False, "on_hold"),
        ({"is_secure_paused": True}, False, "secure_pause"),
        ({"barged_by": "Lee"}, False, "call_busy"),
        ({}, True, "call_busy"),
        ({"seen_at": NOW - timedelta(seconds=31)}, False, "call_changed"),
    ],
)
def test_each_line_of_the_checklist_blocks_with_its_code_and_remedy(
    changes: dict[str, Any], is_busy: bool, code: str
):
    against = blocking(checklist(a_call(**changes), is_busy=is_busy, now=NOW))
    assert against is not None
    assert against.code == code
    assert against.remedy


def test_a_line_that_does_not_hold_never_reads_as_if_it_did():
    (first, *_) = checklist(a_call(state="alerting"), is_busy=False, now=NOW)
    assert first.words == "Call is not active"


def test_a_secure_pause_is_at_least_as_loud_as_a_hold():
    assert state_badge("secure_pause").hue == "stop"


def test_information_that_is_a_little_late_is_said_but_does_not_block():
    checks = checklist(a_call(seen_at=NOW - timedelta(seconds=14)), is_busy=False, now=NOW)
    assert blocking(checks) is None
    assert checks[-1].words == "Information is being read again"


STATES: dict[str, tuple[Any, Any]] = {
    "state": ("connected", "alerting"),
    "agent_participant_id": (uuid.uuid4(), None),
    "consent_reason": ("", "consent_denied"),
    "is_held": (False, True),
    "is_secure_paused": (False, True),
    "barged_by": ("", "Lee"),
    "seen_at": (NOW, NOW - timedelta(seconds=31)),
}


@pytest.mark.parametrize("values", list(itertools.product(*STATES.values())))
@pytest.mark.parametrize("is_busy", [False, True])
def test_the_board_says_yes_exactly_where_the_panel_lets_arm(values: tuple[Any, ...], is_busy: bool):
    call = a_call(**dict(zip(STATES, values, strict=True)))
    is_free = blocking(checklist(call, is_busy=is_busy, now=NOW)) is None
    assert (verdict(call, is_busy=is_busy, now=NOW).words == "Yes") is is_free
