"""The README's "With a real platform", word by word; the platform is a simulator that the portal knows nothing of."""

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from injections.genesys.simulator.people import QUEUES
from tests.support.portal import PASSWORD, PortalProcess, RunningSimulator, free_port, start_portal
from tests.support.simulator_process import start_simulator
from tests.support.visitor import Client, wait_until

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def real_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProcess]:
    """A portal as the README's "With a real platform" starts it, in a new folder; the platform is elsewhere."""
    with start_simulator() as platform:
        variables = {
            "GENESYS_CLIENT_ID": platform.client_id,
            "GENESYS_CLIENT_SECRET": platform.client_secret,
            "GENESYS_API_URL": platform.url,
            "GENESYS_LOGIN_URL": platform.url,
            "COMPLETION_SECRET": "a/b?c#d%2Fe+f=" * 3,
        }
        folder = tmp_path_factory.mktemp("real")
        with start_portal(folder, variables=variables, arguments=["--no-simulator"]) as portal:
            yield portal


def test_a_new_portal_says_who_and_what_is_missing(real_platform: PortalProcess) -> None:
    said = "\n".join(real_platform.log)
    assert "nobody can administer the portal yet: manage.py create_admin" in said
    assert "no live calls yet: no queue is known" in said
    assert "" not in real_platform.log


def test_with_a_real_platform_the_readme_ends_with_calls_on_a_supervisor_s_board(
    real_platform: PortalProcess,
) -> None:
    real_platform.manage("create_admin", "ada", typed=f"{PASSWORD}\n")
    admin = Client(real_platform)
    assert admin.post_form("/login/", username="ada", password=PASSWORD).status == 302
    added = admin.post_form(
        "/admin/auth/user/add/",
        username="sam",
        usable_password="true",
        password1=PASSWORD,
        password2=PASSWORD,
    )
    person = added.headers["Location"]
    page = admin.request("GET", person).text
    role = re.search(r'name="groups" value="(\d+)"[^>]*>\s*supervisor', page)
    assert role is not None, page
    assert admin.post_form(person, username="sam", is_active="on", groups=role[1]).status == 302
    queue = {"id": QUEUES[0].id, "name": "Cards", "supervisors": person.split("/")[-3]}
    assert admin.post_form("/admin/injections/queue/add/", **queue).status == 302
    supervisor = Client(real_platform)
    supervisor.post_form("/login/", username="sam", password=PASSWORD)

    def has_calls() -> bool:
        return "/calls/" in supervisor.request("GET", "/calls/rows/").text

    assert wait_until(has_calls, within_s=40)


def test_the_platform_reports_ends_to_a_secret_that_looks_like_an_address(
    real_platform: PortalProcess,
) -> None:
    platform = RunningSimulator(real_platform.environment["GENESYS_API_URL"])
    event = {"interactionId": "i-1", "conversationId": str(uuid.uuid4()), "participantId": str(uuid.uuid4())}
    [delivery] = platform.wait_for(lambda it: it.send_event(**event), timeout=20)
    assert "/webhooks/completion/a%2Fb%3Fc%23d%252Fe%2Bf%3D" in delivery["address"]
    assert delivery["statuses"] == [200]


def test_an_unreachable_platform_is_told_in_one_line_before_ready(tmp_path: Path) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    variables = {"GENESYS_CLIENT_ID": "a", "GENESYS_CLIENT_SECRET": "b"}
    variables |= {"GENESYS_API_URL": away, "GENESYS_LOGIN_URL": away}
    with start_portal(tmp_path, variables=variables, arguments=["--no-simulator", "--demo"]) as portal:
        said = "\n".join(portal.log)
    assert "no live calls yet: The platform's login service could not be reached" in said
    assert "Traceback" not in said
    assert "Nothing was played" not in said
