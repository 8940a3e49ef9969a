from typing import Any

import pytest

from tests.injections.genesys.simulator.conftest import Api, LocalServer, recording
from tests.support.scripted_server import raw, reply, scripted_server
from tests.support.simulator_process import SimulatorProcess

HOOK = {
    "name": "qa-sync-injection",
    "address": "http://127.0.0.1:9/events",
    "event": "conversation:voice:interaction:completed",
    "enabled": True,
    "filter": {"field": "conversationId", "operator": "eq", "values": ["*"]},
}


def test_a_webhook_is_registered_listed_and_removed(api: Api):
    created = api.post("/api/v2/webhooks", json=HOOK)
    assert created.status_code == 201
    assert created.json() in api.get("/api/v2/webhooks").json()["entities"]
    assert {**HOOK, "id": created.json()["id"]} == created.json()
    path = f"/api/v2/webhooks/{created.json()['id']}"
    assert [api.delete(path).status_code, api.delete(path).status_code] == [204, 404]
    assert created.json() not in api.get("/api/v2/webhooks").json()["entities"]


def test_the_same_webhook_twice_is_two_webhooks(api: Api):
    ids = {api.post("/api/v2/webhooks", json=HOOK).json()["id"] for _ in range(2)}
    assert len(ids) == 2
    for webhook_id in ids:
        api.delete(f"/api/v2/webhooks/{webhook_id}")


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("name", "", "name"),
        ("event", "conversation:other", "event"),
        ("enabled", "yes", "enabled"),
        ("address", "http://example.com/events", "address"),
        ("address", "https://", "address"),
        ("address", "http://[", "address"),
        ("filter", None, "filter"),
        ("filter", {"field": "conversationId", "operator": "eq", "values": []}, "filter.values"),
    ],
)
def test_a_refused_webhook_names_its_field(api: Api, name: str, value: Any, field: str):
    answer = api.post("/api/v2/webhooks", json={**HOOK, name: value})
    assert (answer.status_code, answer.json()["messageParams"]["fieldType"]) == (400, field)


def test_an_event_is_delivered_again_after_a_failure(
    api: Api, simulator: SimulatorProcess, completions: LocalServer
):
    completions.answers = [503, 500]
    api.play(simulator.create_call(), sourceUrl=completions.serve("/clip.wav", recording(seconds=0.01)))
    posted = completions.wait_for_posts(3)
    assert posted[0] == posted[1] == posted[2]
    [delivery] = simulator.wait_for(lambda s: s.interactions()[0]["deliveries"])
    assert delivery["statuses"] == [503, 500, 200]


def test_an_event_is_delivered_again_after_an_answer_that_is_not_http(api: Api, simulator: SimulatorProcess):
    with scripted_server() as receiver:
        receiver.on("POST", "/events", raw(b"this is not HTTP\r\n\r\n"), reply(200))
        hook = api.post("/api/v2/webhooks", json={**HOOK, "address": receiver.url + "/events"}).json()
        api.play(simulator.create_call())
        [delivery] = simulator.wait_for(lambda s: s.interactions()[0]["deliveries"])
    api.delete(f"/api/v2/webhooks/{hook['id']}")
    assert delivery["statuses"] == [None, 200]


def test_a_late_event_tells_when_the_playing_ended(
    api: Api, simulator: SimulatorProcess, completions: LocalServer
):
    simulator.set_completions(delay_ms=200)
    api.play(simulator.create_call(), sourceUrl=completions.serve("/clip.wav", recording(seconds=0.01)))
    [event] = completions.wait_for_posts(1)
    assert event["timestamp"] == simulator.interactions()[0]["completedAt"]


def test_a_webhook_that_is_off_or_for_another_call_hears_nothing(
    api: Api, simulator: SimulatorProcess, local_server: LocalServer
):
    call = simulator.create_call()
    address = {"address": local_server.url + "/events"}
    other = {"field": "conversationId", "operator": "eq", "values": ["another"]}
    this = {"field": "conversationId", "operator": "eq", "values": [call["conversationId"]]}
    ids = [
        api.post("/api/v2/webhooks", json={**HOOK, **address, **difference}).json()["id"]
        for difference in ({"enabled": False}, {"filter": other}, {"filter": this})
    ]
    api.play(call, sourceUrl=local_server.serve("/clip.wav", recording(seconds=0.01)))
    simulator.wait_for(lambda s: s.interactions()[0]["deliveries"])
    assert len(local_server.posted) == 1
    for webhook_id in ids:
        api.delete(f"/api/v2/webhooks/{webhook_id}")


def test_a_chosen_event_can_be_sent_early_and_twice(
    api: Api, simulator: SimulatorProcess, completions: LocalServer
):
    url = completions.serve("/clip.wav", recording(seconds=3))
    interaction_id = api.play(simulator.create_call(), sourceUrl=url).headers["X-Interaction-Id"]
    sent = simulator.send_event(interactionId=interaction_id, outcome="cancelled", times=2)
    assert [delivery["statuses"] for delivery in sent] == [[200], [200]]
    first, second = completions.posted
    assert first == second
    assert (first["interactionId"], first["outcome"]) == (interaction_id, "cancelled")


def test_completions_can_be_kept_back(api: Api, simulator: SimulatorProcess, completions: LocalServer):
    simulator.set_completions(withhold=True)
    api.play(simulator.create_call(), sourceUrl=completions.serve("/clip.wav", recording(seconds=0.01)))
    simulator.wait_for(lambda s: s.interactions()[0]["outcome"])
    assert (completions.posted, simulator.interactions()[0]["deliveries"]) == ([], [])
