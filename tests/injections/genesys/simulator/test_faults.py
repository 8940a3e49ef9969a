import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.injections.genesys.simulator.conftest import Api
from tests.support.simulator_process import SimulatorProcess


@pytest.fixture
def play(api: Api, simulator: SimulatorProcess) -> Callable[[], requests.Response]:
    call = simulator.create_call()
    return lambda: api.play(call)


def only_entry(simulator: SimulatorProcess) -> dict[str, Any]:
    [entry] = simulator.interactions()
    return entry


def test_a_status_is_answered_without_the_command_being_carried_out(
    play: Callable[[], requests.Response], simulator: SimulatorProcess
):
    simulator.plant("status", path="/interactions$", status=503)
    answer = play()
    assert (answer.status_code, answer.json()["code"]) == (503, "service.unavailable")
    entry = only_entry(simulator)
    assert (entry["accepted"], entry["status"], entry["fault"]) == (False, 503, "status")


def test_headers_can_be_set_and_taken_away(
    play: Callable[[], requests.Response], simulator: SimulatorProcess
):
    date = "Sun, 22 Nov 2026 09:00:00 GMT"
    simulator.plant("status", path="/interactions$", status=429, headers={"retry-after": date})
    simulator.plant("status", path="/interactions$", status=429, headers={"Retry-After": None})
    assert play().headers["Retry-After"] == date
    assert "Retry-After" not in play().headers


def test_a_planted_429_says_when_to_come_back(
    play: Callable[[], requests.Response], simulator: SimulatorProcess
):
    simulator.plant("status", path="/interactions$", status=429)
    answer = play()
    assert (answer.headers["Retry-After"], answer.json()["code"]) == ("1", "too.many.requests.retry.after")


@pytest.mark.parametrize(("kind", "status"), [("status", 500), ("status", 504), ("html", 502)])
def test_an_error_can_be_answered_although_the_command_was_accepted(
    play: Callable[[], requests.Response], simulator: SimulatorProcess, kind: str, status: int
):
    simulator.plant(kind, path="/interactions$", status=status, process=True)
    answer = play()
    assert (answer.status_code, "X-Interaction-Id" in answer.headers) == (status, False)
    entry = only_entry(simulator)
    assert (entry["accepted"], entry["fault"]) == (True, kind)


def test_even_the_correlation_id_can_be_taken_away(
    play: Callable[[], requests.Response], simulator: SimulatorProcess
):
    simulator.plant("status", path="/interactions$", status=500, headers={"ININ-Correlation-Id": None})
    assert "ININ-Correlation-Id" not in play().headers


def test_a_body_can_be_chosen(play: Callable[[], requests.Response], simulator: SimulatorProcess):
    simulator.plant("status", path="/interactions$", status=403, body={"message": "No."})
    assert play().json() == {"message": "No."}


def test_a_reset_stops_the_command(play: Callable[[], requests.Response], simulator: SimulatorProcess):
    simulator.plant("reset", path="/interactions$")
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        play()
    assert not only_entry(simulator)["accepted"]


def test_accept_then_drop_plays_and_answers_nothing(
    play: Callable[[], requests.Response], simulator: SimulatorProcess
):
    simulator.plant("accept_then_drop", path="/interactions$")
    with pytest.raises(requests.ConnectionError, match="without response"):
        play()
    entry = only_entry(simulator)
    assert (entry["accepted"], entry["fault"]) == (True, "accept_then_drop")
    assert entry["interactionId"]


def test_garbage_is_not_http(play: Callable[[], requests.Response], simulator: SimulatorProcess):
    simulator.plant("garbage", path="/interactions$")
    with pytest.raises(requests.ConnectionError, match="BadStatusLine"):
        play()
    assert not only_entry(simulator)["accepted"]


def test_garbage_can_also_follow_an_accepted_command(
    play: Callable[[], requests.Response], simulator: SimulatorProcess
):
    simulator.plant("garbage", path="/interactions$", process=True)
    with pytest.raises(requests.ConnectionError):
        play()
    assert only_entry(simulator)["accepted"]


def test_headers_can_come_without_their_body(
    play: Callable[[], requests.Response], simulator: SimulatorProcess
):
    simulator.plant("headers_only", path="/interactions$", delay_ms=30)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        play()
    assert only_entry(simulator)["accepted"]


def test_a_slow_body_trickles(play: Callable[[], requests.Response], simulator: SimulatorProcess):
    simulator.plant("slow_body", path="/interactions$", delay_ms=5)
    began = time.monotonic()
    answer = play()
    assert time.monotonic() - began >= 0.005 * len(answer.content)
    assert answer.status_code == 201


def test_a_delay_only_delays(play: Callable[[], requests.Response], simulator: SimulatorProcess):
    simulator.plant("delay", path="/interactions$", delay_ms=120)
    began = time.monotonic()
    assert play().status_code == 201
    assert time.monotonic() - began >= 0.12


def test_an_accepted_command_can_lack_its_interaction_id(
    play: Callable[[], requests.Response], simulator: SimulatorProcess
):
    simulator.plant("no_interaction_id", path="/interactions$")
    answer = play()
    assert (answer.status_code, "X-Interaction-Id" in answer.headers) == (201, False)
    assert only_entry(simulator)["accepted"]


def test_html_can_come_instead_of_json(play: Callable[[], requests.Response], simulator: SimulatorProcess):
    simulator.plant("html", path="/interactions$", status=200)
    answer = play()
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_a_fault_wears_off(play: Callable[[], requests.Response], simulator: SimulatorProcess):
    simulator.plant("status", path="/interactions$", status=500, times=2)
    assert [play().status_code for _ in range(3)] == [500, 500, 201]


def test_a_fault_can_let_the_first_requests_pass(
    play: Callable[[], requests.Response], simulator: SimulatorProcess
):
    simulator.plant("status", path="/interactions$", status=500, skip=1)
    assert [play().status_code for _ in range(3)] == [201, 500, 201]


def test_a_lasting_fault_lasts_until_it_is_cleared(
    play: Callable[[], requests.Response], simulator: SimulatorProcess
):
    simulator.plant("status", path="/interactions$", status=500, times=None)
    assert [play().status_code for _ in range(3)] == [500] * 3
    simulator.clear_faults()
    assert play().status_code == 201


def test_a_fault_meets_only_its_method_and_path(api: Api, simulator: SimulatorProcess):
    simulator.plant("status", method="POST", path="/webhooks$", status=500)
    assert api.get("/api/v2/webhooks").status_code == 200
    assert api.get("/api/v2/routing/queues").status_code == 200
    assert api.post("/api/v2/webhooks", json={}).status_code == 500


def test_the_token_endpoint_can_fail_too(api: Api, simulator: SimulatorProcess):
    simulator.plant("status", path="^/oauth/token$", status=503)
    assert api.post("/oauth/token").status_code == 503


def test_a_connection_serves_on_after_a_planted_status(
    api: Api, play: Callable[[], requests.Response], simulator: SimulatorProcess
):
    simulator.plant("status", path="/interactions$", status=500)
    play()
    assert play().status_code == 201


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        ({"action": {"kind": "explode"}}, "action.kind"),
        ({"action": {"kind": "reset"}, "match": {"path": "("}}, "match"),
        ({"action": {"kind": "reset"}, "times": "often"}, "times"),
        ({"action": {"kind": "reset"}, "times": True}, "times"),
        ({"action": {"kind": "status", "status": 0}}, "action.status"),
        ({"action": {"kind": "status", "status": 1000}}, "action.status"),
        ({"action": {"kind": "status", "headers": {"Retry-After": 1}}}, "action.headers"),
        ({"action": {"kind": "delay", "delay_ms": -1}}, "action.delay_ms"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(api: Api, fault: dict[str, Any], field: str):
    answer = api.post("/_simulator/faults", json=fault)
    assert (answer.status_code, answer.json()["messageParams"]["fieldType"]) == (400, field)


def test_every_answer_can_be_made_to_take_its_time(api: Api, simulator: SimulatorProcess):
    simulator.set_latency(50)
    began = time.monotonic()
    api.get("/api/v2/routing/queues")
    assert time.monotonic() - began >= 0.05


def test_a_number_without_end_is_refused(api: Api):
    answer = api.post(
        "/_simulator/rate-limit", data='{"allowed": 1e999}', headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400
