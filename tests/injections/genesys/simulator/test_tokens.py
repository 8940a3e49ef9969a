import time
from typing import Any

import pytest

from tests.injections.genesys.simulator.conftest import Api
from tests.support.simulator_process import SimulatorProcess

GRANT = {"grant_type": "client_credentials"}


def ask(api: Api) -> Any:
    return api.get("/api/v2/routing/queues")


def test_the_known_client_gets_a_bearer_token_for_a_day(api: Api, simulator: SimulatorProcess):
    answer = api.log_in(simulator)
    assert (answer.status_code, answer.json()["token_type"], answer.json()["expires_in"]) == (
        200,
        "bearer",
        86399,
    )


def test_a_wrong_secret_is_an_invalid_client(api: Api, simulator: SimulatorProcess):
    answer = api.post("/oauth/token", auth=(simulator.client_id, "wrong"), data=GRANT)
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": "invalid_client",
            "description": "authentication failed",
            "error_description": "authentication failed",
        },
    )


@pytest.mark.parametrize("authorization", ["", "Basic", "Basic %%%", "Bearer abc"])
def test_a_malformed_client_is_an_invalid_client(api: Api, authorization: str):
    answer = api.post("/oauth/token", headers={"Authorization": authorization}, data=GRANT)
    assert answer.json()["error"] == "invalid_client"


def test_a_request_without_a_token_is_told_so(api: Api):
    del api.headers["Authorization"]
    assert (ask(api).status_code, ask(api).json()["code"]) == (401, "authentication.required")


def test_an_unknown_token_is_refused(api: Api):
    api.headers["Authorization"] = "Bearer something"
    assert (ask(api).status_code, ask(api).json()["code"]) == (401, "bad.credentials")


def test_an_expired_token_is_called_expired(api: Api, simulator: SimulatorProcess):
    simulator.expire_tokens()
    assert (ask(api).status_code, ask(api).json()["code"]) == (401, "credentials.expired")


def test_a_revoked_token_is_unknown(api: Api, simulator: SimulatorProcess):
    simulator.expire_tokens(revoke=True)
    assert ask(api).json()["code"] == "bad.credentials"


def test_a_token_ends_after_its_life(api: Api, simulator: SimulatorProcess):
    simulator.expire_tokens(lifetime_s=1)
    try:
        assert api.log_in(simulator).json()["expires_in"] == 1
        assert ask(api).status_code == 200
        time.sleep(1.05)
        assert ask(api).json()["code"] == "credentials.expired"
    finally:
        simulator.expire_tokens(lifetime_s=86399)


def test_a_token_over_its_rate_is_told_when_to_come_back(api: Api, simulator: SimulatorProcess):
    simulator.set_rate_limit(2, window_s=30)
    api.get("/api/v2/webhooks")
    last_good, refused = ask(api), ask(api)
    assert last_good.headers["inin-ratelimit-count"] == "2"
    assert last_good.headers["inin-ratelimit-allowed"] == "2"
    assert (refused.status_code, refused.json()["code"]) == (429, "too.many.requests.retry.after")
    wait = int(refused.headers["Retry-After"])
    assert 28 <= wait <= 30
    assert refused.headers["inin-ratelimit-reset"] == str(wait)
    assert (
        refused.json()["message"] == f"Rate limit exceeded the maximum. Retry the request in [{wait}] seconds"
    )


def test_a_rate_window_ends(api: Api, simulator: SimulatorProcess):
    simulator.set_rate_limit(1, window_s=0.2)
    assert [ask(api).status_code, ask(api).status_code] == [200, 429]
    time.sleep(0.25)
    assert ask(api).status_code == 200


def test_every_answer_carries_its_correlation_id_and_an_error_repeats_it(api: Api):
    answer = api.get("/api/v2/no-such-thing")
    assert answer.status_code == 404
    assert answer.json()["contextId"] == answer.headers["ININ-Correlation-Id"]
    assert set(answer.json()) == {"message", "code", "status", "contextId", "details", "errors"}


def test_a_method_that_a_path_does_not_have_is_refused_as_such(api: Api):
    assert api.put("/api/v2/routing/queues").status_code == 405
