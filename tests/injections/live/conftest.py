"""A living centre of forty calls, and a portal that knows three of its queues."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from injections import wiring
from injections.genesys.simulator.people import QUEUES
from injections.live.watcher import Watcher
from injections.models import Queue
from tests.support.simulator_process import SimulatorProcess, start_simulator


@pytest.fixture(scope="module")
def centre_process() -> Iterator[SimulatorProcess]:
    """A centre of forty calls that stay as they are until a test changes them."""
    with start_simulator(calls=40, quiet_centre=True, heartbeat=0.1, seed=4) as simulator:
        yield simulator


@pytest.fixture
def centre(centre_process: SimulatorProcess, settings: Any, tmp_path: Path) -> Iterator[SimulatorProcess]:
    """The same, with this process's client pointed at it and three of its four queues known to the portal."""
    centre_process.reset()
    settings.GENESYS_CLIENT_ID = centre_process.client_id
    settings.GENESYS_CLIENT_SECRET = centre_process.client_secret
    settings.GENESYS_API_URL = settings.GENESYS_LOGIN_URL = centre_process.url
    settings.PORTAL_DATA_DIR = tmp_path  # breaker closed, budget full, whatever an earlier test did
    for queue in QUEUES[:3]:
        Queue.objects.create(id=queue.id, name=queue.name)
    yield centre_process
    centre_process.hang_up()
    wiring.client().close()


@pytest.fixture
def watcher(centre: SimulatorProcess) -> Watcher:
    """A watcher that does only what it is told to."""
    return Watcher(wiring.client(), stop=threading.Event())
