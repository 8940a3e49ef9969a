"""Where the CPU time of an injection goes: the stack of POST /inject within one process, part by part.

    python -m tests.benchmarks.profile_inject [--rounds 200]

PostgreSQL, Redis and a simulator as processes of their own, the platform answering at once. What is counted is the CPU
time of this process alone (`time.thread_time`), so a busy machine disturbs it less than it disturbs a clock.
"""

import argparse
import gc
import importlib
import io
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from typing import Any

from tests.benchmarks.bench_dispatch import _calls
from tests.resilience.fleet import Setting, running

# Parts that do not overlap; what is in none of them is "the rest": Django's middleware, the view, the locks.
PARTS = {
    "who is asking: token, user, roles (1 query)": ["rest_framework.views APIView.perform_authentication"],
    "the client's rate (Redis)": ["rest_framework.views APIView.check_throttles"],
    "the body: fields, recording (1 query)": [
        "injections.api.inject _validated",
        "injections.api.inject _command",
    ],
    "breaker and budget (Redis)": ["injections.services.submission gate.ask"],
    "the wish: row and record (1 transaction)": ["injections.services.submission _store"],
    "the intent: row, record, attempt (1 transaction)": ["injections.services.dispatch intend"],
    "the command to the platform": [
        "injections.genesys.drivers.voice_interactions VoiceInteractionsDriver.play"
    ],
    "the answer: row, record, attempt (1 transaction)": ["injections.services.dispatch record_accepted"],
}
WHOLE = "bargeportal.gateway Gateway._answer"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    with running(webs=1, workers=0, speed=1000) as setting:
        os.environ.update(setting.fleet.environment)
        from bargeportal import asgi

        asgi._warm_platform()
        asgi._warm_django()
        gc.freeze()
        calls = _calls(setting, rounds + 20)
        for call in calls[:20]:
            _inject(asgi, setting, call)
        spent = _counted()
        before = time.process_time()
        for call in calls[20:]:
            _inject(asgi, setting, call)
        whole_ms = (time.process_time() - before) * 1000
    report({name: ms / rounds for name, ms in spent.items()}, whole_ms / rounds)


def report(spent: dict[str, float], whole_ms: float) -> None:
    """Print milliseconds an injection."""
    thread_ms = spent.pop(WHOLE)
    print("CPU milliseconds of one injection in the web process, platform answering at once")
    for name in PARTS:
        print(f"  {spent[name]:6.2f}  {name}")
    print(f"  {thread_ms - sum(spent.values()):6.2f}  the rest of its thread: middleware, view, answer")
    print(f"  {whole_ms - thread_ms:6.2f}  other threads: both questions to the platform")
    print(f"  {whole_ms:6.2f}  together")


def _counted() -> dict[str, float]:
    spent: dict[str, float] = defaultdict(float)
    for name, places in [*PARTS.items(), (WHOLE, [WHOLE])]:
        for place in places:
            _count(place, name, spent)
    return spent


def _count(place: str, name: str, spent: dict[str, float]) -> None:
    module, _, path = place.partition(" ")
    *owners, last = path.split(".")
    owner: Any = importlib.import_module(module)
    for step in owners:
        owner = getattr(owner, step)
    function: Callable[..., Any] = getattr(owner, last)

    @wraps(function)
    def counted(*args: Any, **kwargs: Any) -> Any:
        start = time.thread_time()
        try:
            return function(*args, **kwargs)
        finally:
            spent[name] += (time.thread_time() - start) * 1000

    setattr(owner, last, counted)


def _inject(asgi: Any, setting: Setting, call: dict[str, Any]) -> None:
    body = json.dumps(
        {
            "conversationId": call["conversationId"],
            "participantId": call["agentParticipantId"],
            "audioUrl": setting.fleet.clip_url,
            "streamMatrix": {"agentMute": True, "callerMute": False, "normalizeLevel": False},
            "maxDurationMs": 3000,
        }
    ).encode()
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "path": "/inject",
        "raw_path": b"/inject", "query_string": b"", "root_path": "",
        "client": ("127.0.0.1", 40000), "server": ("127.0.0.1", 8000),
        "headers": [
            (b"host", b"127.0.0.1"),
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"authorization", f"Token {setting.fleet.token}".encode()),
        ],
    }  # fmt: skip
    answer = asgi.application._gateway._answer(scope, io.BytesIO(body), time.perf_counter(), None)
    if answer.status != 201:
        raise SystemExit(f"{answer.status}: {answer.first[:300]!r}")


if __name__ == "__main__":
    main()
