"""Each part of the portal with a word, a shape, and what to do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from injections.gate import GateView
from injections.selectors import Feed, StatusSummary
from injections.web.standing import standing
from injections.web.watchdog import Line, lines

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
WELL = StatusSummary(
    feed=Feed(age_s=1.0, problem="", heard_s=12.0),
    live_calls=40,
    waiting=0,
    oldest_due_at=None,
    unknown=0,
    unconfirmed=0,
    left_behind=0,
    qa_waiting=0,
    qa_failed=0,
    oldest_qa_at=None,
    registered_at=NOW - timedelta(seconds=30),
    registration_problem="",
)
CLEAR = GateView(False, None, "", 300, 212, NOW.timestamp() + 14)
SINCE = NOW.timestamp() - 60


def told(name: str, gate: GateView = CLEAR, **changes: Any) -> Line:
    stands = standing(gate, now=NOW, patience_s=20)
    return next(line for line in lines(replace(WELL, **changes), stands, now=NOW) if line.name == name)


def test_a_portal_that_fares_well_is_green_throughout():
    stands = standing(CLEAR, now=NOW, patience_s=20)
    assert {line.badge.hue for line in lines(WELL, stands, now=NOW)} == {"go"}


TROUBLES: list[tuple[str, dict[str, Any], str, str]] = [
    ("Genesys Cloud", {"feed": Feed(None, "")}, "caution", "Not heard yet"),
    ("Genesys Cloud", {"feed": Feed(90.0, "")}, "caution", "Silent"),
    ("Genesys Cloud", {"feed": Feed(1.0, "rejected")}, "stop", "Trouble"),
    ("Call watcher", {"feed": Feed(1.0, "", heard_s=90.0)}, "caution", "Slow"),
    ("Call watcher", {"feed": Feed(1.0, "")}, "caution", "Slow"),
    ("Genesys Cloud", {"gate": replace(CLEAR, is_open=True, opened_at=SINCE)}, "stop", "Failing"),
    (
        "Genesys Cloud",
        {"gate": replace(CLEAR, is_open=True, opened_at=SINCE, forced_by="Ada")},
        "plain",
        "Not asked",
    ),
    ("Call watcher", {"feed": Feed(None, "")}, "caution", "No snapshot"),
    ("Call watcher", {"feed": Feed(90.0, "")}, "caution", "Behind"),
    ("Requests to Genesys", {"gate": replace(CLEAR, is_open=True, opened_at=SINCE)}, "stop", "Held back"),
    (
        "Requests to Genesys",
        {"gate": replace(CLEAR, is_open=True, opened_at=SINCE, forced_by="Ada")},
        "stop",
        "Held back by hand",
    ),
    ("Requests to Genesys", {"gate": replace(CLEAR, is_known=False)}, "caution", "Not known"),
    ("Request limit", {"gate": replace(CLEAR, left=0)}, "caution", "Used up"),
    ("Request limit", {"gate": replace(CLEAR, left=20)}, "caution", "Scarce"),
    ("Waiting injections", {"waiting": 4, "oldest_due_at": NOW - timedelta(seconds=9)}, "caution", "Late"),
    ("Unknown outcomes", {"unknown": 2}, "unknown", "2"),
    ("Ends not reported", {"unconfirmed": 3}, "unknown", "3"),
    ("Interrupted tries", {"left_behind": 1}, "caution", "1"),
    ("Events to QA", {"qa_failed": 5, "oldest_qa_at": NOW}, "caution", "5 failed"),
    ("Events to QA", {"qa_waiting": 5, "oldest_qa_at": NOW - timedelta(minutes=2)}, "caution", "Late"),
    ("Reports of the end", {"registration_problem": "refused"}, "caution", "Not registered"),
    ("Reports of the end", {"registered_at": NOW - timedelta(minutes=6)}, "caution", "Not confirmed"),
    ("Reports of the end", {"registered_at": None}, "plain", "Not yet known"),
]


@pytest.mark.parametrize(("name", "changes", "hue", "words"), TROUBLES, ids=lambda value: str(value)[:20])
def test_each_trouble_has_a_hue_a_shape_a_word_and_a_remedy(
    name: str, changes: dict[str, Any], hue: str, words: str
):
    line = told(name, **changes)
    assert (line.badge.hue, line.badge.words) == (hue, words)
    assert line.badge.shape
    assert line.words
    if line.name != "Request limit" or hue == "go":
        assert line.remedy


def test_what_waits_without_a_time_is_still_counted():
    assert told("Waiting injections", waiting=4).badge.words == "4"


def test_what_waits_in_good_time_is_no_trouble():
    line = told("Waiting injections", waiting=4, oldest_due_at=NOW + timedelta(seconds=2))
    assert (line.badge.hue, line.badge.words) == ("plain", "4")


def test_an_open_breaker_says_since_when():
    line = told("Requests to Genesys", replace(CLEAR, is_open=True, opened_at=SINCE))
    assert "11:59:00 UTC" in line.words


def test_a_breaker_opened_by_a_name_with_markup_stays_text():
    line = told("Requests to Genesys", replace(CLEAR, is_open=True, opened_at=SINCE, forced_by="<b>x"))
    assert "&lt;b&gt;x holds" in line.words


def test_what_an_administrator_holds_back_is_laid_to_nobody_else():
    held = replace(CLEAR, is_open=True, opened_at=SINCE, forced_by="Ada Lovelace")
    feed = Feed(40.0, "Requests to Genesys Cloud are held back.", heard_s=12.0)
    platform, watcher = told("Genesys Cloud", held, feed=feed), told("Call watcher", held, feed=feed)
    assert "Ada Lovelace holds every request" in platform.words
    assert "credentials" not in platform.remedy
    assert (watcher.badge.hue, watcher.badge.words) == ("plain", "Not reading")


def test_calls_that_cannot_be_read_are_not_shown_as_live():
    feed = Feed(60.0, "The platform is overloaded or under maintenance.", heard_s=1.0)
    assert told("Call watcher", feed=feed).badge.hue == "caution"
    assert "see Genesys Cloud above" in told("Call watcher", feed=feed).remedy
