"""Identifiers sort by time."""

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122

from hypothesis import given
from hypothesis import strategies as st

from audit.uuid7 import first_uuid7, uuid7

times = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis adds the zone
randoms = st.integers(0, 2**62 - 1)


@given(times, randoms)
def test_version_and_variant_are_those_of_the_rfc(at: datetime, randomness: int):
    identifier = uuid7(at=at, randomness=randomness)
    assert (identifier.version, identifier.variant) == (7, RFC_4122)


def test_the_vector_of_the_rfc_is_met_up_to_its_random_part():
    at = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)  # RFC 9562 appendix A.6
    assert str(uuid7(at=at, randomness=0)).startswith("017f22e2-79b0-7")


@given(times, times, randoms, randoms)
def test_a_later_microsecond_gives_a_greater_identifier(a: datetime, b: datetime, x: int, y: int):
    if a < b:
        assert uuid7(at=a, randomness=x) < uuid7(at=b, randomness=y)


@given(times, randoms)
def test_the_first_of_a_time_bounds_all_of_it(at: datetime, randomness: int):
    assert first_uuid7(at=at) <= uuid7(at=at, randomness=randomness)


def test_a_time_before_the_epoch_bounds_everything():
    assert first_uuid7(at=datetime(1, 1, 1, tzinfo=UTC)) == first_uuid7(at=datetime(1970, 1, 1, tzinfo=UTC))


def test_a_microsecond_apart_is_told_apart():
    at = datetime(2026, 11, 22, tzinfo=UTC)
    identifiers = [first_uuid7(at=at + timedelta(microseconds=n)) for n in range(2000)]
    assert identifiers == sorted(set(identifiers))
