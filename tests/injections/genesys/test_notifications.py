"""The push channel: events as they come, silence noticed, a clean end."""

import json
import threading
import time
from contextlib import contextmanager

import pytest
from websockets.sync.server import serve

from injections.genesys.errors import ChannelLost
from injections.genesys.notifications import listen, parse_notification

EVENT = {
    "topicName": "v2.routing.queues.q1.conversations.calls",
    "version": "2",
    "eventBody": {"id": "call-1"},
    "metadata": {"CorrelationId": "corr-1"},
}
HEARTBEAT = {"topicName": "channel.metadata", "eventBody": {"message": "WebSocket Heartbeat"}}
CLOSING = {"topicName": "v2.system.socket_closing", "eventBody": {"message": "The socket is closing."}}


@contextmanager
def channel(*frames, stay_s=0.0):
    """A push server that sends these frames and then stays silent, or closes."""

    def talk(socket):
        for frame in frames:
            socket.send(frame if isinstance(frame, str) else json.dumps(frame))
        leaving.wait(stay_s)

    leaving = threading.Event()
    with serve(talk, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"
        finally:
            leaving.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def stop():
    return threading.Event()


def heard(uri, *, count, stop, timeout=2.0):
    found = []
    for notification in listen(uri, stop=stop, timeout=timeout):
        found.append(notification)
        if len(found) == count:
            stop.set()
    return found


def test_events_come_with_topic_body_and_correlation_id(stop):
    with channel(EVENT, stay_s=5) as uri:
        (event,) = heard(uri, count=1, stop=stop)
    assert (event.kind, event.topic, event.body, event.correlation_id) == (
        "event",
        EVENT["topicName"],
        {"id": "call-1"},
        "corr-1",
    )


def test_heartbeats_and_the_coming_end_are_told_apart_from_events(stop):
    with channel(HEARTBEAT, EVENT, CLOSING, stay_s=5) as uri:
        kinds = [one.kind for one in heard(uri, count=3, stop=stop)]
    assert kinds == ["heartbeat", "event", "closing"]


def test_frames_that_are_none_are_passed_over(stop):
    with channel("not json", "[]", "7", '{"topicName": 7}', EVENT, stay_s=5) as uri:
        assert [one.kind for one in heard(uri, count=1, stop=stop)] == ["event"]


def test_a_body_that_is_no_object_is_empty():
    assert parse_notification('{"topicName": "t", "eventBody": [1], "metadata": null}').body == {}


def test_a_silent_channel_is_lost(stop):
    with channel(HEARTBEAT, stay_s=5) as uri, pytest.raises(ChannelLost, match="silent"):
        heard(uri, count=9, stop=stop, timeout=0.3)


def test_a_channel_that_closes_is_lost(stop):
    with channel(EVENT) as uri, pytest.raises(ChannelLost, match="closed"):
        heard(uri, count=9, stop=stop)


def test_a_channel_that_cannot_be_opened_is_lost(stop):
    from tests.support.scripted_server import closed_port

    with pytest.raises(ChannelLost, match="could not be opened"):
        heard(f"ws://127.0.0.1:{closed_port()}/", count=1, stop=stop)


def test_a_server_that_is_no_push_channel_is_lost(stop, server):
    with pytest.raises(ChannelLost, match="could not be opened"):
        heard(server.url.replace("http:", "ws:"), count=1, stop=stop)


@pytest.mark.parametrize("uri", ["ws://push.example/", "http://127.0.0.1/", "", "push.example"])
def test_a_channel_without_encryption_is_opened_on_this_machine_only(stop, uri):
    with pytest.raises(ChannelLost, match="not encrypted"):
        heard(uri, count=1, stop=stop)


def test_a_listener_that_is_told_to_stop_ends_soon(stop):
    with channel(EVENT, stay_s=5) as uri:
        threading.Timer(0.2, stop.set).start()
        started = time.monotonic()
        assert len(heard(uri, count=9, stop=stop, timeout=60)) == 1
    assert time.monotonic() - started < 2
