"""One person has one name in the log, whatever they did; it finds all that they did."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from audit.entry import Actor
from audit.models import AuditRecord
from audit.selectors import search
from injections.roles import Role
from tests.audit.desk import LIST, page_of

pytestmark = pytest.mark.django_db
Record = Callable[..., AuditRecord]


@pytest.fixture
def busy(person: Callable[..., Any], record: Record) -> Any:
    """Return a compliance officer who logged in, was refused, searched, looked, and logged out."""
    from bargeportal.demo import seed_roles

    seed_roles()
    user = person("compliance", Role.COMPLIANCE)
    user.is_staff = True
    user.save()
    client = Client()
    client.post("/login/", {"username": "compliance", "password": "compliance"})
    client.get(LIST, {"q": "bell"})
    client.get(page_of(record()))
    client.get("/clips/upload/")
    client.get("/admin/auth/user/")
    client.post("/logout/")
    return user


def test_every_path_records_the_full_name(busy: Any):
    written = AuditRecord.objects.filter(actor_kind="user", actor_id=str(busy.pk)).order_by("id")
    assert [item.action for item in written] == [
        "session.opened",
        "audit.searched",
        "audit.viewed",
        "access.refused",
        "access.refused",
        "session.closed",
    ]
    assert {item.actor_name for item in written} == {"Compliance Example"}
    assert all(item.summary.startswith("Compliance Example ") for item in written)


@pytest.mark.parametrize("name", ["Compliance Example", "compliance example", "compliance", "COMPLIANCE"])
def test_full_name_and_username_find_the_same_acts(busy: Any, record: Record, name: str):
    # As it was recorded before the person had a full name.
    earlier = record(actor=Actor(kind="user", id=str(busy.pk), name="old-name"), summary="Something earlier.")
    by_id = set(AuditRecord.objects.filter(actor_id=str(busy.pk)))
    assert earlier in by_id
    assert by_id <= set(search(text=name))
    assert set(search(actor=name)) == by_id


def test_another_kind_of_actor_with_the_same_id_is_not_taken_for_the_person(busy: Any, record: Record):
    other = record(actor=Actor(kind="platform", id=str(busy.pk), name="Genesys Cloud"), summary="It rang.")
    assert other not in set(search(text="compliance"))


def test_a_person_without_a_full_name_goes_by_the_username(django_user_model: Any):
    client = Client()
    client.force_login(django_user_model.objects.create_user("dialler", password="dialler"))
    client.get("/clips/")
    assert {item.actor_name for item in AuditRecord.objects.all()} == {"dialler"}
