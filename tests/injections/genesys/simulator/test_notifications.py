import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.injections.genesys.simulator.conftest import Api
from tests.support.simulator_process import SimulatorProcess

CARDS = "v2.routing.queues.5e9d2c00-cccc-4d4d-8e8e-0000000000c3.conversations.calls"
HEARTBEAT = {"topicName": "channel.metadata", "eventBody": {"message": "WebSocket Heartbeat"}}
CHANNELS = "/api/v2/notifications/channels"


def open_channel(api: Api, *topics: str) -> dict[str, Any]:
    channel: dict[str, Any] = api.post(CHANNELS).json()
    path = f"{CHANNELS}/{channel['id']}/subscriptions"
    assert api.put(path, json=[{"id": topic} for topic in topics]).status_code == 200
    return channel


def receive(socket: ClientConnection, *, timeout: float = 3) -> Any:
    """Give the next frame that is no heartbeat."""
    while (frame := json.loads(socket.recv(timeout=timeout))) == HEARTBEAT:
        pass
    return frame


@contextmanager
def listening(channel: dict[str, Any]) -> Iterator[ClientConnection]:
    """Connect and speak once, so that the channel is known to listen."""
    with connect(channel["connectUri"], proxy=None) as socket:
        socket.send('{"message":"ping"}')
        assert receive(socket)["eventBody"] == {"message": "pong"}
        yield socket


@pytest.fixture
def socket(api: Api, simulator: SimulatorProcess) -> Iterator[ClientConnection]:
    with listening(open_channel(api, CARDS)) as connected:
        yield connected


def test_a_change_of_a_call_arrives_in_the_notification_shape(
    socket: ClientConnection, simulator: SimulatorProcess
):
    call = simulator.create_call(held=True)
    event = receive(socket)
    assert (event["topicName"], event["version"]) == (CARDS, "2")
    assert event["metadata"]["CorrelationId"]
    body = event["eventBody"]
    assert body["id"] == call["conversationId"]
    agent = next(p for p in body["participants"] if p["id"] == call["agentParticipantId"])
    assert agent["user"] == {"id": call["agentUserId"], "name": call["agentName"]}
    assert (agent["state"], agent["held"], agent["queue"]["name"]) == ("connected", True, "Cards")
    assert (agent["wrapupPrompt"], set(agent["script"])) == ("mandatory", {"id"})
    assert "calls" not in agent


def test_agent_and_customer_are_each_other_s_peers(
    api: Api, socket: ClientConnection, simulator: SimulatorProcess
):
    call = simulator.create_call()
    shown = api.get(f"/api/v2/conversations/{call['conversationId']}").json()
    own = {person["purpose"]: person["calls"][0]["id"] for person in shown["participants"]}
    peers = {person["purpose"]: person["peer"] for person in receive(socket)["eventBody"]["participants"]}
    assert (peers["agent"], peers["customer"]) == (own["customer"], own["agent"])


def test_calls_of_other_queues_are_not_heard(socket: ClientConnection, simulator: SimulatorProcess):
    simulator.create_call(queueId="Mortgages")
    wanted = simulator.create_call()
    assert receive(socket)["eventBody"]["id"] == wanted["conversationId"]


def test_a_quiet_socket_has_a_heartbeat(socket: ClientConnection):
    assert json.loads(socket.recv(timeout=2)) == HEARTBEAT


def test_a_silent_socket_has_not_even_a_heartbeat(socket: ClientConnection, simulator: SimulatorProcess):
    simulator.spoil_notifications("silent")
    simulator.create_call()
    with pytest.raises(TimeoutError):
        socket.recv(timeout=0.8)


def test_events_can_be_repeated(socket: ClientConnection, simulator: SimulatorProcess):
    simulator.spoil_notifications("repeat")
    simulator.create_call()
    assert receive(socket) == receive(socket)


def test_events_can_come_out_of_order(socket: ClientConnection, simulator: SimulatorProcess):
    simulator.spoil_notifications("shuffle")
    made = [simulator.create_call()["conversationId"] for _ in range(8)]
    received = [receive(socket)["eventBody"]["id"] for _ in range(8)]
    assert sorted(received) == sorted(made)
    assert set(received[:4]) == set(made[:4])


def test_a_socket_can_be_told_that_it_closes(socket: ClientConnection, simulator: SimulatorProcess):
    simulator.spoil_notifications("closing")
    assert receive(socket)["topicName"] == "v2.system.socket_closing"


def test_a_socket_can_be_cut(socket: ClientConnection, simulator: SimulatorProcess):
    simulator.spoil_notifications("drop")
    with pytest.raises(ConnectionClosed):
        receive(socket)


def test_a_frame_can_be_garbage(socket: ClientConnection, simulator: SimulatorProcess):
    simulator.spoil_notifications("garbage")
    with pytest.raises(json.JSONDecodeError):
        receive(socket)


def test_what_happened_while_nobody_was_connected_is_lost(api: Api, simulator: SimulatorProcess):
    channel = open_channel(api, CARDS)
    with listening(channel):
        pass
    missed = simulator.create_call()["conversationId"]
    with listening(channel) as socket:
        heard = simulator.create_call()["conversationId"]
        assert receive(socket)["eventBody"]["id"] == heard != missed


def test_a_second_socket_takes_the_place_of_the_first(api: Api, simulator: SimulatorProcess):
    channel = open_channel(api, CARDS)
    with listening(channel) as first, listening(channel) as second:
        with pytest.raises(ConnectionClosed):
            receive(first)
        simulator.create_call()
        assert receive(second)["topicName"] == CARDS


def test_an_unknown_channel_cannot_be_connected(simulator: SimulatorProcess):
    address = simulator.url.replace("http", "ws") + "/channels/streaming-none"
    with pytest.raises(InvalidStatus) as refused, connect(address, proxy=None):
        pass
    assert refused.value.response.status_code == 404


def test_a_channel_says_where_to_connect_and_when_it_ends(api: Api):
    channel = api.post(CHANNELS).json()
    assert set(channel) == {"connectUri", "id", "expires"}
    assert channel["connectUri"].startswith("ws://127.0.0.1:")


def test_topics_are_replaced_by_put_and_added_by_post(api: Api):
    path = f"{CHANNELS}/{open_channel(api, CARDS)['id']}/subscriptions"
    other = "v2.users.7d3e1f00-aaaa-4b1b-8c2c-0000000000a1.presence"

    def topics() -> list[str]:
        return [entity["id"] for entity in api.get(path).json()["entities"]]

    api.post(path, json=[{"id": other}])
    assert topics() == [CARDS, other]
    api.put(path, json=[{"id": other}])
    assert topics() == [other]
    api.delete(path)
    assert topics() == []


def test_more_than_a_thousand_topics_are_refused(api: Api):
    path = f"{CHANNELS}/{open_channel(api)['id']}/subscriptions"
    topics = [{"id": f"v2.users.{number}.presence"} for number in range(1001)]
    assert [api.put(path, json=topics).status_code, api.put(path, json=topics[:1000]).status_code] == [
        400,
        200,
    ]


def test_one_channel_too_many_takes_the_place_of_the_oldest_idle_one(api: Api):
    oldest, *_, newest = [api.post(CHANNELS).json()["id"] for _ in range(21)]
    ids = [channel["id"] for channel in api.get(CHANNELS).json()["entities"]]
    assert len(ids) == 20
    assert newest in ids
    assert oldest not in ids
