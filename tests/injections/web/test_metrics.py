"""The gauges, and who may read them."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from injections.genesys.breaker import BreakerState
from injections.genesys.budget import BudgetState
from injections.lifecycle import Status
from injections.models import FeedState
from tests.factories import InjectionFactory, QaEventFactory
from tests.injections.web.conftest import put_gate

pytestmark = pytest.mark.django_db
TOKEN = "a-token-of-the-scraper"


def gauges(client: Client) -> dict[str, float]:
    """Return what is read, by its name without the prefix."""
    lines = client.get("/metrics").content.decode().splitlines()
    pairs = [line.removeprefix("bargeportal_").split() for line in lines if not line.startswith("#")]
    return {name: float(value) for name, value in pairs}


def test_the_text_form_is_that_of_prometheus(client: Client):
    answer = client.get("/metrics")
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    text = answer.content.decode()
    assert "# HELP bargeportal_injections_waiting Injections that wait to be sent\n" in text
    assert "# TYPE bargeportal_injections_waiting gauge\nbargeportal_injections_waiting 0.0\n" in text


def test_every_gauge_is_described(client: Client):
    from tests.architecture.test_sizes_and_names import ROOT

    names = {
        line.split()[2] for line in client.get("/metrics").content.decode().splitlines() if "HELP" in line
    }
    described = (ROOT / "docs" / "metrics.md").read_text()
    assert [name for name in names if f"`{name}`" not in described] == []


def test_they_count_what_waits_and_what_nobody_knows(client: Client):
    InjectionFactory(due_at=timezone.now() - timedelta(seconds=9))
    doubt = {"due_at": None, "reason_code": "outcome_unknown", "error": "lost"}
    InjectionFactory.create_batch(2, status=Status.UNKNOWN, **doubt)
    InjectionFactory(status=Status.UNCONFIRMED, **doubt)
    read = gauges(client)
    assert (read["injections_waiting"], read["injections_unknown"], read["injections_unconfirmed"]) == (
        1,
        2,
        1,
    )
    assert 9 <= read["injections_overdue_seconds"] < 90


def test_they_count_what_the_qa_system_did_not_take(client: Client):
    QaEventFactory(created_at=timezone.now() - timedelta(minutes=5))
    QaEventFactory(tries=2, error="answered 503")
    read = gauges(client)
    assert (read["qa_events_waiting"], read["qa_events_failed"]) == (1, 1)
    assert 300 <= read["qa_events_oldest_seconds"] < 390


def test_they_tell_of_breaker_and_budget(client: Client):
    now = timezone.now().timestamp()
    put_gate(
        BreakerState(opened_at=now, forced_by="Ada"), BudgetState(allowed=300, used=100, ends_at=now + 30)
    )
    read = gauges(client)
    assert (read["gate_known"], read["breaker_open"], read["breaker_forced"]) == (1, 1, 1)
    assert (read["requests_allowed"], read["requests_left"]) == (300, 198)


def test_what_is_not_known_has_no_sample(client: Client, no_shared_state: None):
    read = gauges(client)
    assert read["gate_known"] == 0
    assert {"breaker_open", "requests_left", "watcher_age_seconds"}.isdisjoint(read)


def test_they_tell_how_old_the_board_is(client: Client):
    FeedState.objects.create(snapshot_at=timezone.now() - timedelta(seconds=4))
    assert 4 <= gauges(client)["watcher_age_seconds"] < 6


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.8", "::1"])
def test_this_machine_may_read_them(client: Client, address: str):
    assert client.get("/metrics", REMOTE_ADDR=address).status_code == 200


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1", "", "unix:"])
def test_no_other_may(client: Client, address: str):
    answer = client.get("/metrics", REMOTE_ADDR=address)
    assert answer.status_code == 403
    assert "METRICS_TOKEN" in answer.content.decode()


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via"])
def test_whoever_comes_through_a_proxy_on_this_machine_is_not_from_here(client: Client, header: str):
    assert client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 403


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_the_token_opens_them_from_anywhere(client: Client, settings: Any, scheme: str):
    settings.METRICS_TOKEN = TOKEN
    headers = {"Authorization": f"{scheme} {TOKEN}", "X-Forwarded-For": "192.0.2.1"}
    assert client.get("/metrics", headers=headers, REMOTE_ADDR="192.0.2.1").status_code == 200


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer x", f"Token {TOKEN}", f"Bearer {TOKEN}x", "Bearer \u00e9"]
)
def test_without_the_right_token_not_even_this_machine_reads_them(client: Client, settings: Any, given: str):
    settings.METRICS_TOKEN = TOKEN
    answer = client.get("/metrics", headers={"Authorization": given})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"


def test_they_cannot_be_written(client: Client):
    assert client.post("/metrics").status_code == 405


def test_they_cost_a_handful_of_queries_at_any_length(client: Client, django_assert_max_num_queries: Any):
    InjectionFactory.create_batch(20)
    with django_assert_max_num_queries(8):
        client.get("/metrics")
