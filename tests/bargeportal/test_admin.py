from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from audit.models import AuditRecord
from bargeportal import demo
from bargeportal.rights import seed_roles
from injections.callers import system_caller
from injections.models import Queue
from injections.roles import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client) -> Client:
    """Return the demo's administrator, logged in."""
    seed_roles()
    demo.seed_people(password="a-demo-password", by=system_caller(where="a test"))
    demo.seed_queues(by=system_caller(where="a test"))
    client.force_login(User.objects.get(username="admin"))
    return client


def form_of(answer: Any) -> dict[str, Any]:
    """Return the fields of the admin's form as the page holds them."""
    form = answer.context["adminform"].form
    fields = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in fields.items() if value not in (None, False, "")}


def test_a_new_supervisor_of_a_queue_is_recorded_with_before_and_after(admin: Client) -> None:
    queue = Queue.objects.get(name="Fraud desk")
    supervisor = User.objects.get(username="supervisor")
    answer = admin.post(
        f"/admin/injections/queue/{queue.pk}/change/", {"name": queue.name, "supervisors": [supervisor.pk]}
    )
    assert answer.status_code == 302
    record = AuditRecord.objects.get(action="queue.changed")
    assert '"before":{"name":"Fraud desk","supervisors":[]}' in record.body
    assert '"after":{"name":"Fraud desk","supervisors":["Sofia Marin (supervisor)"]}' in record.body
    assert record.summary == "Adrian Kowalski changed the queue Fraud desk: supervisors."


def test_only_supervisors_are_offered_as_supervisors_of_a_queue(admin: Client, person: Any) -> None:
    machine = person("dialler", Role.API_CLIENT)
    queue = Queue.objects.get(name="Fraud desk")
    path = f"/admin/injections/queue/{queue.pk}/change/"
    offered = admin.get(path).context["adminform"].form.fields["supervisors"].queryset
    assert [user.username for user in offered] == ["supervisor"]
    answer = admin.post(path, {"name": queue.name, "supervisors": [machine.pk]})
    assert answer.status_code == 400
    assert not queue.supervisors.exists()


def test_a_new_role_of_a_person_is_recorded(admin: Client) -> None:
    person = User.objects.get(username="audioadmin")
    path = f"/admin/auth/user/{person.pk}/change/"
    fields = form_of(admin.get(path)) | {"groups": [Group.objects.get(name="supervisor").pk]}
    assert admin.post(path, fields).status_code == 302
    record = AuditRecord.objects.get(action="user.changed")
    assert '"roles":["supervisor"]' in record.body
    assert record.summary == "Adrian Kowalski changed the user Aiko Lindqvist (audioadmin): roles."


def test_nobody_can_be_made_a_superuser(admin: Client) -> None:
    person = User.objects.get(username="audioadmin")
    path = f"/admin/auth/user/{person.pk}/change/"
    admin.post(path, form_of(admin.get(path)) | {"is_superuser": "on", "user_permissions": ["1"]})
    person.refresh_from_db()
    assert not person.is_superuser
    assert person.user_permissions.count() == 0


def test_a_changed_password_is_recorded_without_it(admin: Client) -> None:
    person = User.objects.get(username="audioadmin")
    fields = {
        "password1": "a-new-demo-password",
        "password2": "a-new-demo-password",
        "usable_password": "true",
    }
    assert admin.post(f"/admin/auth/user/{person.pk}/password/", fields).status_code == 302
    record = AuditRecord.objects.get(action="user.changed")
    assert "a-new-demo-password" not in record.body
    assert record.summary == "Adrian Kowalski changed the user Aiko Lindqvist (audioadmin): password."


@pytest.mark.parametrize("path", ["/admin/auth/group/add/", "/admin/audit/auditrecord/"])
def test_an_administrator_has_no_way_to_roles_or_the_log(admin: Client, path: str) -> None:
    assert admin.get(path).status_code == 403


def test_a_supervisor_cannot_enter(admin: Client) -> None:
    admin.force_login(User.objects.get(username="supervisor"))
    assert admin.get("/admin/").status_code == 403


def test_the_role_alone_opens_the_administration(admin: Client) -> None:
    User.objects.filter(username="admin").update(is_staff=False)
    assert admin.get("/admin/").status_code == 200


def test_people_are_listed_and_offered_by_the_names_that_people_know(admin: Client) -> None:
    listed = admin.get("/admin/auth/user/").content.decode()
    assert "Aiko Lindqvist (audioadmin)" in listed
    assert "audio admin" in listed
    queue = Queue.objects.get(name="Cards")
    offered = admin.get(f"/admin/injections/queue/{queue.pk}/change/").content.decode()
    assert "Sofia Marin (supervisor)" in offered
    assert "/admin/auth/user/add/" not in offered


def test_the_list_of_people_asks_for_all_their_roles_at_once(
    admin: Client, person: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        person(f"person{number}", Role.SUPERVISOR)
    with django_assert_max_num_queries(20):
        admin.get("/admin/auth/user/")


def test_of_a_password_nothing_is_shown_but_that_it_is_set(admin: Client) -> None:
    person = User.objects.get(username="audioadmin")
    page = admin.get(f"/admin/auth/user/{person.pk}/change/").content.decode()
    assert "Is set." in page
    assert "Set another password" in page
    for told in ("argon2", "salt", "hash", person.password[-20:-14]):
        assert told not in page
    person.set_unusable_password()
    person.save()
    assert "None is set" in admin.get(f"/admin/auth/user/{person.pk}/change/").content.decode()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/admin/auth/user/", "<h1>People</h1>"),
        ("/admin/auth/group/", "<h1>Roles</h1>"),
        ("/admin/injections/queue/", "<h1>Queues</h1>"),
    ],
)
def test_the_pages_are_named_as_the_portal_names_things(admin: Client, path: str, words: str) -> None:
    page = admin.get(path).content.decode()
    assert words in page
    assert "Authentication and Authorization" not in page
    assert "_admin" not in page.replace("django_admin", ""), "a role is told in words"


def test_what_became_of_a_row_is_told_by_the_log_alone(admin: Client) -> None:
    person = User.objects.get(username="audioadmin")
    page = f"/admin/auth/user/{person.pk}/change/"
    assert "history" not in admin.get(page).content.decode()
    answer = admin.get(f"/admin/auth/user/{person.pk}/history/")
    assert (answer.status_code, answer["Location"]) == (302, page)


def test_the_list_of_queues_names_their_supervisors(admin: Client) -> None:
    assert "Sofia Marin (supervisor)" in admin.get("/admin/injections/queue/").content.decode()


@pytest.mark.parametrize(
    "path", ["auth/user/7777", "auth/user/nonsense", "injections/queue/1", "auth/group/0"]
)
def test_what_is_not_there_is_answered_as_not_found(admin: Client, path: str) -> None:
    assert admin.get(f"/admin/{path}/change/").status_code == 404


def test_a_new_person_is_added_and_recorded(admin: Client) -> None:
    fields = {"username": "maya", "password1": "a-demo-password-7", "password2": "a-demo-password-7"}
    assert admin.post("/admin/auth/user/add/", fields).status_code == 302
    record = AuditRecord.objects.get(action="user.added", summary="Adrian Kowalski added the user maya.")
    assert "a-demo-password-7" not in record.body
    assert User.objects.get(username="maya").check_password("a-demo-password-7")


def test_a_new_person_without_anything_is_refused_field_by_field(admin: Client) -> None:
    answer = admin.post("/admin/auth/user/add/", {})
    assert answer.status_code == 400
    assert answer.content.decode().count("This field is required.") == 3


def test_two_passwords_that_differ_are_refused(admin: Client) -> None:
    person = User.objects.get(username="audioadmin")
    fields = {"password1": "a-new-demo-password", "password2": "another", "usable_password": "true"}
    assert admin.post(f"/admin/auth/user/{person.pk}/password/", fields).status_code == 400
    assert not AuditRecord.objects.filter(action="user.changed").exists()
