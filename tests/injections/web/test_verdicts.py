import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from injections.models import LiveCall
from injections.selectors import OpenDoubt
from injections.web.verdicts import Seen, blocking, checklist, state_badge, state_code, verdict

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
    assert verdict(a_call(), Seen(NOW)).words == "Yes"


@pytest.mark.parametrize(
    ("changes", "is_busy", "words", "hue"),
    [
        ({"consent_reason": "consent_missing"}, False, "No consent on record", "stop"),
        ({"consent_reason": "attributes_missing"}, False, "No consent on record", "stop"),
        ({"consent_reason": "consent_denied"}, False, "Agent does not consent", "stop"),
        ({"is_secure_paused": True}, False, "Card data being taken", "stop"),
        ({"barged_by": "Lee"}, False, "Lee is barging", "plain"),
        ({}, True, "Recording due or playing", "plain"),
        ({"is_held": True}, False, "Not now: on hold", "caution"),
        ({"state": "alerting"}, False, "Not answered yet", "caution"),
        ({"agent_participant_id": None}, False, "Not answered yet", "caution"),
        ({"seen_at": NOW - timedelta(seconds=14)}, False, "Checking again", "caution"),
    ],
)
def test_whatever_forbids_a_barge_is_said_in_words(
    changes: dict[str, Any], is_busy: bool, words: str, hue: str
):
    said = verdict(a_call(**changes), Seen(NOW, is_busy=is_busy))
    assert (said.words, said.hue) == (words, hue)


def test_the_lasting_reason_is_said_before_the_passing_one():
    said = verdict(a_call(consent_reason="consent_denied", is_held=True), Seen(NOW))
    assert said.words == "Agent does not consent"


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
    assert state_code(a_call(**changes), Seen(NOW, is_busy=is_busy)) == code


def test_nothing_blocks_a_quiet_consenting_call():
    assert blocking(checklist(a_call(), Seen(NOW))) is None


@pytest.mark.parametrize(
    ("changes", "is_busy", "code"),
    [
        ({"state": "alerting"}, False, "agent_not_connected"),
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
    against = blocking(checklist(a_call(**changes), Seen(NOW, is_busy=is_busy)))
    assert against is not None
    assert against.code == code
    assert against.remedy


def test_a_ringing_call_has_one_reason_which_says_to_wait():
    checks = checklist(a_call(state="alerting"), Seen(NOW))
    (against,) = [check for check in checks if not check.holds]
    assert against.words == "The agent has not answered yet"
    assert against.remedy.startswith("Wait")


def test_a_secure_pause_is_at_least_as_loud_as_a_hold():
    assert state_badge("secure_pause").hue == "stop"


def test_information_that_is_a_little_late_is_said_but_does_not_block():
    checks = checklist(a_call(seen_at=NOW - timedelta(seconds=14)), Seen(NOW))
    assert blocking(checks) is None
    assert checks[-1].kind == "caution"
    assert "being asked for again" in checks[-1].words


@pytest.mark.parametrize(("age_s", "kind"), [(14, "caution"), (31, "stop")])
def test_what_is_held_back_is_not_said_to_be_read_again(age_s: int, kind: str):
    call = a_call(seen_at=NOW - timedelta(seconds=age_s))
    checks = checklist(call, Seen(NOW, is_held_back=True))
    assert (checks[-1].kind, checks[-1].words) == (kind, "Not read while requests are held back")
    assert "has been read again" not in checks[-1].remedy
    assert verdict(call, Seen(NOW, is_held_back=True)).words == "Not read now"


def a_doubt(*, is_audible: bool) -> OpenDoubt:
    return OpenDoubt("Recording <notice>", NOW - timedelta(minutes=1), is_audible)


def test_a_doubt_is_the_first_that_board_and_panel_say():
    call, known = a_call(is_held=True), Seen(NOW, doubt=a_doubt(is_audible=False))
    assert verdict(call, known).hue == "unknown"
    (first, *_) = checklist(call, known)
    assert first.kind == "unknown"
    assert "“<bdi>Recording &lt;notice&gt;</bdi>”, <time" in str(first.told)
    assert "is not known: it may have been heard" in str(first.told)


def test_a_doubt_forbids_a_barge_only_as_long_as_it_may_be_playing():
    call = a_call()
    playing = Seen(NOW, is_busy=True, doubt=a_doubt(is_audible=True))
    against = blocking(checklist(call, playing))
    assert against is not None
    assert against.code == "call_busy"
    assert blocking(checklist(call, Seen(NOW, doubt=a_doubt(is_audible=False)))) is None


def test_a_doubt_is_not_called_a_barge_that_goes_on():
    assert state_code(a_call(), Seen(NOW, is_busy=True, doubt=a_doubt(is_audible=True))) == "connected"


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
    is_free = blocking(checklist(call, Seen(NOW, is_busy=is_busy))) is None
    assert (verdict(call, Seen(NOW, is_busy=is_busy)).words == "Yes") is is_free
