"""Registering for completion events, against a simulator: once, replaced when it points elsewhere, never fatal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from django.urls import resolve

from audit.models import AuditRecord
from injections import gate, wiring
from injections.callers import system_caller
from injections.models import CompletionRegistration
from injections.services.registration import NAME, receiver_address, register_completion_webhook
from tests.factories import InjectionFactory
from tests.injections.conftest import remove_webhooks, webhooks
from tests.injections.live.test_probing import open_breaker
from tests.support.scripted_server import closed_port
from tests.support.simulator_process import SimulatorProcess, start_simulator

pytestmark = pytest.mark.django_db
WORKER = system_caller(where="test")


@pytest.fixture(scope="module")
def process() -> Iterator[SimulatorProcess]:
    """A simulator whose webhooks are this module's own."""
    with start_simulator() as simulator:
        yield simulator


@pytest.fixture
def platform(process: SimulatorProcess, settings: Any, tmp_path: Path) -> Iterator[SimulatorProcess]:
    """The same without a webhook, with this process's client pointed at it."""
    process.reset()
    settings.GENESYS_CLIENT_ID = process.client_id
    settings.GENESYS_CLIENT_SECRET = process.client_secret
    settings.GENESYS_API_URL = settings.GENESYS_LOGIN_URL = process.url
    settings.PORTAL_DATA_DIR = tmp_path  # breaker closed, budget full, whatever an earlier test did
    settings.PORTAL_BASE_URL = "https://portal.example"
    remove_webhooks()
    yield process
    wiring.client().close()


def _register() -> bool:
    return register_completion_webhook(by=WORKER)


def _state() -> CompletionRegistration:
    return CompletionRegistration.objects.get()


def test_the_receiver_is_registered_as_the_contract_says(platform: SimulatorProcess) -> None:
    assert _register()
    [hook] = webhooks()
    assert {key: hook[key] for key in hook if key != "id"} == {
        "name": "qa-sync-injection",
        "address": receiver_address(),
        "event": "conversation:voice:interaction:completed",
        "enabled": True,
        "filter": {"field": "conversationId", "operator": "eq", "values": ["*"]},
    }


def test_the_address_is_the_portal_s_own_and_holds_the_secret(settings: Any) -> None:
    settings.PORTAL_BASE_URL = "https://portal.example"
    assert receiver_address() == f"https://portal.example/webhooks/completion/{settings.COMPLETION_SECRET}"


@pytest.mark.parametrize("secret", ["a/b//c", "/+==/", "?a=b#c", "50%2Fx%", "../..", "é 🔑"])
def test_any_secret_comes_back_to_the_receiver(settings: Any, secret: str) -> None:
    settings.COMPLETION_SECRET = secret
    path = receiver_address().removeprefix(f"{settings.PORTAL_BASE_URL}/webhooks/completion/")
    assert set("/?# ").isdisjoint(path)
    match = resolve(f"/webhooks/completion/{unquote(path)}")  # as a server hands it to the application
    assert (match.view_name, match.kwargs) == ("completion", {"secret": secret})


def test_registering_again_changes_nothing(platform: SimulatorProcess) -> None:
    _register()
    [first] = webhooks()
    assert _register()
    assert webhooks() == [first]
    assert AuditRecord.objects.filter(action="completion.registered").count() == 1


def test_a_confirmation_is_noted_each_time(platform: SimulatorProcess) -> None:
    _register()
    first = _state().confirmed_at
    _register()
    assert first is not None
    assert _state().confirmed_at > first  # type: ignore[operator]


def test_another_portal_of_the_same_organisation_keeps_its_own(
    platform: SimulatorProcess, settings: Any
) -> None:
    _register()
    settings.PORTAL_BASE_URL = "https://staging.example"
    assert _register()
    assert len(webhooks()) == 2
    assert AuditRecord.objects.filter(action="completion.registered").count() == 2


def test_a_changed_secret_replaces_the_old_address(platform: SimulatorProcess, settings: Any) -> None:
    _register()
    settings.COMPLETION_SECRET = "another-secret-of-the-tests"
    _register()
    assert [hook["address"] for hook in webhooks()] == [receiver_address()]


def test_another_system_s_webhook_is_left_alone(platform: SimulatorProcess) -> None:
    other = {
        "name": "somebody-else",
        "address": "https://other.example/hook",
        "event": "conversation:voice:interaction:completed",
        "filter": {"field": "conversationId", "operator": "eq", "values": ["*"]},
    }
    wiring.client().command("POST", "/api/v2/webhooks", json=other)
    _register()
    assert {hook["name"] for hook in webhooks()} == {"somebody-else", NAME}


def test_the_record_of_it_does_not_hold_the_secret(platform: SimulatorProcess, settings: Any) -> None:
    _register()
    assert settings.COMPLETION_SECRET not in AuditRecord.objects.get(action="completion.registered").body


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 403},
        {"kind": "status", "status": 503},
        {"kind": "reset"},
        {"kind": "garbage"},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}",
)
def test_a_failure_is_kept_for_the_status_page_and_not_raised(
    platform: SimulatorProcess, fault: dict[str, Any]
) -> None:
    fault = dict(fault)
    platform.plant(fault.pop("kind"), path="/api/v2/webhooks", times=None, **fault)
    assert not _register()
    state = _state()
    assert state.problem
    assert state.confirmed_at is None


def test_a_platform_that_is_away_is_a_problem_and_no_error(settings: Any) -> None:
    settings.GENESYS_API_URL = settings.GENESYS_LOGIN_URL = f"http://127.0.0.1:{closed_port()}"
    assert not _register()
    assert _state().problem


def test_a_problem_does_not_forget_when_it_was_last_confirmed(platform: SimulatorProcess) -> None:
    _register()
    confirmed = _state().confirmed_at
    platform.plant("status", path="/api/v2/webhooks", status=503)
    _register()
    assert (_state().confirmed_at, bool(_state().problem)) == (confirmed, True)


def test_it_closes_an_open_breaker_where_nothing_else_asks(platform: SimulatorProcess) -> None:
    open_breaker()
    assert _register()
    assert not gate.view().is_open


def test_what_waits_to_be_played_probes_itself(platform: SimulatorProcess) -> None:
    InjectionFactory()
    open_breaker()
    assert not _register()
    assert gate.view().is_open
    assert gate.ask() is None  # the probe is still to be had


def test_opened_by_hand_the_breaker_holds_it_back_too(platform: SimulatorProcess) -> None:
    gate.force_open(by="Ada")
    platform.clear_ledger()
    assert not _register()
    assert "held back" in _state().problem
    assert platform.ledger()["requests"] == {}


def test_a_later_success_clears_the_problem(platform: SimulatorProcess) -> None:
    platform.plant("status", path="/api/v2/webhooks", status=503)
    _register()
    assert _register()
    assert _state().problem == ""
