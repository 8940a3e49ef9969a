from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from injections.lifecycle import EXPLAINED, Status
from injections.models import InjectionRequest
from injections.reasons import reason
from injections.web.results import story

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def an_injection(status: Status, code: str = "", **values: Any) -> InjectionRequest:
    error = reason(code).sentence if code else ""
    return InjectionRequest(status=status, reason_code=code, error=error, **values)


@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_told_in_words(status: Status):
    told = story(an_injection(status, "call_busy" if status in EXPLAINED else ""))
    assert told.badge.words
    assert told.what.endswith(".")
    assert told.meaning.endswith(".")


def test_a_refusal_says_what_happened_what_it_means_and_what_to_do():
    told = story(an_injection(Status.REFUSED, "consent_denied"))
    assert told.what == "Agent does not consent."
    assert told.meaning == "Nothing was played. Agent and caller noticed nothing."
    assert told.remedy == "The agent declined, or took the consent back. Do not barge."


def test_a_refusal_at_the_check_is_told_as_its_result_and_not_as_a_check_that_was_not_made():
    told = story(an_injection(Status.REFUSED, "call_not_active"))
    assert [(stage.words, stage.took, stage.is_done) for stage in told.stages[:2]] == [
        ("Checked", "refused", True),
        ("Sent", "–", False),
    ]


def test_what_was_never_checked_is_not_told_as_checked():
    assert story(an_injection(Status.EXPIRED, "deadline_passed")).stages[0].took == "–"


def test_doubt_is_never_told_as_silence():
    told = story(an_injection(Status.UNKNOWN, "outcome_unknown"))
    assert "may have heard it" in told.meaning
    assert "Do not repeat it." in told.remedy


@pytest.mark.parametrize("code", ["playback_failed", "call_ended"])
def test_what_broke_off_may_have_been_heard_in_part(code: str):
    assert story(an_injection(Status.FAILED, code)).meaning == "A part of it may have been heard."


def test_acceptance_is_not_told_as_played():
    told = story(an_injection(Status.DISPATCHED, interaction_id="x"))
    assert told.badge.words == "Accepted, playing"
    assert not told.is_over


def test_stages_show_what_each_step_took():
    told = story(
        an_injection(
            Status.COMPLETED,
            checked_ms=58.0,
            sent_ms=62.0,
            answered_ms=112.0,
            interaction_id="x",
            outcome="completed",
            sent_at=NOW,
            ended_at=NOW + timedelta(seconds=7),
        )
    )
    assert [(stage.words, stage.took, stage.is_done) for stage in told.stages] == [
        ("Checked", "58 ms", True),
        ("Sent", "4 ms", True),
        ("Accepted", "50 ms", True),
        ("Ended", "7.0 s", True),
    ]


def test_a_wait_is_a_stage_of_its_own_and_not_part_of_the_check():
    told = story(an_injection(Status.FAILED, "upstream_refused", waited_ms=6100.0, checked_ms=6115.0))
    assert [(stage.words, stage.took) for stage in told.stages[:2]] == [
        ("Waited", "6.1 s"),
        ("Checked", "15 ms"),
    ]


def test_what_left_is_told_as_sent_though_no_answer_came():
    told = story(an_injection(Status.UNKNOWN, "outcome_unknown", checked_ms=10.0, sent_ms=14.0))
    assert [(stage.words, stage.is_done) for stage in told.stages] == [
        ("Checked", True),
        ("Sent", True),
        ("Accepted", False),
        ("Ended", False),
    ]


def test_what_was_reported_as_played_was_accepted_though_the_answer_was_lost():
    told = story(
        an_injection(Status.COMPLETED, checked_ms=10.0, sent_ms=14.0, interaction_id="x", outcome="completed")
    )
    assert (told.stages[2].words, told.stages[2].is_done) == ("Accepted", True)


def test_an_answer_that_refused_is_not_called_accepted():
    told = story(
        an_injection(
            Status.FAILED,
            "upstream_refused",
            checked_ms=1.0,
            sent_ms=2.0,
            answered_ms=3.0,
            sent_at=NOW,
            ended_at=NOW + timedelta(milliseconds=8),
        )
    )
    assert (told.stages[2].words, told.stages[2].is_done) == ("Answered", True)
    assert not told.stages[3].is_done, "it never played"


def test_a_refusal_before_sending_has_empty_stages():
    told = story(an_injection(Status.REFUSED, "on_hold"))
    assert [stage.took for stage in told.stages] == ["refused"] + ["–"] * 3


@pytest.mark.parametrize(
    ("status", "code", "is_over", "is_cancellable"),
    [
        (Status.QUEUED, "", False, True),
        (Status.DISPATCHING, "", False, False),
        (Status.UNKNOWN, "outcome_unknown", False, False),
        (Status.UNCONFIRMED, "no_completion", False, False),
        (Status.COMPLETED, "", True, False),
    ],
)
def test_the_page_asks_on_until_it_is_over(status: Status, code: str, is_over: bool, is_cancellable: bool):
    told = story(an_injection(status, code))
    assert (told.is_over, told.is_cancellable) == (is_over, is_cancellable)


def test_what_a_person_found_is_not_shown_as_the_platform_s_word():
    told = story(an_injection(Status.COMPLETED, checked_ms=58.0, sent_ms=62.0, sent_at=NOW, ended_at=NOW))
    assert told.badge.words == "Found to be played"
    assert [stage.is_done for stage in told.stages if stage.words == "Accepted"] == [False]
