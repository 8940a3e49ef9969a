"""Call state and consent: both questions at once, and no answer that could be mistaken."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from injections.genesys.drivers.voice_interactions import VoiceInteractionsDriver
from injections.genesys.errors import (
    Ambiguous,
    CredentialsRejected,
    NotSent,
    RateLimited,
    Refused,
    Unavailable,
)
from tests.support.scripted_server import drop, raw, reply, reset, silence, token, trickle

from .conftest import (
    AGENT,
    AGENT_PATH,
    CALL,
    CALL_PATH,
    CORRELATION,
    call_body,
    error_body,
    make_config,
    participant_body,
)


def answers(server, *, call=None, participant=None):
    server.on("GET", CALL_PATH, call or reply(200, call_body()))
    server.on("GET", AGENT_PATH, participant or reply(200, participant_body()))


def test_call_and_participant_are_read(server, ask):
    answers(server)
    state = ask()
    assert (state.conversation.id, state.conversation.state) == (str(CALL), "active")
    assert (state.participant.id, state.participant.user_id) == (
        str(AGENT),
        "7d3e1f00-aaaa-4b1b-8c2c-0000000000a1",
    )
    assert state.conversation.participants == (state.participant,)


def test_both_questions_are_asked_at_once(server, ask):
    ask_token_first(server, ask)
    answers(
        server,
        call=reply(200, call_body(), after_s=0.4),
        participant=reply(200, participant_body(), after_s=0.4),
    )
    started = time.monotonic()
    ask()
    assert time.monotonic() - started < 0.79  # one after the other would take 0.8


def ask_token_first(server, ask):
    answers(server)
    ask()


def test_both_correlation_ids_are_kept(server, ask):
    answers(
        server,
        call=reply(200, call_body(), headers={"ININ-Correlation-Id": "one"}),
        participant=reply(200, participant_body(), headers={"ININ-Correlation-Id": "two"}),
    )
    assert ask().correlation_ids == ("one", "two")


def test_a_call_that_is_gone_is_none(server, ask):
    answers(server, call=reply(404, error_body("Not found", code="not.found", status=404)))
    state = ask()
    assert state.conversation is None
    assert state.participant is not None
    assert state.correlation_ids == (CORRELATION,)


def test_a_participant_who_is_gone_is_none(server, ask):
    answers(server, participant=reply(404))
    state = ask()
    assert state.participant is None
    assert state.conversation is not None


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"supervision_consent": "true"}, {"supervision_consent": "true"}),
        ({"supervision_consent": True}, {}),
        ({"supervision_consent": None}, {}),
        ({"supervision_consent": "TRUE"}, {"supervision_consent": "TRUE"}),
        ({}, {}),
        (None, None),
        (["supervision_consent"], None),
    ],
)
def test_attributes_are_a_map_of_strings_or_absent(server, ask, given, kept):
    answers(server, participant=reply(200, participant_body(customAttributes=given)))
    assert ask().participant.custom_attributes == kept


def test_attributes_that_are_not_there_are_none(server, ask):
    body = participant_body()
    del body["customAttributes"]
    answers(server, participant=reply(200, body))
    assert ask().participant.custom_attributes is None


@pytest.mark.parametrize("missing", ["state", "participants", "startTime"])
def test_a_call_with_a_missing_key_is_read_as_far_as_it_goes(server, ask, missing):
    body = call_body()
    del body[missing]
    answers(server, call=reply(200, body))
    state = ask().conversation.state
    assert state == ("" if missing == "state" else "active")


def unverified(ask, kind):
    with pytest.raises(kind) as caught:
        ask()
    assert caught.value.may_have_been_sent is False
    return caught.value


@pytest.mark.parametrize(
    "script",
    [
        reply(200, b"<html>hello</html>"),
        reply(200, b"[]"),
        reply(200, b'"active"'),
        reply(200, b"\xff"),
        reply(200, b"[" * 100_000),
        reply(204, b""),
        reply(302, headers={"Location": CALL_PATH}),
        reply(500),
        reply(502),
        reply(504),
        reset,
        drop,
        silence,
        raw(b"garbage\r\n\r\n"),
        raw(b'HTTP/1.1 200 Y\r\nContent-Length: 900\r\n\r\n{"id"'),
    ],
)
def test_an_answer_that_cannot_be_used_verifies_nothing(server, ask, script):
    answers(server, call=script)
    error = unverified(ask, Ambiguous)
    assert error.retryable is False
    assert "could not be verified" in error.message


def test_an_answer_about_another_call_verifies_nothing(server, ask):
    answers(server, call=reply(200, call_body(id="00000000-0000-4000-8000-000000000000")))
    unverified(ask, Ambiguous)


def test_an_answer_about_another_participant_verifies_nothing(server, ask):
    answers(server, participant=reply(200, participant_body(id="00000000-0000-4000-8000-000000000000")))
    unverified(ask, Ambiguous)


def test_an_answer_of_more_than_a_megabyte_verifies_nothing(server, ask):
    answers(server, call=reply(200, call_body(padding="x" * 1_100_000)))
    unverified(ask, Ambiguous)


def test_the_connection_is_sound_after_an_answer_that_was_too_large(server, ask):
    server.on("GET", CALL_PATH, reply(200, call_body(padding="x" * 1_100_000)), reply(200, call_body()))
    server.on("GET", AGENT_PATH, reply(200, participant_body()))
    unverified(ask, Ambiguous)
    assert ask().conversation.id == str(CALL)


def test_a_body_that_trickles_is_given_up(server, make_client):
    driver = VoiceInteractionsDriver(make_client(make_config(server.url), total_timeout=1.0))
    answers(server, call=trickle(b"HTTP/1.1 200 Y\r\nContent-Length: 99999\r\n\r\n", b" ", every_s=0.1))
    started = time.monotonic()
    with pytest.raises(Ambiguous):
        driver.fetch_call_state(conversation_id=CALL, participant_id=AGENT)
    assert time.monotonic() - started < 8  # without a limit it would trickle for hours


def test_a_rate_limit_can_be_waited_for(server, ask):
    answers(server, participant=reply(429, headers={"Retry-After": "2"}))
    error = unverified(ask, RateLimited)
    assert (error.retryable, error.retry_after) == (True, 2.0)


def test_an_overload_can_be_waited_for(server, ask):
    answers(server, call=reply(503))
    assert unverified(ask, Unavailable).retryable is True


def test_a_missing_right_to_read_is_a_refusal(server, ask):
    answers(server, call=reply(403, error_body("You are not authorized.", code="not.authorized", status=403)))
    error = unverified(ask, Refused)
    assert str(error).startswith("The platform refused the request: You are not authorized. ")
    assert error.remedy.endswith("the permission to read calls and their participants.")


def test_an_unreachable_login_service_can_be_waited_for(server, ask):
    server.on("POST", "/oauth/token", reset)
    error = unverified(ask, NotSent)
    assert error.retryable is True
    assert error.remedy == "It can be tried again."  # a login plays nothing: not a word of that


def test_a_token_that_expired_costs_one_refresh_for_both_questions(server, ask):
    server.on("POST", "/oauth/token", token("old"), token("new", after_s=0.05))
    # Late enough that neither question is asked with the new token already.
    server.on("GET", CALL_PATH, reply(401, after_s=0.2), reply(200, call_body()))
    server.on("GET", AGENT_PATH, reply(401, after_s=0.2), reply(200, participant_body()))
    assert ask().conversation is not None
    assert len(server.seen("POST", "/oauth/token")) == 2


def test_a_rejected_client_is_the_error_of_both(server, ask):
    server.on("POST", "/oauth/token", reply(400, {"error": "invalid_client"}))
    assert unverified(ask, CredentialsRejected).retryable is False


def test_many_askers_at_once_all_get_their_answers(server, make_client):
    driver = VoiceInteractionsDriver(make_client(make_config(server.url, read_timeout=3.0), pool_size=4))
    answers(server)
    with ThreadPoolExecutor(12) as pool:
        wanted = {"conversation_id": CALL, "participant_id": AGENT}
        jobs = [pool.submit(driver.fetch_call_state, **wanted) for _ in range(36)]
        assert all(job.result(timeout=10).participant is not None for job in jobs)


def test_when_both_questions_fail_the_call_s_error_is_told(server, ask):
    answers(server, call=reply(503), participant=reply(500))
    assert unverified(ask, Unavailable).status == 503
