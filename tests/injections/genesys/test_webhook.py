"""The completion webhook: asked for first, added only when missing."""

import pytest

from injections.genesys.errors import Ambiguous, Refused
from tests.support.scripted_server import reply

NAME = "qa-sync-injection"
ADDRESS = "https://portal.example/genesys/completions"
OLD = "https://portal.example/genesys/completions-with-an-old-secret"
HOOKS = "/api/v2/webhooks"


def hook(**changes):
    body = {"id": "h1", "name": NAME, "address": ADDRESS, "enabled": True}
    return body | {"event": "conversation:voice:interaction:completed"} | changes


def register(driver):
    return driver.register_completion_webhook(name=NAME, address=ADDRESS)


def listing(server, *hooks):
    server.on("GET", HOOKS, reply(200, {"entities": list(hooks)}))
    server.on("POST", HOOKS, reply(201, hook()))
    server.on("DELETE", f"{HOOKS}/h1", reply(204, b""))


def test_a_missing_webhook_is_added_as_the_contract_says(server, driver):
    listing(server)
    assert register(driver) is True
    assert server.seen("POST", HOOKS)[0].json == {
        "name": NAME,
        "address": ADDRESS,
        "event": "conversation:voice:interaction:completed",
        "enabled": True,
        "filter": {"field": "conversationId", "operator": "eq", "values": ["*"]},
    }


def test_a_webhook_that_is_there_is_left_alone(server, driver):
    listing(server, hook(name="another", address="https://x.example/"), hook())
    assert register(driver) is False
    assert {one.method for one in server.requests if one.path == HOOKS} == {"GET"}


@pytest.mark.parametrize("changes", [{"address": OLD}, {"enabled": False}, {"event": "other"}])
def test_one_of_the_same_name_that_does_not_fit_is_replaced(server, driver, changes):
    listing(server, hook(**changes))
    assert register(driver) is True
    assert len(server.seen("DELETE", f"{HOOKS}/h1")) == len(server.seen("POST", HOOKS)) == 1


def test_a_gateway_that_cannot_remove_still_gets_the_right_one(server, driver):
    listing(server, hook(address=OLD))
    server.on("DELETE", f"{HOOKS}/h1", reply(405))
    assert register(driver) is True


@pytest.mark.parametrize("listed", [{}, {"entities": None}, {"entities": [None, 7, {}]}])
def test_a_list_without_webhooks_means_that_it_is_missing(server, driver, listed):
    server.on("GET", HOOKS, reply(200, listed))
    server.on("POST", HOOKS, reply(201))
    assert register(driver) is True


def test_a_list_that_cannot_be_read_adds_nothing(server, driver):
    server.on("GET", HOOKS, reply(200, b"<html>"))
    with pytest.raises(Ambiguous):
        register(driver)
    assert server.seen("POST", HOOKS) == []


def test_a_refused_registration_is_an_error(server, driver):
    listing(server)
    server.on("POST", HOOKS, reply(403))
    with pytest.raises(Refused):
        register(driver)
