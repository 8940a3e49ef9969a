"""The Genesys Cloud simulator as a real process, for whoever tests against it::

with start_simulator() as simulator:
    call = simulator.create_call(consent="true")
    simulator.plant("status", method="POST", path="/interactions$", status=503)
    ...
    assert simulator.ledger()["interactions"] == []
"""

import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar

CLIENT_ID = "test-client"
CLIENT_SECRET = "test-secret"
_ROOT = Path(__file__).resolve().parents[2]
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_T = TypeVar("_T")


class SimulatorProcess:
    """A running simulator; `url` is both the API's and the login's address."""

    client_id = CLIENT_ID
    client_secret = CLIENT_SECRET

    def __init__(self, arguments: list[str], *, start_timeout: float = 10.0) -> None:
        self.log: list[str] = []
        self._ready = threading.Event()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "injections.genesys.simulator", "--exit-with-stdin", *arguments],
            cwd=_ROOT,
            stdin=subprocess.PIPE,  # closed by the end of this process, however it ends
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        if not self._ready.wait(start_timeout) or not self.url:
            self.stop()
            raise RuntimeError("the simulator did not start:\n" + "\n".join(self.log))

    url: str = ""

    def _read_log(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.append(line.rstrip("\n"))
            if line.startswith("simulator ready "):
                self.url = line.split()[-1]
                self._ready.set()
        self._ready.set()

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Speak to `/_simulator/...`; give the JSON answer, None when it is empty."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - always http to this machine
            self.url + "/_simulator/" + path,
            data=data,
            method=method,
            headers={"Content-Type": "application/json"},
        )
        with _OPENER.open(request, timeout=10) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def plant(
        self,
        kind: str,
        *,
        method: str = ".*",
        path: str = "",
        times: int | None = 1,
        skip: int = 0,
        **action: Any,
    ) -> None:
        """Plant a fault: `plant("status", path="/interactions$", status=429, headers={"Retry-After": "1"})`.

        Kinds: status, delay, reset, accept_then_drop, garbage, headers_only, slow_body, no_interaction_id,
        html. Action: status, headers (None removes one), body, delay_ms, process (carry the request out or
        not). `times=None` lasts; `path` is searched for.
        """
        match = {"method": method, "path": path}
        fault = {"match": match, "times": times, "skip": skip, "action": {"kind": kind, **action}}
        self.request("POST", "faults", fault)

    def clear_faults(self) -> None:
        self.request("DELETE", "faults")

    def create_call(self, **fields: Any) -> dict[str, Any]:
        """Create a call, connected, consenting and inbound unless said otherwise.

        Fields: state, consent ("true", "false", "missing", "none", "null" or any text), held, confined,
        securePause, barged, agentName, queueId, direction, callerName, callerAddress, attributes, label,
        stable.
        Answer: conversationId, agentParticipantId, customerParticipantId and the rest of the truth.
        """
        created: dict[str, Any] = self.request("POST", "calls", fields)
        return created

    def patch_call(self, conversation_id: str, **fields: Any) -> dict[str, Any]:
        """Change a call: as `create_call`, and transfer=True; state: ended, disconnected, gone, queued."""
        changed: dict[str, Any] = self.request("PATCH", f"calls/{conversation_id}", fields)
        return changed

    def calls(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.request("GET", "calls")["calls"]
        return listed

    def ledger(self) -> dict[str, Any]:
        """Give `interactions` (every command that arrived), `requests` (counts) and `stableCalls`."""
        shown: dict[str, Any] = self.request("GET", "ledger")
        return shown

    def interactions(self) -> list[dict[str, Any]]:
        arrived: list[dict[str, Any]] = self.ledger()["interactions"]
        return arrived

    def clear_ledger(self) -> None:
        self.request("DELETE", "ledger")

    def set_latency(self, ms: float) -> None:
        self.request("POST", "latency", {"ms": ms})

    def set_rate_limit(self, allowed: int, *, window_s: float = 60) -> None:
        """Limit the requests of each token; 0 for no limit."""
        self.request("POST", "rate-limit", {"allowed": allowed, "window_s": window_s})

    def expire_tokens(self, *, revoke: bool = False, **settings: Any) -> None:
        """Expire (or revoke) every token; `lifetime_s` sets the life of the next ones."""
        self.request("POST", "tokens/expire", {"revoke": revoke, **settings})

    def send_event(self, **fields: Any) -> list[dict[str, Any]]:
        """Send a completion event now, and give how it was received.

        Fields: interactionId, outcome, times, id, conversationId, participantId, timestamp.
        """
        answer = self.request("POST", "events", {"kind": "completion", **fields})
        sent: list[dict[str, Any]] = answer["deliveries"]
        return sent

    def set_completions(self, *, withhold: bool = False, delay_ms: float = 0) -> None:
        """Keep the completion events that come by themselves back, or late."""
        self.request("POST", "events", {"kind": "completions", "withhold": withhold, "delay_ms": delay_ms})

    def spoil_notifications(self, fault: str) -> None:
        """Plant one of: silent, repeat, shuffle (until none); drop, closing, garbage (once)."""
        self.request("POST", "events", {"kind": "notifications", "fault": fault})

    def reset(self) -> None:
        """Make a shared simulator as good as new, but for its calls and webhooks."""
        self.clear_faults()
        self.clear_ledger()
        self.set_latency(0)
        self.set_rate_limit(0)

    def hang_up(self) -> None:
        """End and forget every call that was created, and wait until nothing plays any more."""
        for call in self.calls():
            if call["label"] == "created":
                self.patch_call(call["conversationId"], state="gone")
        self.wait_for(lambda s: all(e["outcome"] for e in s.interactions() if e["accepted"]))

    def wait_for(self, condition: Callable[["SimulatorProcess"], _T], *, timeout: float = 5.0) -> _T:
        """Ask until the condition gives something true, and give that."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            result = condition(self)
            if result:
                return result
            time.sleep(0.02)
        raise AssertionError("it did not come about in time:\n" + "\n".join(self.log[-20:]))

    def stop(self) -> int:
        """Stop it, and give its exit status."""
        self.process.terminate()
        try:
            status = self.process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait(timeout=3)
        self._reader.join(timeout=3)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()


def start_simulator(**options: Any) -> SimulatorProcess:
    """Start a simulator: by default an empty, quiet centre without a rate limit.

    Options are the command's, with underscores: calls=40, quiet_centre=False, churn, speed, seed, rate_limit,
    token_lifetime, heartbeat, latency_ms, port, client_id, client_secret.
    """
    settings: dict[str, Any] = {
        "calls": 0,
        "quiet_centre": True,
        "rate_limit": 0,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        **options,
    }
    arguments = []
    for name, value in settings.items():
        if value is not False and value is not None:
            arguments += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    simulator = SimulatorProcess(arguments)
    simulator.client_id, simulator.client_secret = settings["client_id"], settings["client_secret"]
    return simulator
