"""People at their browsers, and calls for them to look at."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from audit.models import AuditRecord
from injections import wiring
from injections.genesys import breaker, budget
from injections.genesys.breaker import BreakerState
from injections.genesys.budget import BudgetState
from injections.models import LiveCall, Queue
from injections.roles import Role
from injections.shared_state import StateUnavailable
from injections.web.views import standing
from tests.factories import AudioClipFactory, LiveCallFactory, QueueFactory, UserFactory
from tests.support.portal import PortalProcess

HTMX = {"HX-Request": "true"}
CARDS = "5e9d2c00-cccc-4d4d-8e8e-0000000000c3"  # a queue of the demo


@pytest.fixture(autouse=True)
def _a_gate_of_its_own(settings: Any, tmp_path: Path) -> None:
    """Breaker closed, budget full, nothing remembered: whatever an earlier test did to the platform."""
    settings.PORTAL_DATA_DIR = tmp_path
    standing._feeds.clear()


@pytest.fixture
def cards(db: None) -> Queue:
    """The queue of the supervisor under test."""
    return QueueFactory(name="Cards")


@pytest.fixture
def browser_of(db: None) -> Callable[..., Client]:
    """Return a maker of clients that are logged in with a role."""

    def make(role: Role, *, queues: Any = ()) -> Client:
        user = UserFactory(role=role)
        user.supervised_queues.set(queues)
        client = Client()
        client.force_login(user)
        client.user = user  # type: ignore[attr-defined]
        return client

    return make


@pytest.fixture
def supervisor(browser_of: Callable[..., Client], cards: Queue) -> Client:
    """A supervisor of Cards, logged in."""
    return browser_of(Role.SUPERVISOR, queues=[cards])


@pytest.fixture
def call(cards: Queue) -> LiveCall:
    """A call that may be barged."""
    from injections.models import FeedState

    made: LiveCall = LiveCallFactory(queue=cards)
    FeedState.objects.create(snapshot_at=made.seen_at, heard_at=made.seen_at)
    return made


@pytest.fixture
def choice(call: LiveCall) -> Callable[..., dict[str, str]]:
    """Return a maker of what the arm form sends for `call`; None leaves a field out."""

    def make(**changes: Any) -> dict[str, str]:
        values = {
            "clip": changes.pop("clip", None) or str(AudioClipFactory().pk),
            "agent_mute": "on",
            "normalize_level": "on",
            "reason": "Recording notice was not given",
            "participant_id": str(call.agent_participant_id),
            "seen_version": call.version,
        } | changes
        return {name: value for name, value in values.items() if value is not None}

    return make


def records(action: str) -> list[AuditRecord]:
    """Return the records of one action, oldest first."""
    return list(AuditRecord.objects.filter(action=action).order_by("id"))


def put_gate(stands: BreakerState | None = None, spent: BudgetState | None = None) -> None:
    """Put breaker and request budget into a state, as if other processes had brought them there."""
    data = {
        "breaker": breaker.to_data(stands or BreakerState()),
        "budget": budget.to_data(spent or BudgetState()),
    }
    wiring.shared_state().update("upstream", lambda _: data)


class OutOfReach:
    """Shared state that nobody answers for."""

    def read(self, key: str) -> None:
        raise StateUnavailable("nobody there")

    def update(self, key: str, change: object) -> None:
        raise StateUnavailable("nobody there")


@pytest.fixture
def no_shared_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """What all processes share cannot be reached."""
    monkeypatch.setattr(wiring, "shared_state", OutOfReach)


@pytest.fixture
def sign_in(portal: PortalProcess, page: Any) -> Callable[[str], None]:
    def as_user(name: str) -> None:
        page.goto(f"{portal.url}/login/")
        page.fill("#id_username", name)
        page.fill("#id_password", portal.password)
        page.press("#id_password", "Enter")
        page.wait_for_selector("nav")

    return as_user


@pytest.fixture
def new_call(portal: PortalProcess) -> Callable[..., dict[str, Any]]:
    def make(agent: str, **fields: Any) -> dict[str, Any]:
        return portal.simulator.create_call(agentName=agent, queueId=CARDS, stable=True, **fields)

    return make
