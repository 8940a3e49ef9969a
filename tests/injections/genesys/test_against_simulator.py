"""The client against the simulator's process: two programs that share only the contract."""

import threading
import time
from uuid import UUID

import pytest

from injections.genesys.activity import call_topics
from injections.genesys.conversation import parse_conversation
from injections.genesys.drivers.voice_interactions import VoiceInteractionsDriver
from injections.genesys.errors import (
    Ambiguous,
    ChannelLost,
    CredentialsRejected,
    RateLimited,
    Refused,
    Unavailable,
)
from injections.genesys.notifications import listen
from injections.genesys.types import PlayCommand
from tests.support.simulator_process import CLIENT_ID, CLIENT_SECRET, start_simulator

from .conftest import make_config

UNREACHABLE = "http://127.0.0.1:9/notice.wav"  # nobody listens there: what is accepted cannot be fetched


@pytest.fixture(scope="module")
def shared_simulator():
    with start_simulator(heartbeat=0.2) as running:
        yield running


@pytest.fixture
def simulator(shared_simulator):
    shared_simulator.reset()
    return shared_simulator


def config_of(simulator, **changes):
    return make_config(simulator.url, client_id=CLIENT_ID, **{"client_secret": CLIENT_SECRET} | changes)


@pytest.fixture
def client(simulator, make_client):
    return make_client(config_of(simulator, read_timeout=1.0))


class Line:
    """One call of the simulator and the driver that acts on it."""

    def __init__(self, simulator, driver, **fields):
        self.simulator, self.driver = simulator, driver
        made = simulator.create_call(**fields)
        self.id = made["conversationId"]
        self.agent = made["agentParticipantId"]
        self.ids = {"conversation_id": UUID(self.id), "participant_id": UUID(self.agent)}

    def state(self):
        return self.driver.fetch_call_state(**self.ids)

    def play(self, url=UNREACHABLE, ms=1500):
        return self.driver.play(
            **self.ids, command=PlayCommand(source_url=url, mute=True, max_duration_ms=ms)
        )

    def commands(self):
        return [one for one in self.simulator.interactions() if self.id in str(one)]


@pytest.fixture
def line(simulator, client):
    return lambda **fields: Line(simulator, VoiceInteractionsDriver(client), **fields)


@pytest.mark.parametrize(
    ("consent", "seen"),
    [
        ("true", {"supervision_consent": "true"}),
        ("false", {"supervision_consent": "false"}),
        ("missing", None),
        ("null", None),
    ],
)
def test_consent_is_read_as_the_call_has_it(line, consent, seen):
    attributes = line(consent=consent).state().participant.custom_attributes or {}
    assert attributes.get("supervision_consent") == (seen or {}).get("supervision_consent")


def test_a_call_in_the_queue_is_not_active(line):
    assert line(state="queued").state().conversation.state == "queued"


def test_a_call_that_is_gone_has_neither_conversation_nor_participant(line, simulator):
    call = line()
    simulator.patch_call(call.id, state="gone")
    state = call.state()
    assert (state.conversation, state.participant) == (None, None)
    assert len(state.correlation_ids) == 2


def test_an_accepted_command_has_the_id_that_the_platform_gave(line):
    call = line()
    accepted = call.play()
    assert accepted.status == 201
    assert accepted.interaction_id in str(call.commands()[0])
    assert accepted.correlation_id is not None


def test_a_refused_address_is_named_as_the_field(line):
    with pytest.raises(Refused) as caught:
        line().play(url="https://clips.example/notice.txt")
    assert (caught.value.status, caught.value.field) == (400, "sourceUrl")


def test_a_command_for_a_call_that_is_gone_says_that_it_has_ended(line, simulator):
    call = line()
    simulator.patch_call(call.id, state="gone")
    with pytest.raises(Refused, match="has ended"):
        call.play()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, RateLimited),
        (503, Unavailable),
        (500, Ambiguous),
        (502, Ambiguous),
        (504, Ambiguous),
        (403, Refused),
    ],
)
def test_a_planted_status_gives_its_error_and_one_command(line, simulator, status, kind):
    simulator.plant("status", method="POST", path="/interactions$", status=status)
    call = line()
    with pytest.raises(kind):
        call.play()
    assert len(call.commands()) <= 1


@pytest.mark.parametrize("kind", ["accept_then_drop", "reset", "garbage"])
def test_a_command_without_a_clear_answer_is_in_doubt_and_was_sent_once(line, simulator, kind):
    simulator.plant(kind, method="POST", path="/interactions$")
    call = line()
    with pytest.raises(Ambiguous) as caught:
        call.play()
    assert caught.value.may_have_been_sent is True
    assert len(call.commands()) <= 1


def test_an_answer_that_ends_after_its_headers_is_accepted(line, simulator):
    simulator.plant("headers_only", method="POST", path="/interactions$")
    assert line().play().interaction_id is not None


def test_an_answer_without_the_id_is_accepted(line, simulator):
    simulator.plant("no_interaction_id", method="POST", path="/interactions$")
    assert line().play().interaction_id is None


@pytest.mark.parametrize("is_revoked", [False, True])
def test_a_token_that_the_platform_dropped_is_renewed_unnoticed(line, simulator, is_revoked):
    call = line()
    call.state()
    simulator.expire_tokens(revoke=is_revoked)
    assert call.play().interaction_id is not None
    assert len(call.commands()) == 1


def test_a_wrong_secret_is_told_apart_from_a_platform_that_is_down(simulator, make_client):
    client = make_client(config_of(simulator, client_secret="wrong"))
    with pytest.raises(CredentialsRejected):
        client.warm()


def test_the_platform_s_rate_limit_is_understood(line, simulator, client):
    call = line()
    call.state()
    simulator.set_rate_limit(1, window_s=30)
    with pytest.raises(RateLimited) as caught:
        [call.play() for _ in range(3)]
    assert 0 < caught.value.retry_after <= 30


def test_both_questions_take_one_upstream_answer(line, simulator):
    call = line()
    call.state()
    simulator.set_latency(800)
    started = time.monotonic()
    call.state()
    assert time.monotonic() - started < 1.5  # one after the other would take 1.6


def test_the_completion_webhook_is_registered_once(simulator, client):
    driver = VoiceInteractionsDriver(client)
    hook = {"name": "client-tests", "address": "http://127.0.0.1:9/completions"}
    assert [driver.register_completion_webhook(**hook) for _ in range(2)] == [True, False]
    assert driver.register_completion_webhook(**hook | {"address": "http://127.0.0.1:9/moved"}) is True
    listed = client.object_of(client.read("/api/v2/webhooks"))["entities"]
    assert [one["address"] for one in listed if one["name"] == "client-tests"] == ["http://127.0.0.1:9/moved"]


def test_the_snapshot_names_every_call_of_the_queues_over_all_pages(line, simulator, client):
    wanted = {line().id for _ in range(5)}
    queues = sorted({one["queueId"] for one in simulator.calls()})
    found = client.query_activity(queue_ids=queues, page_size=2)
    assert wanted <= {one.conversation_id for one in found.observations}
    assert found.truncated is False


def test_a_live_call_is_read_from_the_public_api(line, client):
    call = line(held=True, agentName="Jonas Weber")
    state = parse_conversation(client.fetch_conversation(call.id))
    assert (state.agent_participant_id, state.agent_name, state.held) == (call.agent, "Jonas Weber", True)


def test_after_a_transfer_the_agent_who_is_connected_now_counts(line, simulator, client):
    call = line()
    before = parse_conversation(client.fetch_conversation(call.id))
    simulator.patch_call(call.id, transfer=True)
    deadline = time.monotonic() + 5
    while (
        after := parse_conversation(client.fetch_conversation(call.id))
    ) is None or after.state != "connected":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert after.agent_participant_id != before.agent_participant_id
    assert after.version != before.version


def test_a_call_that_ended_is_no_live_call(line, simulator, client):
    call = line()
    simulator.patch_call(call.id, state="ended")
    assert parse_conversation(client.fetch_conversation(call.id) or {}) is None


def next_event(uri, *, stop, change):
    """Subscribe, make a change, and give the event that tells of it."""
    for notification in listen(uri, stop=stop, timeout=3):
        if notification.kind == "heartbeat" and change is not None:
            change, _ = None, change()
        if notification.kind == "event":
            return notification
    return None


def test_a_change_arrives_as_an_event_that_says_what_the_read_says(line, simulator, client):
    call = line()
    queue = parse_conversation(client.fetch_conversation(call.id)).queue_id
    channel = client.create_channel()
    client.subscribe(channel_id=channel.id, topics=call_topics([queue]))
    event = next_event(
        channel.connect_uri, stop=threading.Event(), change=lambda: simulator.patch_call(call.id, held=True)
    )
    told = parse_conversation(event.body)
    assert told.held is True
    assert told.version == parse_conversation(client.fetch_conversation(call.id)).version


def test_a_channel_that_the_platform_drops_is_lost(simulator, client):
    frames = listen(client.create_channel().connect_uri, stop=threading.Event(), timeout=3)
    with pytest.raises(ChannelLost):
        [simulator.spoil_notifications("drop") for _ in frames]


def test_a_platform_that_falls_silent_is_noticed(simulator, client):
    frames = listen(client.create_channel().connect_uri, stop=threading.Event(), timeout=0.8)
    try:
        with pytest.raises(ChannelLost, match="silent"):
            [simulator.spoil_notifications("silent") for _ in frames]
    finally:
        simulator.spoil_notifications("none")
