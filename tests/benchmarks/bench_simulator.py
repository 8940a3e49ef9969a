"""How soon the simulator is there, and how soon it answers, with its living centre of 40 calls.

    python -m tests.benchmarks.bench_simulator [--starts 5] [--rounds 300]

What it answers late, the portal's own numbers would be charged with. Each request goes over one warm connection, as the
portal's client keeps it; the play commands name a port on which nobody listens, so that no recording is fetched.
"""

import argparse
import base64
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

from tests.support.scripted_server import closed_port
from tests.support.simulator_process import SimulatorProcess, start_simulator

MOST_MS = 2.0
MOST_START_S = 1.5


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=300)
    options = parser.parse_args()
    starts = [started() for _ in range(options.starts)]
    print(
        f"start to ready, median of {options.starts}         {statistics.median(starts):7.2f} s   (target: under {MOST_START_S})"
    )
    print(
        f"answers in ms, {options.rounds} each               median      p95   (target of the median: under {MOST_MS:g})"
    )
    with start_simulator(calls=40, quiet_centre=False) as simulator:
        for name, ask in questions(simulator).items():
            found = sorted(timed(ask) for _ in range(options.rounds))
            print(f"  {name:32s} {statistics.median(found):7.2f}  {found[int(len(found) * 0.95)]:7.2f}")


def started() -> float:
    """Return the seconds from nothing to the ready line."""
    began = time.perf_counter()
    with start_simulator(calls=40, quiet_centre=False):
        return time.perf_counter() - began


def questions(simulator: SimulatorProcess) -> dict[str, Callable[[], object]]:
    """Return what the portal asks, each by its name."""
    call = simulator.create_call()
    connection = HTTPConnection(simulator.url.removeprefix("http://"), timeout=5)
    headers = {"Authorization": f"Bearer {token(connection, simulator)}", "Content-Type": "application/json"}
    conversation = f"/api/v2/conversations/voice/{call['conversationId']}"
    participant = f"{conversation}/participants/{call['agentParticipantId']}"
    order = play_order()
    ask = partial(exchange, connection, headers=headers)
    return {
        "call state": lambda: ask("GET", conversation),
        "participant": lambda: ask("GET", participant),
        "play": lambda: ask("POST", f"{participant}/interactions", order),
        "one conversation, public form": lambda: ask(
            "GET", f"/api/v2/conversations/{call['conversationId']}"
        ),
        "activity of 40 calls": lambda: ask(
            "POST", "/api/v2/analytics/conversations/activity/query", ACTIVITY
        ),
    }


ACTIVITY = {
    "metrics": [{"metric": "oInteracting", "details": True}, {"metric": "oAlerting", "details": True}],
    "groupBy": ["queueId"],
    "filter": {"type": "and", "predicates": [{"dimension": "mediaType", "value": "voice"}]},
}


def play_order() -> dict[str, object]:
    """Return a command whose recording cannot be fetched."""
    url = f"http://127.0.0.1:{closed_port()}/notice.wav"
    return {"type": "play", "sourceType": "url", "sourceUrl": url, "mute": True, "maxDuration": "PT1S"}


def token(connection: HTTPConnection, simulator: SimulatorProcess) -> str:
    """Return a new access token."""
    credentials = base64.b64encode(f"{simulator.client_id}:{simulator.client_secret}".encode()).decode()
    connection.request(
        "POST",
        "/oauth/token",
        body=urlencode({"grant_type": "client_credentials"}),
        headers={
            "Authorization": f"Basic {credentials}",
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )
    return str(json.load(connection.getresponse())["access_token"])


def exchange(
    connection: HTTPConnection, method: str, path: str, body: Any = None, *, headers: dict[str, str]
) -> None:
    """Ask once, and read the answer to its end."""
    connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status in {200, 201}, (answer.status, path)


def timed(ask: Callable[[], object]) -> float:
    """Return the milliseconds of one exchange."""
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
