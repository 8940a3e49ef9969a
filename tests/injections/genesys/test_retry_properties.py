"""The retry predicate over all that it could be asked: what it may never say, whatever went wrong and whenever."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injections.genesys import errors
from injections.genesys.errors import GenesysError
from injections.genesys.retry import MAX_TRIES, GiveUp, Retry, backoff_s, decide, parse_retry_after

KINDS = tuple(
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, GenesysError)
)
NEVER_ACCEPTED = (errors.NotSent, errors.RateLimited, errors.Unavailable)

# From the past to far beyond any deadline; the platform may say anything.
waits = st.none() | st.floats(0, 1e9, allow_nan=False)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
left = st.floats(-3600, 3600, allow_nan=False)
jitters = st.floats(0, 1, allow_nan=False)
tries = st.integers(1, 10)


@st.composite
def failures(draw: st.DrawFn, kinds: Any = KINDS) -> GenesysError:
    """Any error, with any decision overridden that an error can carry."""
    error: GenesysError = draw(st.sampled_from(kinds))(
        "…",
        retryable=draw(st.none() | st.booleans()),
        may_have_been_sent=draw(st.none() | st.booleans()),
        retry_after=draw(waits),
        status=draw(st.none() | st.integers(100, 599)),
    )
    return error


@st.composite
def questions(draw: st.DrawFn, error: Any = failures()) -> dict[str, Any]:  # noqa: B008  a strategy is a value
    """Everything that the predicate is asked."""
    now = draw(moments)
    return {
        "error": draw(error),
        "tries": draw(tries),
        "now": now,
        "deadline": now + timedelta(seconds=draw(left)),
        "jitter": draw(jitters),
    }


def _decided(question: dict[str, Any]) -> Retry | GiveUp:
    return decide(question["error"], **{name: value for name, value in question.items() if name != "error"})


@given(questions())
def test_what_may_have_been_sent_is_never_sent_again(question: dict[str, Any]) -> None:
    if question["error"].may_have_been_sent:
        assert _decided(question) == GiveUp("unknown")


@given(questions())
def test_only_what_is_in_doubt_is_called_so(question: dict[str, Any]) -> None:
    # `unknown` costs a person's time: what provably was not accepted must not end there.
    if not question["error"].may_have_been_sent:
        assert _decided(question) != GiveUp("unknown")


@given(questions())
def test_what_waiting_does_not_help_is_not_sent_again(question: dict[str, Any]) -> None:
    if not question["error"].retryable:
        assert isinstance(_decided(question), GiveUp)


@given(questions())
def test_three_tries_are_never_exceeded(question: dict[str, Any]) -> None:
    if question["tries"] >= MAX_TRIES:
        assert isinstance(_decided(question), GiveUp)


@given(questions())
def test_no_wait_ends_at_or_after_the_deadline(question: dict[str, Any]) -> None:
    verdict = _decided(question)
    if isinstance(verdict, Retry):
        assert question["now"] + timedelta(seconds=verdict.delay_s) <= question["deadline"]
        assert verdict.delay_s < (question["deadline"] - question["now"]).total_seconds()


@given(questions())
def test_nothing_is_sent_again_earlier_than_the_platform_asks_for(question: dict[str, Any]) -> None:
    verdict, asked = _decided(question), question["error"].retry_after
    if isinstance(verdict, Retry) and asked is not None:
        assert verdict.delay_s == asked


@given(questions())
def test_every_wait_is_a_wait(question: dict[str, Any]) -> None:
    verdict = _decided(question)
    if isinstance(verdict, Retry):
        assert verdict.delay_s >= 0


@given(questions(failures(NEVER_ACCEPTED)))
def test_what_may_be_tried_again_and_can_start_in_time_is(question: dict[str, Any]) -> None:
    error = question["error"]
    longest_s = backoff_s(question["tries"], jitter=1.0) if error.retry_after is None else error.retry_after
    in_time = longest_s < (question["deadline"] - question["now"]).total_seconds()
    if error.retryable and not error.may_have_been_sent and question["tries"] < MAX_TRIES and in_time:
        assert isinstance(_decided(question), Retry)


@given(tries, jitters)
def test_the_own_wait_stays_within_a_quarter_of_its_doubling(made: int, jitter: float) -> None:
    middle = 2.0 ** (made - 1)
    assert 0.75 * middle <= backoff_s(made, jitter=jitter) <= 1.25 * middle


@given(st.integers(0, 999_999_999), moments)
def test_seconds_are_read_as_they_stand(seconds: int, now: datetime) -> None:
    assert parse_retry_after(str(seconds), now=now) == float(seconds)


@given(moments, st.integers(-7200, 7200))
def test_a_date_is_the_wait_until_it(now: datetime, ahead_s: int) -> None:
    moment = now.replace(microsecond=0) + timedelta(seconds=ahead_s)
    expected = max(0.0, (moment - now).total_seconds())
    assert parse_retry_after(format_datetime(moment, usegmt=True), now=now) == expected


@given(st.text(max_size=60) | st.text("0123456789 :,-+SunNovGMT", max_size=40), moments)
def test_no_header_brings_the_reader_down_or_yields_a_negative_wait(text: str, now: datetime) -> None:
    wait_s = parse_retry_after(text, now=now)
    assert wait_s is None or wait_s >= 0


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_error_has_its_own_decision(kind: type[GenesysError]) -> None:
    # A new kind has to say where it belongs: sent again, in doubt, or neither; never both.
    error = kind("…")
    assert not (error.retryable and error.may_have_been_sent)
    assert error.retryable == (kind in {*NEVER_ACCEPTED, errors.ChannelLost})
