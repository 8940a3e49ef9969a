from datetime import UTC, datetime, timedelta

import pytest

from injections.web import words

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("+13175550142", "+1 317 ••• 0142"),
        ("tel:+13175550142", "+1 317 ••• 0142"),
        ("+44 20 7946 0958", "+44 ••• 0958"),
        ("02079460958", "••• 0958"),
    ],
)
def test_a_number_shows_where_it_is_from_and_its_end(address: str, shown: str):
    assert words.masked_number(address) == shown


@pytest.mark.parametrize("address", ["", "anonymous", "sip:alice5551234567@example.com", "42", "1" * 40])
def test_what_is_no_telephone_number_is_not_shown(address: str):
    assert words.masked_number(address) == "Number withheld"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "00:00"), (252.9, "04:12"), (3852, "1:04:12"), (-5, "00:00")]
)
def test_a_running_time_reads_like_a_clock(seconds: float, shown: str):
    assert words.clock(seconds) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(7, "7 s"), (252, "4 min 12 s"), (3700, "1 h 1 min")])
def test_a_running_time_can_be_said(seconds: float, shown: str):
    assert words.spoken(seconds) == shown


@pytest.mark.parametrize(("ms", "shown"), [(120, "0:01"), (7543, "0:08"), (61_000, "1:01")])
def test_a_recording_is_never_zero_seconds_long(ms: int, shown: str):
    assert words.length(ms) == shown


@pytest.mark.parametrize(("ms", "shown"), [(None, "–"), (0.0, "0 ms"), (58.4, "58 ms"), (3246, "3.2 s")])
def test_a_stage_of_no_time_differs_from_one_that_never_came(ms: float | None, shown: str):
    assert words.milliseconds(ms) == shown


@pytest.mark.parametrize(("count", "shown"), [(999, "999 bytes"), (22_100, "22 kB"), (2_500_000, "2.5 MB")])
def test_a_size_has_the_unit_a_person_would_choose(count: int, shown: str):
    assert words.size(count) == shown


def test_an_age_is_never_negative_when_clocks_differ():
    assert words.seconds_since(NOON + timedelta(seconds=3), now=NOON) == 0


def test_a_waveform_has_a_stroke_for_each_peak_within_its_box():
    assert words.waveform_path([0, 100, 250]) == "M1 48v4M3 0v100M5 0v100"


@pytest.mark.parametrize(("text", "shown"), [("on hold", "On hold."), ("Really?", "Really?"), (" ", "")])
def test_a_sentence_begins_and_ends_like_one(text: str, shown: str):
    assert words.sentence(text) == shown
