"""The watch sees what it must: else the tests beside it could not fail."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import transaction

from tests.audit.conftest import record  # noqa: F401  a fixture
from tests.coverage_of_the_log.watch import watched

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_write_without_a_record_is_seen() -> None:
    with watched() as writes:
        Group.objects.create(name="quiet")
    assert [sql.split()[2] for sql in writes.unrecorded()] == ['"auth_group"']


def test_a_record_of_another_transaction_does_not_cover_it(record: Callable[..., Any]) -> None:  # noqa: F811
    with watched() as writes:
        Group.objects.create(name="quiet")
        record()
    assert [sql.split()[2] for sql in writes.unrecorded()] == ['"auth_group"']


def test_a_record_in_the_same_transaction_does(record: Callable[..., Any]) -> None:  # noqa: F811
    with watched() as writes, transaction.atomic():
        Group.objects.create(name="loud")
        record()
    assert (writes.unrecorded(), len(writes.committed)) == ([], 1)


def test_what_is_rolled_back_was_never_written() -> None:
    with watched() as writes, transaction.atomic():
        Group.objects.create(name="gone")
        transaction.set_rollback(True)
    assert writes.committed == []
