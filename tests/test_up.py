"""The two commands of the README, from outside: start, log in, inject, stop."""

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.portal import PASSWORD, ROOT, PortalProcess, family_of, free_port, is_alive, start_portal
from tests.support.visitor import Answer, Client, wait_until

pytestmark = pytest.mark.service


def recordings_of(portal: PortalProcess) -> list[str]:
    folder = Path(portal.environment["PORTAL_DATA_DIR"]) / "portal.sqlite3"
    with contextlib.closing(sqlite3.connect(folder)) as database:
        return [row[0] for row in database.execute("SELECT id FROM injections_audioclip ORDER BY id")]


@pytest.fixture(scope="module")
def token(portal: PortalProcess) -> str:
    return portal.manage("create_api_client", "dialler").splitlines()[-1]


@pytest.fixture
def inject(portal: PortalProcess, token: str) -> Callable[..., Answer]:
    """Return a function that posts one injection of a demo recording."""
    example = json.loads(portal.manage("curl_example").partition("-d '")[2].rpartition("'")[0])

    def post(call: dict[str, Any], **headers: str) -> Answer:
        body = {
            "conversationId": call["conversationId"],
            "participantId": call["agentParticipantId"],
            "audioUrl": example["audioUrl"],
            "streamMatrix": {"agentMute": False, "callerMute": False, "normalizeLevel": True},
            "maxDurationMs": 500,
        }
        headers = {"Authorization": f"Token {token}", "Content_Type": "application/json", **headers}
        return Client(portal).request("POST", "/inject", body=json.dumps(body).encode(), **headers)

    return post


def test_the_ready_line_comes_once(portal: PortalProcess) -> None:
    assert [line for line in portal.log if line.startswith("ready ")] == [f"ready {portal.url}"]


def test_the_logins_are_printed(portal: PortalProcess) -> None:
    assert any("supervisor" in line and PASSWORD in line for line in portal.log)


def test_health_answers_ok(portal: PortalProcess) -> None:
    answer = Client(portal).request("GET", "/health")
    assert (answer.status, answer.text) == (200, "ok")


@pytest.mark.parametrize("username", ["supervisor", "compliance", "audioadmin", "approver", "admin"])
def test_each_of_the_demo_people_can_log_in(portal: PortalProcess, username: str) -> None:
    answer = Client(portal).post_form("/login/", username=username, password=PASSWORD)
    assert answer.status == 302


def test_live_calls_are_on_the_board_when_it_is_ready(portal: PortalProcess) -> None:
    client = Client(portal)
    client.post_form("/login/", username="supervisor", password=PASSWORD)
    assert client.request("GET", "/").text.count("/calls/") > 10


def test_a_token_stands_alone_on_the_last_line(token: str) -> None:
    assert len(token) == 64


def test_a_recording_is_injected_fetched_and_played(portal: PortalProcess, inject: Any) -> None:
    call = portal.simulator.create_call(consent="true")
    answer = inject(call)
    assert (answer.status, answer.json["status"]) == (201, "dispatched")
    played = [
        entry
        for entry in portal.simulator.interactions()
        if entry["conversationId"] == call["conversationId"]
    ]
    assert len(played) == 1
    portal.wait_for(lambda line: line.startswith("simulator") and "played" in line)


def test_the_end_of_the_playing_comes_back(portal: PortalProcess, inject: Any) -> None:
    call, key = portal.simulator.create_call(consent="true"), str(uuid.uuid4())
    inject(call, Idempotency_Key=key)

    def is_completed() -> bool:
        again = inject(call, Idempotency_Key=key)
        assert again.headers["Idempotent-Replayed"] == "true"
        status: str = again.json["status"]
        return status == "completed"

    assert wait_until(is_completed, within_s=10)


def test_the_log_is_sealed_and_anchored_without_anybody_asking(portal: PortalProcess) -> None:
    anchors = Path(portal.environment["PORTAL_DATA_DIR"], "audit", "anchors")
    wait_until(lambda: anchors.exists() and anchors.read_text() != "", within_s=20)
    portal.manage("verify_audit", "--anchors", str(anchors))  # a fault would be an exit status


def test_a_call_without_consent_is_refused_with_its_reason(portal: PortalProcess, inject: Any) -> None:
    answer = inject(portal.simulator.create_call(consent="false"))
    assert answer.status == 403
    assert "Injection blocked: consent denied" in answer.json["message"]


def test_uploads_pass_through_the_data_folder(portal: PortalProcess) -> None:
    scratch = Path(portal.environment["PORTAL_DATA_DIR"], "tmp")
    assert (
        len(list(scratch.glob("process-*"))) == 2
    )  # the web server's, and that of `up`, which seeds the demo


def test_a_body_over_the_limit_is_refused(portal: PortalProcess, token: str) -> None:
    answer = Client(portal).request(
        "POST", "/inject", Content_Length="40000000", Authorization=f"Token {token}"
    )
    assert answer.status == 413


def test_a_taken_port_is_said_with_the_variable(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        second = PortalProcess(tmp_path, port=server.getsockname()[1])
        assert second.process.wait(timeout=20) == 1
        second.stop()
    assert any(f"Port {second.port} is taken" in line and "PORT=" in line for line in second.log)


@pytest.mark.parametrize("port", ["", "8001"])
def test_make_leaves_the_port_to_the_environment_where_empty_counts_as_not_set(port: str) -> None:
    environment = {"PATH": os.environ["PATH"], "PORT": port}
    told = subprocess.run(
        ["make", "-n", "run"],  # noqa: S607
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stdout.splitlines()[-1].endswith("manage.py up")


def test_a_second_portal_on_the_same_data_is_refused(portal: PortalProcess) -> None:
    second = PortalProcess(Path(portal.environment["PORTAL_DATA_DIR"]))
    assert second.process.wait(timeout=20) == 1
    second.stop()
    assert any("already running" in line and "PORTAL_DATA_DIR" in line for line in second.log)


@pytest.fixture(scope="module")
def two_starts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Start, stop and start again on the same data; give what was seen."""
    data_dir = tmp_path_factory.mktemp("twice")
    seen: dict[str, Any] = {}
    with start_portal(data_dir) as first:
        seen["token"] = first.manage("create_api_client", "dialler").splitlines()[-1]
        seen["recordings"] = recordings_of(first)
        below = family_of(first.process.pid)
        seen["stopped_in_s"] = first.stop(signal.SIGINT)
        seen["exit_code"] = first.process.returncode
        seen["alive"] = [pid for pid in below if is_alive(pid)]
        seen["processes"] = len(below)
    with start_portal(data_dir) as second:
        seen["second"] = second
        yield seen


def test_ctrl_c_stops_everything_in_time(two_starts: dict[str, Any]) -> None:
    assert two_starts["processes"] >= 4
    assert two_starts["alive"] == []
    assert two_starts["stopped_in_s"] < 10
    assert two_starts["exit_code"] == 0


def test_a_second_start_loses_nothing(two_starts: dict[str, Any]) -> None:
    assert len(two_starts["recordings"]) == 5
    assert recordings_of(two_starts["second"]) == two_starts["recordings"]


def test_a_token_survives_the_second_start(two_starts: dict[str, Any]) -> None:
    answer = Client(two_starts["second"]).request(
        "POST",
        "/inject",
        body=b"{}",
        Authorization=f"Token {two_starts['token']}",
        Content_Type="application/json",
    )
    assert answer.status == 400


def test_a_process_that_dies_comes_back(two_starts: dict[str, Any]) -> None:
    second: PortalProcess = two_starts["second"]
    web = next(
        pid
        for pid in family_of(second.process.pid)
        if b"bargeportal.serve" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    subprocess.run(["kill", "-9", str(web)], check=True)  # noqa: S607
    second.wait_for(lambda line: "web ended (signal SIGKILL)" in line)

    def answers() -> bool:
        try:
            return Client(second).request("GET", "/health").text == "ok"
        except OSError:
            return False

    assert wait_until(answers, within_s=15)


def test_nothing_stays_when_the_parent_is_killed(tmp_path: Path) -> None:
    with start_portal(tmp_path, variables={"DEMO_PASSWORD": "x-" + PASSWORD}) as portal:
        below = family_of(portal.process.pid)
        portal.process.kill()
        assert wait_until(lambda: not any(is_alive(pid) for pid in below), within_s=10)


def refused_start(tmp_path: Path, *arguments: str, **variables: str) -> str:
    """Return what `manage.py up` says when it does not start."""
    environment = PortalProcess.environment_for(tmp_path, port=free_port()) | variables
    done = subprocess.run(
        [sys.executable, "manage.py", "up", *arguments],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "simulator |" not in done.stderr
    return done.stderr


def test_without_a_simulator_missing_credentials_stop_the_start(tmp_path: Path) -> None:
    assert "portal.E001" in refused_start(tmp_path, "--no-simulator")


@pytest.mark.parametrize(
    ("variables", "finding"),
    [
        ({"INJECT_AUDIO_HOSTS": "https://x/*"}, "portal.E005"),
        ({"PORTAL_BASE_URL": "http://p.example"}, "portal.E002"),
        ({"PORTAL_DATA_DIR": "/proc/nope"}, "portal.E003"),
    ],
)
def test_with_a_simulator_a_finding_stops_the_start_as_well(
    tmp_path: Path, variables: dict[str, str], finding: str
) -> None:
    said = refused_start(tmp_path, **variables)
    assert f"({finding}) {next(iter(variables))}" in said
    assert "portal.E001" not in said


def test_a_database_that_is_away_is_told_in_one_line(tmp_path: Path) -> None:
    environment = PortalProcess.environment_for(tmp_path, port=free_port())
    for command in (["up"], ["create_api_client", "dialler"]):
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=environment | {"DATABASE_URL": "postgresql://nobody:a-password@127.0.0.1:1/nothing"},
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == 1
        said = done.stderr.splitlines()[-1]
        assert said.startswith("CommandError: The database cannot be used: ")
        assert "DATABASE_URL" in said
        assert "Traceback" not in done.stderr
        assert "a-password" not in done.stderr


def test_behind_https_it_is_found_ready_by_its_own_address(tmp_path: Path) -> None:
    variables = {"PORTAL_BASE_URL": "https://portal.example", "ALLOWED_HOSTS": "portal.example"}
    with start_portal(tmp_path, variables=variables) as portal:
        assert Client(portal).request("GET", "/health").text == "ok"
        assert Client(portal).request("GET", "/login/").status == 400
        assert not any("Traceback" in line for line in portal.log)
