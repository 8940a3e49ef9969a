import pytest

from injections.reasons import REASONS
from injections.web.reason_words import remedy, why


@pytest.mark.parametrize("code", ["attributes_missing", "consent_missing"])
def test_a_missing_consent_has_one_name_on_every_page(code: str):
    assert why(code, REASONS[code].sentence) == "No consent on record"
    assert "participant" not in remedy(code)


def test_what_has_no_words_of_ours_is_told_as_it_came_each_sentence_once():
    error = "The state could not be verified. It is late. The state could not be verified."
    assert why("upstream_unreachable", error) == "The state could not be verified. It is late."


@pytest.mark.parametrize("code", REASONS)
def test_a_remedy_does_not_repeat_what_it_means_for_the_call(code: str):
    assert "Nothing was played" not in remedy(code)


def test_what_happened_does_not_repeat_what_it_means():
    error = "The platform refused the command. Nothing was played. Correct what is named."
    assert why("upstream_refused", error) == "The platform refused the command. Correct what is named."


def test_a_lost_answer_is_told_in_one_sentence():
    told = why(
        "outcome_unknown", "The platform gave no clear answer. It is not sent again; wait for its outcome."
    )
    assert told.count(".") == 0
    assert "may have been started" in told
