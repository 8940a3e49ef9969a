import uuid
from typing import Any

import pytest
from django.test import Client

from injections.roles import Role
from tests.factories import UserFactory
from tests.injections.web.conftest import HTMX, records

ONE = uuid.uuid4()
LOOKS = {
    "/calls/rows/": {Role.SUPERVISOR},
    f"/calls/{ONE}/": {Role.SUPERVISOR},
    f"/calls/{ONE}/facts/": {Role.SUPERVISOR},
    "/injections/": {Role.SUPERVISOR, Role.COMPLIANCE, Role.API_CLIENT},
    "/injections/doubts/": {Role.SUPERVISOR, Role.COMPLIANCE, Role.API_CLIENT},
    f"/injections/{ONE}/": {Role.SUPERVISOR, Role.COMPLIANCE, Role.API_CLIENT},
    "/clips/": {Role.SUPERVISOR, Role.AUDIO_ADMIN, Role.CLIP_APPROVER, Role.COMPLIANCE},
    f"/clips/{ONE}/": {Role.SUPERVISOR, Role.AUDIO_ADMIN, Role.CLIP_APPROVER, Role.COMPLIANCE},
    "/clips/upload/": {Role.AUDIO_ADMIN},
    "/status/": set(Role) - {Role.API_CLIENT},
    "/status/breaker/": {Role.ADMINISTRATOR},
    "/deliveries/": {Role.COMPLIANCE, Role.ADMINISTRATOR},
}
ACTS = {
    f"/calls/{ONE}/arm/": {Role.SUPERVISOR},
    f"/calls/{ONE}/disarm/": {Role.SUPERVISOR},
    f"/calls/{ONE}/fire/": {Role.SUPERVISOR},
    f"/calls/{ONE}/pressed/": {Role.SUPERVISOR},
    f"/injections/{ONE}/cancel/": {Role.SUPERVISOR, Role.API_CLIENT},
    f"/injections/{ONE}/settle/": {Role.COMPLIANCE},
    "/status/breaker/open/": {Role.ADMINISTRATOR},
    "/status/breaker/close/": {Role.ADMINISTRATOR},
    "/deliveries/7/resend/": {Role.COMPLIANCE, Role.ADMINISTRATOR},
    f"/clips/{ONE}/approve/": {Role.CLIP_APPROVER},
    f"/clips/{ONE}/reject/": {Role.CLIP_APPROVER},
    f"/clips/{ONE}/retire/": {Role.AUDIO_ADMIN},
}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("path", LOOKS)
def test_a_page_opens_for_its_roles_alone_and_each_refusal_is_recorded(
    browser_of: Any, path: str, role: Role
):
    status = browser_of(role).get(path).status_code
    is_refused = role not in LOOKS[path]
    assert (status == 403) is is_refused
    assert len(records("access.refused")) == is_refused


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("path", ACTS)
def test_an_act_is_for_its_roles_alone(browser_of: Any, path: str, role: Role):
    assert (browser_of(role).post(path).status_code == 403) is (role not in ACTS[path])


@pytest.mark.parametrize("path", [*LOOKS, *ACTS, "/"])
def test_nothing_opens_without_a_login(client: Client, db: None, path: str):
    answer = client.post(path) if path in ACTS else client.get(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/?next=")


def test_a_refusal_says_who_may_help(browser_of: Any):
    page = browser_of(Role.COMPLIANCE).get("/clips/upload/").content.decode()
    assert "Your role may not do this" in page
    assert "Ask an administrator" in page


def test_a_refused_fragment_becomes_a_notice_on_the_open_page(browser_of: Any):
    answer = browser_of(Role.COMPLIANCE).get("/calls/rows/", headers=HTMX)
    assert answer.status_code == 403
    assert answer["HX-Retarget"] == "#notice"
    assert "<html" not in answer.content.decode()


def test_a_user_who_was_switched_off_is_out_at_once(browser_of: Any):
    client = browser_of(Role.SUPERVISOR)
    client.user.is_active = False
    client.user.save()
    assert client.get("/injections/").status_code == 302


def test_someone_without_a_role_may_open_nothing(client: Client, db: None):
    client.force_login(UserFactory())
    answer = client.get("/clips/")
    assert answer.status_code == 403
    assert "Ask an administrator for a role, then try again." in answer.content.decode()


@pytest.mark.parametrize(
    ("role", "home"),
    [
        (Role.COMPLIANCE, "/injections/"),
        (Role.AUDIO_ADMIN, "/clips/"),
        (Role.CLIP_APPROVER, "/clips/"),
        (Role.ADMINISTRATOR, "/status/"),
    ],
)
def test_the_front_door_leads_each_role_to_its_work(browser_of: Any, role: Role, home: str):
    answer = browser_of(role).get("/")
    assert (answer.status_code, answer["Location"]) == (302, home)
    assert records("access.refused") == []


@pytest.mark.parametrize(
    ("role", "words"),
    [
        (Role.SUPERVISOR, ["Live calls", "Injections", "Recordings", "Status"]),
        (Role.COMPLIANCE, ["Injections", "Recordings", "Deliveries", "Compliance", "Status"]),
        (Role.ADMINISTRATOR, ["Deliveries", "Administration", "Status"]),
    ],
)
def test_the_navigation_offers_only_what_opens(browser_of: Any, role: Role, words: list[str]):
    from injections.web.context import Portal

    page = browser_of(role).get("/status/")
    portal: Portal = page.context["portal"]
    assert [item.words for item in portal.nav] == words


def test_pages_are_kept_by_no_cache(browser_of: Any):
    assert "no-store" in browser_of(Role.SUPERVISOR).get("/")["Cache-Control"]
