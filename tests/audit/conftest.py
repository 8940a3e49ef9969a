"""Fixtures of the audit log's tests."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from audit.entry import Entry
from tests.audit.desk import logged_in
from tests.audit.flush import flush_past_the_guards  # noqa: F401  a fixture
from tests.audit.samples import entry_of


def pytest_configure(config: pytest.Config) -> None:
    """Register the counterpart of the marker `postgres`."""
    config.addinivalue_line("markers", "sqlite: needs SQLite as the database under test")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs the other database: the suite runs once for each."""
    other = "sqlite" if connection.vendor == "postgresql" else "postgres"
    left_out = [item for item in items if item.get_closest_marker(other) is not None]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item.get_closest_marker(other) is None]


@pytest.fixture
def record(db: None) -> Callable[..., Any]:
    """Return a function that appends one entry made by `entry_of`, in a transaction of its own."""
    from django.db import transaction

    from audit.services import append

    def append_one(**given: Any) -> Any:
        entry: Entry = entry_of(**given)
        with transaction.atomic():
            return append(entry)

    return append_one


@pytest.fixture
def officer(db: None, django_user_model: Any) -> Client:
    """Return a browser of somebody who may read the log."""
    return logged_in(django_user_model, "grace", "view_auditrecord")
