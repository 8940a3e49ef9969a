"""The watcher's reads: snapshot by pages, one conversation, channel and subscription."""

from datetime import UTC, datetime

import pytest

from injections.genesys.errors import Ambiguous, RateLimited, Refused, Unavailable
from injections.genesys.types import LiveObservation
from tests.support.scripted_server import reply

QUERY = "/api/v2/analytics/conversations/activity/query"
QUEUES = ["queue-1", "queue-2"]


def line(number, **changes):
    return {"conversationId": f"call-{number}", "metric": "oInteracting", "userId": "user-1"} | changes


def page(*lines, queue="queue-1", truncated=False):
    group = {"group": {"queueId": queue, "mediaType": "voice"}, "data": [], "truncated": truncated}
    return reply(200, {"results": [group | {"entities": list(lines)}]})


def query(client, **options):
    return client.query_activity(queue_ids=QUEUES, **options)


def test_a_snapshot_names_calls_with_their_queue(server, client):
    found = line(1, direction="inbound", activityDate="2026-11-22T08:00:00.000Z")
    server.on("POST", QUERY, page(found))
    assert query(client).observations == (
        LiveObservation(
            conversation_id="call-1",
            queue_id="queue-1",
            user_id="user-1",
            metric="oInteracting",
            direction="inbound",
            observed_at=datetime(2026, 11, 22, 8, tzinfo=UTC),
        ),
    )


def test_the_query_asks_for_voice_calls_of_the_queues_with_details(server, client):
    server.on("POST", QUERY, page())
    query(client)
    sent = server.seen("POST", QUERY)[0].json
    assert sent["metrics"] == [
        {"metric": "oInteracting", "details": True},
        {"metric": "oAlerting", "details": True},
    ]
    assert sent["filter"]["predicates"][0]["value"] == "voice"
    assert [one["value"] for one in sent["filter"]["clauses"][0]["predicates"]] == QUEUES
    assert sent["groupBy"] == ["queueId"]


def test_all_pages_are_read(server, client):
    server.on("POST", QUERY, page(line(1), line(2)), page(line(3), line(4)), page(line(5)))
    found = query(client, page_size=2)
    assert [one.conversation_id for one in found.observations] == [f"call-{n}" for n in range(1, 6)]
    assert [one.path.partition("?")[2] for one in server.seen("POST", QUERY)] == [
        f"pageSize=2&pageNumber={number}" for number in (1, 2, 3)
    ]


def test_a_platform_that_repeats_its_page_ends_the_reading(server, client):
    server.on("POST", QUERY, page(line(1), line(2)))
    assert len(query(client, page_size=2).observations) == 2
    assert len(server.seen("POST", QUERY)) == 2


def test_a_page_that_says_that_more_follows_is_no_cut_list(server, client):
    server.on("POST", QUERY, page(line(1), line(2), truncated=True), page(line(3)))
    assert query(client, page_size=2).truncated is False


def test_a_list_that_the_platform_cut_says_so(server, client):
    server.on("POST", QUERY, page(line(1), truncated=True))
    assert query(client).truncated is True


def test_a_list_that_is_longer_than_we_read_says_so(server, client):
    server.on("POST", QUERY, page(line(1)), page(line(2)), page(line(3)))
    found = query(client, page_size=1, max_pages=2)
    assert (len(found.observations), found.truncated) == (2, True)


def test_without_queues_nothing_is_asked(server, client):
    assert client.query_activity(queue_ids=[]).observations == ()
    assert server.requests == []


@pytest.mark.parametrize(
    "body", [{}, {"results": None}, {"results": [{"entities": [{}, None, {"conversationId": 7}]}]}]
)
def test_lines_that_name_no_call_are_left_out(server, client, body):
    server.on("POST", QUERY, reply(200, body))
    assert query(client).observations == ()


def test_a_query_without_an_answer_is_nothing_that_was_sent(server, client):
    server.on("POST", QUERY, reply(500))
    with pytest.raises(Ambiguous) as caught:
        query(client)
    assert caught.value.may_have_been_sent is False


def test_a_query_over_the_limit_says_how_long_to_wait(server, client):
    server.on("POST", QUERY, reply(429, headers={"Retry-After": "5"}))
    with pytest.raises(RateLimited) as caught:
        query(client)
    assert caught.value.retry_after == 5.0


def test_the_platform_s_count_of_our_requests_is_kept(server, client):
    counts = {"inin-ratelimit-allowed": "300", "inin-ratelimit-count": "12", "inin-ratelimit-reset": "9"}
    server.on("GET", "/api/v2/conversations/call-1", reply(200, {"id": "call-1"}, headers=counts), reply(200))
    client.fetch_conversation("call-1")
    client.fetch_conversation("call-1")
    assert client.last_rate.count == 12


def test_a_conversation_is_given_as_it_is(server, client):
    server.on("GET", "/api/v2/conversations/call-1", reply(200, {"id": "call-1", "participants": []}))
    assert client.fetch_conversation("call-1") == {"id": "call-1", "participants": []}


def test_a_conversation_that_is_gone_is_none(server, client):
    assert client.fetch_conversation("call-1") is None


def test_an_id_cannot_lead_to_another_path(server, client):
    client.fetch_conversation("../users/me?x=1")
    assert server.requests[-1].path == "/api/v2/conversations/..%2Fusers%2Fme%3Fx%3D1"


def test_a_channel_has_an_address_and_an_end(server, client):
    body = {"id": "c1", "connectUri": "wss://push.example/c1", "expires": "2026-11-23T08:00:00.000Z"}
    server.on("POST", "/api/v2/notifications/channels", reply(200, body))
    channel = client.create_channel()
    assert (channel.id, channel.connect_uri) == ("c1", "wss://push.example/c1")
    assert channel.expires_at == datetime(2026, 11, 23, 8, tzinfo=UTC)


def test_a_channel_without_an_address_is_none(server, client):
    server.on("POST", "/api/v2/notifications/channels", reply(200, {"id": "c1"}))
    with pytest.raises(Unavailable):
        client.create_channel()


def test_topics_are_replaced_as_a_whole(server, client):
    path = "/api/v2/notifications/channels/c1/subscriptions"
    server.on("PUT", path, reply(200, {"entities": []}))
    client.subscribe(channel_id="c1", topics=["t1", "t2"])
    assert server.seen("PUT", path)[0].json == [{"id": "t1"}, {"id": "t2"}]


def test_a_channel_that_is_gone_cannot_be_subscribed(server, client):
    with pytest.raises(Refused):
        client.subscribe(channel_id="c1", topics=["t1"])
