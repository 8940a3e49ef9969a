"""The command: sent once, and every answer or silence means what the contract's table says."""

import socket
import threading
import time

import pytest

from injections.genesys.drivers.voice_interactions import VoiceInteractionsDriver
from injections.genesys.errors import Ambiguous, GenesysError, NotSent, RateLimited, Refused, Unavailable
from injections.genesys.types import PlayCommand
from tests.support.scripted_server import closed_port, drop, raw, reply, reset, silence, trickle

from .conftest import AGENT, CALL, COMMAND, CORRELATION, PLAY_PATH, error_body, make_config

ACCEPTED = {"X-Interaction-Id": "int-1", "ININ-Correlation-Id": CORRELATION}


def refusal(play, kind):
    with pytest.raises(kind) as caught:
        play()
    return caught.value


def test_an_accepted_command_gives_the_ids_of_the_answer(server, play):
    server.on("POST", PLAY_PATH, reply(201, headers=ACCEPTED))
    accepted = play()
    assert (accepted.interaction_id, accepted.correlation_id, accepted.status) == ("int-1", CORRELATION, 201)


def test_the_command_is_the_contract_s_json(server, play):
    server.on("POST", PLAY_PATH, reply(201, headers=ACCEPTED))
    play()
    assert server.seen("POST", PLAY_PATH)[0].json == {
        "type": "play",
        "sourceType": "url",
        "sourceUrl": "https://clips.example/notice.wav",
        "mute": True,
        "maxDuration": "PT15S",
    }


def test_the_command_carries_the_token(server, play):
    server.on("POST", PLAY_PATH, reply(201, headers=ACCEPTED))
    play()
    assert server.seen("POST", PLAY_PATH)[0].headers["authorization"] == "Bearer scripted-token"


def test_sent_and_answered_are_readings_of_the_monotonic_clock(server, play):
    server.on("POST", PLAY_PATH, reply(201, headers=ACCEPTED, after_s=0.05))
    before = time.monotonic() * 1000
    accepted = play()
    assert before < accepted.sent_ms < accepted.answered_ms - 45 < time.monotonic() * 1000


@pytest.mark.parametrize("script", [reply(400), reply(429), reply(503), reply(500), reset, drop])
def test_whatever_came_of_it_the_error_says_when_it_left(server, play, script):
    server.on("POST", PLAY_PATH, script)
    before = time.monotonic()
    assert before < refusal(play, GenesysError).sent < time.monotonic()


def test_a_201_without_an_interaction_id_is_accepted_with_the_id_unknown(server, play):
    server.on("POST", PLAY_PATH, reply(201))
    assert play().interaction_id is None


def test_an_interaction_id_that_is_no_id_is_unknown(server, play):
    server.on("POST", PLAY_PATH, reply(201, headers={"X-Interaction-Id": "x" * 5000}))
    assert play().interaction_id is None


def test_the_platform_s_own_count_comes_with_the_answer(server, play):
    counts = {"inin-ratelimit-allowed": "300", "inin-ratelimit-count": "7", "inin-ratelimit-reset": "42"}
    server.on("POST", PLAY_PATH, reply(201, headers=ACCEPTED | counts))
    rate = play().rate
    assert (rate.allowed, rate.count, rate.reset_s) == (300, 7, 42.0)


@pytest.mark.parametrize("body", [b"<html>not json</html>", b"\xff\xfe", b""])
def test_a_201_counts_whatever_its_body_is(server, play, body):
    server.on("POST", PLAY_PATH, reply(201, body, headers=ACCEPTED))
    assert play().interaction_id == "int-1"


def test_a_201_whose_body_breaks_off_is_accepted(server, play):
    server.on(
        "POST", PLAY_PATH, raw(b"HTTP/1.1 201 Y\r\nX-Interaction-Id: int-1\r\nContent-Length: 9\r\n\r\n{")
    )
    assert play().interaction_id == "int-1"


def test_a_201_whose_body_trickles_does_not_hold_the_click(server, play):
    head = b"HTTP/1.1 201 Y\r\nX-Interaction-Id: int-1\r\nContent-Length: 999999\r\n\r\n"
    server.on("POST", PLAY_PATH, trickle(head, b" ", every_s=0.1))
    started = time.monotonic()
    assert play().interaction_id == "int-1"
    assert time.monotonic() - started < 2


def test_a_refused_payload_names_its_field(server, play):
    body = error_body(
        "Value [PT0S] is not valid for field type [maxDuration].",
        code="invalid.value", status=400, messageParams={"fieldValue": "PT0S", "fieldType": "maxDuration"},
    )  # fmt: skip
    server.on("POST", PLAY_PATH, reply(400, body))
    error = refusal(play, Refused)
    assert (error.field, error.status, error.correlation_id) == ("maxDuration", 400, CORRELATION)
    assert (error.retryable, error.may_have_been_sent) == (False, False)


def test_the_field_is_also_found_in_the_details(server, play):
    body = error_body("bad", code="bad.request", status=400, details=[{"fieldName": "sourceUrl"}])
    server.on("POST", PLAY_PATH, reply(400, body))
    error = refusal(play, Refused)
    assert error.field == "sourceUrl"
    assert "sourceUrl: bad" in str(error)


def test_a_missing_permission_is_a_sentence_that_says_what_to_grant(server, play):
    body = error_body(
        "Unable to perform the requested action.", code="missing.permissions", status=403,
        messageParams={"permissions": "conversation:call:barge"},
    )  # fmt: skip
    server.on("POST", PLAY_PATH, reply(403, body))
    assert str(refusal(play, Refused)) == (
        "The platform refused the command: missing permission conversation:call:barge. "
        "Ask an administrator to grant it."
    )


def test_a_404_says_that_the_call_has_ended(server, play):
    server.on("POST", PLAY_PATH, reply(404, error_body("Not found.", code="not.found", status=404)))
    error = refusal(play, Refused)
    assert "The call has ended" in error.remedy
    assert error.retryable is False


@pytest.mark.parametrize("status", [409, 410, 413, 415, 422])
def test_any_other_4xx_is_a_refusal(server, play, status):
    server.on("POST", PLAY_PATH, reply(status))
    assert refusal(play, Refused).retryable is False


def test_a_429_was_not_accepted_and_says_how_long_to_wait(server, play):
    server.on("POST", PLAY_PATH, reply(429, headers={"Retry-After": "42"}))
    error = refusal(play, RateLimited)
    assert (error.retryable, error.may_have_been_sent, error.retry_after) == (True, False, 42.0)


def test_a_429_may_name_a_date(server, play):
    server.on("POST", PLAY_PATH, reply(429, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}))
    assert refusal(play, RateLimited).retry_after == 0.0


def test_a_503_was_not_accepted(server, play):
    server.on("POST", PLAY_PATH, reply(503, headers={"Retry-After": "3"}))
    error = refusal(play, Unavailable)
    assert (error.retryable, error.may_have_been_sent, error.retry_after) == (True, False, 3.0)


@pytest.mark.parametrize("status", [500, 502, 504, 501, 599, 302, 307])
def test_an_answer_that_is_neither_yes_nor_no_is_never_repeated(server, play, status):
    server.on("POST", PLAY_PATH, reply(status, headers={"Location": "/elsewhere"}))
    error = refusal(play, Ambiguous)
    assert (error.retryable, error.may_have_been_sent) == (False, True)
    assert len(server.seen("POST", PLAY_PATH)) == 1


@pytest.mark.parametrize(
    "script",
    [
        drop,
        reset,
        silence,
        raw(b"\x00\x01garbage\r\n\r\n"),
        raw(b"HTTP/1.1 2"),
        raw(b"HTTP/1.1 201 Y\r\nX-Interaction-Id: int-1"),
        raw(b"SMTP ready\r\n"),
    ],
    ids=["closed", "reset", "timeout", "garbage", "half a status", "half a header", "another protocol"],
)
def test_a_command_that_left_without_a_clear_answer_is_in_doubt(server, play, script):
    server.on("POST", PLAY_PATH, script)
    error = refusal(play, Ambiguous)
    assert (error.retryable, error.may_have_been_sent) == (False, True)
    assert len(server.seen("POST", PLAY_PATH)) == 1


def test_an_answer_that_never_gets_beyond_its_headers_is_given_up(server, make_client):
    endless = trickle(b"HTTP/1.1 201 Y\r\n", b"X-Slow: 1\r\n", every_s=0.2)
    server.on("POST", PLAY_PATH, endless)
    client = make_client(make_config(server.url), total_timeout=1.0)
    driver = VoiceInteractionsDriver(client)
    started = time.monotonic()
    with pytest.raises(Ambiguous):
        driver.play(conversation_id=CALL, participant_id=AGENT, command=COMMAND)
    assert time.monotonic() - started < 2


def test_a_refused_connection_sent_nothing(server, make_client):
    config = make_config(f"http://127.0.0.1:{closed_port()}", login_url=server.url)
    error = refusal_of(make_client(config), NotSent)
    assert (error.retryable, error.may_have_been_sent) == (True, False)
    assert "the connection was refused" in str(error)
    assert error.remedy == "Nothing was played. It can be tried again."
    assert error.sent is None


def test_an_unknown_host_sent_nothing(server, make_client):
    error = refusal_of(make_client(make_config("http://no-such-host.invalid", server.url)), NotSent)
    assert error.may_have_been_sent is False


def test_a_failed_tls_handshake_sent_nothing(server, make_client):
    # The scripted server speaks plain HTTP, so the handshake fails before the request.
    config = make_config(server.url.replace("http:", "https:"), login_url=server.url)
    error = refusal_of(make_client(config), NotSent)
    assert error.may_have_been_sent is False
    assert server.seen("POST", PLAY_PATH) == []


def refusal_of(client, kind):
    driver = VoiceInteractionsDriver(client)
    return refusal(lambda: driver.play(conversation_id=CALL, participant_id=AGENT, command=COMMAND), kind)


def test_a_connection_that_was_closed_while_it_rested_costs_nothing(server, play):
    server.on("POST", PLAY_PATH, reply(201, headers=ACCEPTED))
    play()
    server.close_connections()
    time.sleep(0.05)
    assert play().interaction_id == "int-1"
    assert len(server.seen("POST", PLAY_PATH)) == 2


def test_a_connection_that_rested_too_long_is_not_used_again(server, make_client):
    server.on("POST", PLAY_PATH, reply(201, headers=ACCEPTED))
    client = make_client(make_config(server.url), max_idle_s=0.0)
    driver = VoiceInteractionsDriver(client)
    for _ in range(2):
        driver.play(conversation_id=CALL, participant_id=AGENT, command=COMMAND)
    first, second = server.seen("POST", PLAY_PATH)
    assert first.connection != second.connection


def test_a_kept_connection_that_dies_under_the_command_is_in_doubt(server, play):
    server.on("POST", PLAY_PATH, reply(201, headers=ACCEPTED), drop)
    play()
    error = refusal(play, Ambiguous)
    first, second = server.seen("POST", PLAY_PATH)
    assert first.connection == second.connection
    assert error.may_have_been_sent is True


def test_a_401_is_followed_by_one_new_token_and_one_more_try(server, play):
    server.on("POST", PLAY_PATH, reply(401), reply(201, headers=ACCEPTED))
    assert play().interaction_id == "int-1"
    assert len(server.seen("POST", "/oauth/token")) == 2


def test_a_401_that_stays_is_a_refusal_and_no_loop(server, play):
    server.on("POST", PLAY_PATH, reply(401, error_body("Invalid login.", code="bad.credentials", status=401)))
    error = refusal(play, Refused)
    assert (error.status, error.retryable) == (401, False)
    assert len(server.seen("POST", PLAY_PATH)) == 2


def test_a_doubtful_answer_after_a_refreshed_token_stays_in_doubt(server, play):
    server.on("POST", PLAY_PATH, reply(401), reset)
    assert refusal(play, Ambiguous).may_have_been_sent is True


def test_a_login_service_that_is_down_means_that_no_command_was_sent(server, play):
    server.on("POST", "/oauth/token", reset)
    error = refusal(play, NotSent)
    assert (error.retryable, error.may_have_been_sent) == (True, False)
    assert server.seen("POST", PLAY_PATH) == []


def test_a_duration_out_of_range_never_reaches_the_platform(server, driver):
    command = PlayCommand(source_url="https://clips.example/notice.wav", mute=False, max_duration_ms=0)
    with pytest.raises(ValueError, match="1 to 30000"):
        driver.play(conversation_id=CALL, participant_id=AGENT, command=command)
    assert server.requests == []


def test_the_secret_and_the_token_stand_in_no_error(server, play):
    server.on("POST", PLAY_PATH, reset)
    error = refusal(play, Ambiguous)
    seen = [repr(link) + str(link) for link in (error, error.__cause__, error.__context__)]
    assert "scripted-token" not in "".join(seen)


def test_cookies_of_the_platform_are_not_kept(server, play):
    server.on("POST", PLAY_PATH, reply(201, headers=ACCEPTED | {"Set-Cookie": "a=b"}))
    play()
    play()
    assert "cookie" not in server.seen("POST", PLAY_PATH)[1].headers


def test_the_environment_s_proxy_is_not_asked(server, play, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("NO_PROXY", "")
    server.on("POST", PLAY_PATH, reply(201, headers=ACCEPTED))
    assert play().interaction_id == "int-1"


def test_a_command_is_one_quick_exchange_on_a_warm_connection(server, play):
    # A socket without TCP_NODELAY would wait 40 ms here for the body of the request.
    server.on("POST", PLAY_PATH, reply(201, headers=ACCEPTED))
    play()
    took = []
    for _ in range(9):
        started = time.monotonic()
        play()
        took.append(time.monotonic() - started)
    assert sorted(took)[4] < 0.03


def test_commands_of_many_threads_use_their_own_connections(server, play):
    server.on("POST", PLAY_PATH, reply(201, headers=ACCEPTED, after_s=0.2))
    threads = [threading.Thread(target=play) for _ in range(5)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - started < 0.8


def test_a_server_that_accepts_and_never_reads_cannot_hold_the_command(make_client, server):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        config = make_config(f"http://127.0.0.1:{deaf.getsockname()[1]}", login_url=server.url)
        started = time.monotonic()
        assert refusal_of(make_client(config), Ambiguous).may_have_been_sent is True
    assert time.monotonic() - started < 2
