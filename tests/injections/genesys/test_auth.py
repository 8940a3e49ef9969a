"""The token: one for all threads, renewed in time, and no login service is hammered."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from injections.genesys.auth import Token, TokenProvider, make_token
from injections.genesys.drivers.voice_interactions import VoiceInteractionsDriver
from injections.genesys.errors import CredentialsRejected, NotSent, RateLimited, Unavailable
from tests.support.scripted_server import closed_port, reply, scripted_server, token

from .conftest import CALL_PATH, SECRET, make_config


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Login:
    """Gives a new token at each asking, or raises what it was told to."""

    def __init__(self, clock, lifetime=86399):
        self.clock, self.lifetime, self.asked, self.error = clock, lifetime, 0, None

    def __call__(self):
        self.asked += 1
        if self.error is not None:
            raise self.error
        return make_token(value=f"t{self.asked}", expires_in=self.lifetime, asked_at=self.clock())


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def login(clock):
    return Login(clock)


@pytest.fixture
def tokens(login, clock):
    return TokenProvider(fetch=login, clock=clock)


@pytest.mark.parametrize(
    ("lifetime", "renewed_after"),
    [(86399, 86099), (600, 300), (599, 299.5), (300, 150), (60, 30), (10**12, 172800 - 300)],
)
def test_a_token_is_renewed_in_time(lifetime, renewed_after):
    made = make_token(value="t", expires_in=lifetime, asked_at=1000.0)
    assert made.renew_at == 1000.0 + renewed_after


@pytest.mark.parametrize("lifetime", [None, "3600", -1, 0, True, float("nan"), [], {}])
def test_a_lifetime_that_makes_no_sense_is_taken_for_the_shortest(lifetime):
    assert make_token(value="t", expires_in=lifetime, asked_at=0.0).expires_at == 300.0


def test_a_lifetime_without_end_is_bounded():
    assert make_token(value="t", expires_in=float("inf"), asked_at=0.0).expires_at == 48 * 3600


@pytest.mark.parametrize("value", [None, "", 7, "two words", "line\r\nbreak", "ü", "x" * 9000])
def test_what_cannot_be_put_into_a_header_is_no_token(value):
    assert make_token(value=value, expires_in=60, asked_at=0.0) is None


def test_a_token_is_used_until_five_minutes_before_its_end(tokens, login, clock):
    tokens.current()
    clock.now += 86399 - 301
    assert tokens.current().value == "t1"
    clock.now += 2
    assert tokens.current().value == "t2"


def test_a_rejected_token_is_fetched_anew_once_for_all_who_were_rejected(tokens, login):
    old = tokens.current()
    assert tokens.renew(rejected=old).value == "t2"
    assert tokens.renew(rejected=old).value == "t2"
    assert login.asked == 2


def test_a_renewal_that_fails_early_leaves_the_token_in_use(tokens, login, clock):
    tokens.current()
    clock.now += 86399 - 200
    login.error = NotSent("down")
    assert tokens.current().value == "t1"


def test_a_renewal_that_failed_is_not_tried_by_every_request(tokens, login, clock):
    tokens.current()
    clock.now += 86399 - 200
    login.error = NotSent("down")
    for _ in range(5):
        tokens.current()
    assert login.asked == 2
    clock.now += 11
    login.error = None
    assert tokens.current().value == "t3"


def test_a_token_that_has_ended_is_not_used_when_the_renewal_fails(tokens, login, clock):
    tokens.current()
    clock.now += 86400
    login.error = NotSent("down")
    with pytest.raises(NotSent):
        tokens.current()


def test_a_rejected_client_is_not_asked_again_for_a_while(tokens, login, clock):
    login.error = CredentialsRejected("no", remedy="check")
    for _ in range(5):
        with pytest.raises(CredentialsRejected):
            tokens.current()
    assert login.asked == 1
    clock.now += 31
    login.error = None
    assert tokens.current().value == "t2"


def test_a_client_that_is_rejected_during_an_early_renewal_leaves_the_token_in_use(tokens, login, clock):
    tokens.current()
    clock.now += 86399 - 200
    login.error = CredentialsRejected("no")
    for seconds in (0, 15):
        clock.now += seconds
        assert tokens.current().value == "t1"


def test_the_error_of_the_one_who_asked_is_the_error_of_all(clock):
    gate, asked = threading.Event(), []

    def fetch():
        asked.append(1)
        gate.wait(5)
        raise NotSent("down")

    tokens = TokenProvider(fetch=fetch, clock=clock)
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(tokens.current) for _ in range(8)]
        while len(asked) == 0 or sum(job.running() for job in jobs) < 8:
            pass
        gate.set()
        errors = [job.exception(timeout=5) for job in jobs]
    assert all(isinstance(error, NotSent) for error in errors)


def test_nobody_waits_for_an_early_renewal_but_the_one_who_does_it(clock):
    gate, entered = threading.Event(), threading.Event()
    given = [
        Token("first", renew_at=1010.0, expires_at=2000.0),
        Token("second", renew_at=3000.0, expires_at=4000.0),
    ]

    def fetch():
        if len(given) == 1:
            entered.set()
            gate.wait(5)
        return given.pop(0)

    tokens = TokenProvider(fetch=fetch, clock=clock)
    tokens.current()
    clock.now = 1011.0
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(tokens.current)
        entered.wait(5)
        assert tokens.current().value == "first"
        gate.set()
        assert renewing.result(timeout=5).value == "second"


def test_eight_threads_make_one_token_request(server, make_client):
    server.on("POST", "/oauth/token", token(after_s=0.1))
    server.on("GET", CALL_PATH, reply(200))
    client = make_client(make_config(server.url))
    with ThreadPoolExecutor(8) as pool:
        assert [a.status for a in pool.map(client.read, [CALL_PATH] * 8)] == [200] * 8
    assert len(server.seen("POST", "/oauth/token")) == 1


def test_eight_threads_whose_token_expired_make_one_more(server, make_client):
    server.on("POST", "/oauth/token", token("old"), token("new", after_s=0.1))
    server.on("GET", "/warm", reply(200))
    server.on("GET", CALL_PATH, *[reply(401, after_s=0.05)] * 8, reply(200))
    client = make_client(make_config(server.url))
    client.read("/warm")
    with ThreadPoolExecutor(8) as pool:
        assert [a.status for a in pool.map(client.read, [CALL_PATH] * 8)] == [200] * 8
    assert len(server.seen("POST", "/oauth/token")) == 2


def test_the_token_request_is_the_contract_s(server, client):
    client.warm()
    asked = server.seen("POST", "/oauth/token")[0]
    assert asked.body == b"grant_type=client_credentials"
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.headers["authorization"].startswith("Basic ")


def test_an_invalid_client_is_a_configuration_error_that_says_what_to_check(server, client):
    server.on("POST", "/oauth/token", reply(400, {"error": "invalid_client", "description": "no"}))
    with pytest.raises(CredentialsRejected, match="GENESYS_CLIENT_ID") as caught:
        client.warm()
    assert caught.value.retryable is False
    assert SECRET not in str(caught.value)


def test_a_login_address_that_is_none_is_a_configuration_error(server, client):
    server.on("POST", "/oauth/token", reply(404, b"<html>"))
    with pytest.raises(CredentialsRejected, match="GENESYS_LOGIN_URL"):
        client.warm()


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (reply(429, headers={"Retry-After": "9"}), RateLimited),
        (reply(503), Unavailable),
        (reply(500), Unavailable),
        (reply(302), Unavailable),
        (reply(200, b"<html>"), Unavailable),
        (reply(200, []), Unavailable),
        (reply(200, {"token_type": "bearer"}), Unavailable),
    ],
)
def test_a_login_service_in_trouble_can_be_waited_for(server, client, script, kind):
    server.on("POST", "/oauth/token", script)
    with pytest.raises(kind) as caught:
        client.warm()
    assert (caught.value.retryable, caught.value.may_have_been_sent) == (True, False)


def test_secrets_stand_in_no_representation(server, client):
    client.warm()
    shown = repr(client.config) + repr(client._tokens.current()) + repr(vars(client))
    assert SECRET not in shown
    assert "scripted-token" not in shown


def test_warm_opens_three_connections_to_the_api(server, make_client):
    with scripted_server() as api:
        client = make_client(make_config(api.url, login_url=server.url))
        client.warm()
        api.on("GET", CALL_PATH, reply(200))
        client.read(CALL_PATH)
        assert api.connections == 3


def test_an_api_that_is_down_at_start_is_an_error_that_can_be_waited_for(server, make_client):
    client = make_client(make_config(f"http://127.0.0.1:{closed_port()}", login_url=server.url))
    with pytest.raises(NotSent, match=r"the connection was refused\. It can be tried again\.$"):
        VoiceInteractionsDriver(client).warm()
