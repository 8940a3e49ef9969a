"""Who may not enter the admin is told so in the portal's words, and every attempt is on record."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from audit.models import AuditRecord
from injections.roles import Role
from tests.audit.desk import LIST, logged_in

pytestmark = pytest.mark.django_db


def _refusals() -> list[AuditRecord]:
    return list(AuditRecord.objects.filter(outcome="refused").order_by("id"))


@pytest.fixture
def outside(person: Callable[..., Any]) -> Callable[[Role], Client]:
    """Return a maker of browsers of people whose role has nothing in the admin."""

    def make(role: Role) -> Client:
        client = Client()
        client.force_login(person("somebody", role))
        return client

    return make


@pytest.mark.parametrize("path", ["/admin/", LIST, "/admin/auth/user/"])
@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.AUDIO_ADMIN, Role.CLIP_APPROVER])
def test_another_role_gets_the_portals_own_page_and_the_attempt_is_recorded(
    outside: Callable[[Role], Client], role: Role, path: str
):
    answer = outside(role).get(path)
    assert answer.status_code == 403
    page = answer.content.decode()
    assert "Your role may not do this" in page
    assert "different account" not in page
    (written,) = _refusals()
    assert (written.action, written.reason_code) == ("access.refused", "not_permitted")
    assert written.summary == f"Somebody Example may not open {path}."
    assert written.actor_role == role.value


def test_the_admins_login_sends_whoever_is_logged_in_to_the_refusal(outside: Callable[[Role], Client]):
    answer = outside(Role.SUPERVISOR).get("/admin/login/?next=/admin/", follow=True)
    assert answer.status_code == 403
    assert len(_refusals()) == 1


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/"])
def test_whoever_is_not_logged_in_meets_the_portals_own_login(client: Client, path: str):
    assert client.get(path).headers["Location"] == "/login/?next=/admin/".replace(
        "=/admin/", "=%2Fadmin%2F" if path == "/admin/" else "=/admin/"
    )
    assert _refusals() == []


def test_a_table_of_another_role_is_refused_on_record(officer: Client):
    assert officer.get("/admin/auth/user/").status_code == 403
    assert [written.action for written in _refusals()] == ["access.refused"]


def test_an_attempt_to_remove_a_record_is_refused_on_record(
    record: Callable[..., AuditRecord], officer: Client
):
    path = f"{LIST}{record().pk}/delete/"
    assert officer.post(path, {"post": "yes"}).status_code == 403
    assert [written.summary for written in _refusals()] == [f"grace may not change anything by {path}."]


def test_a_refused_search_is_recorded_once(django_user_model: Any):
    logged_in(django_user_model, "eve").get(LIST, {"q": "bell"})
    assert [written.action for written in _refusals()] == ["audit.searched"]


def test_whoever_may_enter_is_let_in_without_a_word(officer: Client):
    assert Permission.objects.filter(codename="view_auditrecord").exists()
    assert officer.get("/admin/").status_code == 200
    assert officer.get("/admin/login/").headers["Location"] == "/admin/"
    assert _refusals() == []
