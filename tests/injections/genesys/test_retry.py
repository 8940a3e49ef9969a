"""When to try again: only what was provably not accepted, at most three times, never past the deadline."""

from datetime import UTC, datetime, timedelta

import pytest

from injections.genesys.errors import (
    Ambiguous,
    CredentialsRejected,
    NotSent,
    RateLimited,
    Refused,
    Unavailable,
)
from injections.genesys.retry import GiveUp, Retry, backoff_s, decide, parse_retry_after

NOW = datetime(2026, 11, 22, 8, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("42", 42.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("Sun, 22 Nov 2026 08:00:30 GMT", 30.0),
        ("Sunday, 22-Nov-26 08:00:30 GMT", 30.0),
        ("Sun Nov 22 08:00:30 2026", 30.0),
        ("Sun, 22 Nov 2026 07:00:00 GMT", 0.0),
    ],
)
def test_both_forms_of_retry_after_are_read(value, seconds):
    assert parse_retry_after(value, now=NOW) == seconds


@pytest.mark.parametrize(
    "value", [None, "", "soon", "-5", "1.5", "٣", "1e3", "9" * 40, "Sun, 99 Nov 2026 08:00:30 GMT", "\x00"]
)
def test_a_retry_after_that_makes_no_sense_is_none(value):
    assert parse_retry_after(value, now=NOW) is None


@pytest.mark.parametrize(("tries", "middle"), [(1, 1.0), (2, 2.0), (3, 4.0)])
def test_the_wait_doubles_and_jitters_by_a_quarter(tries, middle):
    waits = [backoff_s(tries, jitter=jitter) for jitter in (0.0, 0.5, 1.0)]
    assert waits == [0.75 * middle, middle, 1.25 * middle]


def decided(error, *, tries=1, left=20.0, jitter=0.5):
    return decide(error, tries=tries, now=NOW, deadline=NOW + timedelta(seconds=left), jitter=jitter)


@pytest.mark.parametrize("kind", [NotSent, RateLimited, Unavailable])
def test_what_was_not_accepted_is_sent_again(kind):
    assert decided(kind("…")) == Retry(1.0)


def test_the_platform_s_own_wait_comes_before_ours():
    assert decided(RateLimited("…", retry_after=7.0)) == Retry(7.0)


def test_a_wait_of_zero_is_a_wait_and_not_an_absence():
    assert decided(RateLimited("…", retry_after=0.0)) == Retry(0.0)


def test_what_may_have_arrived_is_never_sent_again():
    assert decided(Ambiguous("…")) == GiveUp("unknown")


def test_doubt_outweighs_everything_that_would_allow_a_retry():
    assert decided(Unavailable("…", may_have_been_sent=True)) == GiveUp("unknown")


@pytest.mark.parametrize(
    "error", [Refused("…"), CredentialsRejected("…"), Ambiguous("…", may_have_been_sent=False)]
)
def test_what_waiting_does_not_help_has_failed(error):
    assert decided(error) == GiveUp("failed")


def test_three_tries_are_all():
    assert decided(NotSent("…"), tries=2) == Retry(2.0)
    assert decided(NotSent("…"), tries=3) == GiveUp("exhausted")


def test_a_wait_that_ends_after_the_deadline_is_not_begun():
    assert decided(RateLimited("…", retry_after=42.0), left=20.0) == GiveUp("expired")


def test_a_wait_that_ends_exactly_at_the_deadline_is_too_long():
    assert decided(RateLimited("…", retry_after=20.0), left=20.0) == GiveUp("expired")


def test_a_deadline_that_has_passed_expires():
    assert decided(NotSent("…"), left=-1.0) == GiveUp("expired")
