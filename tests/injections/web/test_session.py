import uuid
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from injections.roles import Role
from tests.factories import UserFactory
from tests.injections.web.conftest import records


@pytest.fixture
def dana(db: None) -> Any:
    user = UserFactory(role=Role.SUPERVISOR, username="dana")
    user.set_password("a long pass phrase")
    user.save()
    return user


def sign_in(client: Client, **changes: Any) -> Any:
    return client.post("/login/", {"username": "dana", "password": "a long pass phrase"} | changes)


def test_a_login_leads_to_the_work_of_the_role_and_is_recorded(client: Client, dana: Any):
    answer = sign_in(client)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    (record,) = records("session.opened")
    assert record.actor_id == str(dana.pk)


def test_a_login_goes_on_where_one_was_stopped(client: Client, dana: Any):
    assert sign_in(client, next="/injections/?q=x")["Location"] == "/injections/?q=x"


def test_a_login_leads_nowhere_outside(client: Client, dana: Any):
    assert sign_in(client, next="https://example.com/")["Location"] == "/"


def test_a_failed_login_is_a_400_that_keeps_the_name_and_is_recorded_without_the_password(
    client: Client, dana: Any
):
    answer = sign_in(client, password="a wrong secret")
    assert answer.status_code == 400
    assert 'value="dana"' in answer.content.decode()
    (record,) = records("session.refused")
    assert "dana" in record.summary
    assert "a wrong secret" not in record.body


def test_what_was_typed_where_the_name_belongs_is_not_kept_unless_it_is_a_name(client: Client, dana: Any):
    sign_in(client, username="a long pass phrase")
    (record,) = records("session.refused")
    assert "a long pass phrase" not in record.body
    assert record.summary == "A login failed; no account bears the name that was typed."


def test_of_one_address_twenty_failures_a_minute_are_on_record(
    client: Client, dana: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("injections.services.refusals.MINUTE_S", 10**10)  # no minute begins within the test
    for address in ("10.0.0.1", "10.0.0.2"):
        for _ in range(22):
            failed = {"username": "dana", "password": "wrong"}
            assert client.post("/login/", failed, REMOTE_ADDR=address).status_code == 400
    assert len(records("session.refused")) == 2 * 20


@pytest.mark.parametrize("name", ["", "x" * 10_000, "\u202ehsilgne", "nul\x00", "<script>", "名前"])
def test_a_strange_name_is_no_error_of_ours(client: Client, dana: Any, name: str):
    assert sign_in(client, username=name).status_code == 400


def test_a_logout_is_recorded_and_ends_the_session(client: Client, dana: Any):
    sign_in(client)
    assert client.post("/logout/").status_code == 302
    assert len(records("session.closed")) == 1
    assert client.get("/").status_code == 302


def test_a_link_cannot_log_anybody_out_and_gets_a_page_with_the_way_back(client: Client, dana: Any):
    sign_in(client)
    answer = client.get("/logout/")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "Nothing happens by opening this address" in answer.content.decode()
    assert client.get("/").status_code == 200


def test_a_session_that_ended_is_told_on_the_login_and_leads_back_to_the_call(client: Client, dana: Any):
    sign_in(client)
    call = uuid.uuid4()
    client.session.flush()
    address = client.post(f"/calls/{call}/arm/", {})["Location"]
    assert "Your session has ended, log in again." in client.get(address).content.decode()
    query = {"next": f"/calls/{call}/", "ended": "1"}
    assert address == f"/login/?{urlencode(query)}"


def test_whoever_was_never_logged_in_is_told_of_no_session(client: Client, dana: Any):
    address = client.get("/injections/")["Location"]
    assert "Your session has ended" not in client.get(address).content.decode()
