"""Fixtures of the audit log's tests."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from audit.entry import Entry
from tests.audit.desk import logged_in
from tests.audit.flush import flush_past_the_guards  # noqa: F401  a fixture
from tests.audit.samples import entry_of


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
