"""Lets the tests that commit empty the database afterwards, in spite of the guards of the audit log.

Use it by importing the fixture `flush_past_the_guards` into a conftest.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TransactionTestCase

from audit import guards


@contextmanager
def suspended(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Take the guards away and put them back. Nothing but a test may do this."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for table in guards.TABLES:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        else:
            for name in guards.SQLITE_TRIGGERS:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
    try:
        yield
    finally:
        guards.install(connection)


@pytest.fixture(autouse=True, scope="session")
def flush_past_the_guards() -> Iterator[None]:
    """Suspend the guards while Django empties the database after a test that commits."""
    flush = TransactionTestCase._fixture_teardown

    def flush_unguarded(self: Any) -> None:
        with suspended(connections["default"]):
            flush(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", flush_unguarded)
        yield
