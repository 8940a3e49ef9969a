from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client, RequestFactory

from injections.roles import Role
from injections.web.errors import server_error
from tests.factories import UserFactory
from tests.injections.web.conftest import HTMX, records


@pytest.fixture
def strict(db: None) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory(role=Role.SUPERVISOR))
    return client


def test_a_form_without_a_token_is_refused_in_words_and_recorded(strict: Client):
    answer = strict.post("/logout/")
    assert answer.status_code == 403
    assert "This page was too old" in answer.content.decode()
    assert records("access.refused")[0].reason_code == "bad_request"


def test_a_form_without_token_or_login_is_refused_without_filling_the_log(db: None):
    client = Client(enforce_csrf_checks=True)
    assert client.post("/login/", {"username": "x", "password": "y"}).status_code == 403
    assert records("access.refused") == []


def test_a_form_of_a_session_that_has_ended_leads_to_the_login_and_back(db: None):
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/clips/upload/", {"title": "Kept"})
    assert answer["Location"] == "/login/?next=%2Fclips%2Fupload%2F&ended=1"


def test_barge_now_pressed_by_nobody_is_an_attempt_on_record(db: None, settings: Any, tmp_path: Path):
    settings.PORTAL_DATA_DIR = tmp_path
    call_id = uuid4()
    client = Client(enforce_csrf_checks=True)
    assert client.post(f"/calls/{call_id}/fire/", {"token": "x"})["Location"].startswith("/login/")
    (record,) = records("barge.fire_refused")
    assert (record.conversation_id, record.actor_kind) == (call_id, "anonymous")
    assert "nothing was sent" in record.summary


def test_nobody_fills_the_log_by_pressing_barge_now(db: None, settings: Any, tmp_path: Path):
    settings.PORTAL_DATA_DIR = tmp_path
    client = Client(enforce_csrf_checks=True)
    for _ in range(50):
        client.post(f"/calls/{uuid4()}/fire/")
    assert 20 <= len(records("barge.fire_refused")) <= 40  # a minute may begin between two of them


def test_an_expired_form_of_an_open_page_leads_to_the_login(db: None):
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/logout/", headers=HTMX | {"HX-Current-URL": "http://testserver/"})
    assert answer["HX-Redirect"] == "/login/?next=%2F&ended=1"


def test_an_address_that_leads_nowhere_says_so(supervisor: Client):
    answer = supervisor.get("/nowhere/")
    assert answer.status_code == 404
    assert "Nothing is here" in answer.content.decode()


@pytest.mark.parametrize(
    "path", ["/calls/42/", "/injections/x/", "/clips/%00/", "/calls/" + "9" * 5000 + "/"]
)
def test_an_identifier_that_is_none_is_not_found(supervisor: Client, path: str):
    assert supervisor.get(path).status_code == 404


def test_a_form_of_megabytes_is_a_400_in_words(supervisor: Client, call: Any):
    answer = supervisor.post(f"/calls/{call.pk}/arm/", {"reason": "x" * 10_000_000})
    assert answer.status_code == 400
    assert "This request cannot be understood" in answer.content.decode()


def test_a_form_of_thousands_of_fields_is_a_400(supervisor: Client, call: Any):
    answer = supervisor.post(f"/calls/{call.pk}/arm/", {f"f{n}": "x" for n in range(2000)})
    assert answer.status_code == 400


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data"])
def test_a_body_of_another_kind_is_a_4xx(supervisor: Client, call: Any, content_type: str):
    answer = supervisor.post(f"/calls/{call.pk}/arm/", b'{"clip": 1', content_type=content_type)
    assert 400 <= answer.status_code < 500


def test_our_own_fault_gives_the_number_to_tell_an_administrator(rf: RequestFactory):
    request = rf.get("/")
    request.request_id = "abc123"  # type: ignore[attr-defined]
    answer = server_error(request)
    assert answer.status_code == 500
    assert "abc123" in answer.content.decode()


def test_a_strange_host_is_refused_in_words(client: Client, db: None):
    answer = client.get("/login/", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert "This request cannot be understood" in answer.content.decode()


@pytest.mark.parametrize("path", ["/", "/injections/", "/clips/", "/status/", "/login/"])
def test_a_page_can_be_asked_for_its_head_alone(supervisor: Client, path: str):
    answer = supervisor.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


def test_asking_for_the_head_of_the_upload_page_uploads_nothing(browser_of: Any):
    assert browser_of(Role.AUDIO_ADMIN).head("/clips/upload/").status_code == 200
    assert records("clip.upload_refused") == []


def test_the_head_of_a_button_is_no_page(supervisor: Client, call: Any):
    assert supervisor.head(f"/calls/{call.pk}/fire/").status_code == 405
