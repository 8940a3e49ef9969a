"""Acts of the product: each done once as it is done in use, with the action under which it must be on record."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from injections.callers import Caller, system_caller
from injections.roles import Role
from tests.factories import (
    InjectionFactory,
)
from tests.support.simulator_process import SimulatorProcess

LONG_AGO = timedelta(minutes=5)
PASSWORD = "a-Long-Enough-pass-7"


@dataclass(frozen=True)
class World:
    """What stands before an act: who acts is made here, and so is what is acted upon."""

    browser_of: Callable[..., Client]
    simulator: SimulatorProcess
    demo_clip: Callable[..., Any]
    patch: pytest.MonkeyPatch

    @property
    def worker(self) -> Caller:
        """The portal itself."""
        return system_caller(where="worker")

    def form(self, role: Role, path: str, **fields: Any) -> Callable[[], None]:
        """Return what sends a form as somebody with `role`, who is there already."""
        browser = self.browser_of(role)

        def send() -> None:
            answer = browser.post(path, fields)
            assert answer.status_code in {200, 302}, answer.content

        return send

    def waiting(self, **fields: Any) -> Any:
        """Return an injection into a call that the platform has."""
        call = self.simulator.create_call()
        return InjectionFactory(
            conversation_id=UUID(call["conversationId"]),
            participant_id=UUID(call["agentParticipantId"]),
            normalize_level=False,
            **fields,
        )


@dataclass(frozen=True)
class Act:
    """`prepare` makes what must be there, and returns the act itself."""

    action: str
    prepare: Callable[[World], Callable[[], object]]


ACTS: dict[str, Act] = {}


def act(action: str, *names: str) -> Callable[[Callable[[World], Callable[[], object]]], None]:
    """Note an act under the names of all that leads to it."""

    def note(prepare: Callable[[World], Callable[[], object]]) -> None:
        for name in names:
            ACTS[name] = Act(action, prepare)

    return note
