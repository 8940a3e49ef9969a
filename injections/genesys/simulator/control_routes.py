"""`/_simulator/`: plant faults, arrange calls, read the truth. For tests and demos; this machine only."""

import asyncio
from collections.abc import Mapping
from typing import Any

from injections.genesys.simulator.api_errors import ApiError, invalid_value
from injections.genesys.simulator.calls import ALERTING, Call, Leg
from injections.genesys.simulator.centre import Centre
from injections.genesys.simulator.faults import Faults
from injections.genesys.simulator.ledger import Entry, Ledger
from injections.genesys.simulator.messages import Request, Response, json_response
from injections.genesys.simulator.notifications import Notifications
from injections.genesys.simulator.people import QUEUES, Queue
from injections.genesys.simulator.playback import Player, completion_event
from injections.genesys.simulator.routing import Router, json_object
from injections.genesys.simulator.shapes import truth
from injections.genesys.simulator.tokens import Tokens
from injections.genesys.simulator.webhooks import Webhooks

PREFIX = "/_simulator/"
_TEXT, _FLAG, _WHO = "a text", "true, false", "true, false, a text"
_OF_BOTH = {
    "label": _TEXT, "state": _TEXT, "consent": _TEXT, "held": _WHO, "confined": _WHO, "securePause": _FLAG,
    "barged": _FLAG, "agentName": _TEXT, "attributes": "names with texts, or null",
}  # fmt: skip
_CREATE_FIELDS = _OF_BOTH | {
    "queueId": _TEXT, "direction": _TEXT, "callerName": _TEXT, "callerAddress": _TEXT, "stable": _FLAG,
}  # fmt: skip
_CHANGE_FIELDS = _OF_BOTH | {"transfer": _WHO}


class ControlRoutes:
    """The control endpoints."""

    def __init__(
        self,
        *,
        centre: Centre,
        faults: Faults,
        ledger: Ledger,
        player: Player,
        tokens: Tokens,
        webhooks: Webhooks,
        notifications: Notifications,
    ) -> None:
        self._centre = centre
        self._faults = faults
        self._ledger = ledger
        self._player = player
        self._tokens = tokens
        self._webhooks = webhooks
        self._notifications = notifications
        self.latency_s = 0.0

    def add_to(self, router: Router) -> None:
        """Enter the endpoints in the table."""
        for method, path, handler in (
            ("GET", "health", self.health),
            ("POST", "faults", self.plant),
            ("DELETE", "faults", self.clear_faults),
            ("POST", "rate-limit", self.rate_limit),
            ("POST", "tokens/expire", self.expire_tokens),
            ("POST", "latency", self.latency),
            ("GET", "calls", self.calls),
            ("POST", "calls", self.create_call),
            ("PATCH", "calls/{conversationId}", self.change_call),
            ("GET", "ledger", self.ledger),
            ("DELETE", "ledger", self.clear_ledger),
            ("POST", "events", self.events),
        ):
            router.add(method, PREFIX + path, handler)

    async def health(self, _request: Request, _params: dict[str, str]) -> Response:
        """Say that the simulator is up."""
        return json_response(200, {"status": "ok", "calls": len(self._centre.calls())})

    async def plant(self, request: Request, _params: dict[str, str]) -> Response:
        """Plant a fault."""
        fault = self._faults.plant(json_object(request))
        return json_response(201, {"kind": fault.kind, "times": fault.times, "skip": fault.skip})

    async def clear_faults(self, _request: Request, _params: dict[str, str]) -> Response:
        """Remove every fault, and make notifications behave."""
        self._faults.clear()
        self._notifications.misbehave("none")
        self._player.withhold_events, self._player.event_delay_s = False, 0.0
        return Response(204)

    async def rate_limit(self, request: Request, _params: dict[str, str]) -> Response:
        """Set the rate limit; `allowed` 0 switches it off. Windows begin anew."""
        body = json_object(request)
        self._tokens.allowed = int(body.get("allowed", 300))
        self._tokens.window_s = float(body.get("window_s", 60))
        self._tokens.restart_windows()
        return json_response(200, {"allowed": self._tokens.allowed, "window_s": self._tokens.window_s})

    async def expire_tokens(self, request: Request, _params: dict[str, str]) -> Response:
        """Expire every token, or with `revoke` true forget them; `lifetime_s` sets the life of new ones."""
        body = json_object(request) if request.body else {}
        self._tokens.lifetime_s = int(body.get("lifetime_s", self._tokens.lifetime_s))
        end = self._tokens.revoke_all if body.get("revoke", False) else self._tokens.expire_all
        return json_response(200, {"tokens": end()})

    async def latency(self, request: Request, _params: dict[str, str]) -> Response:
        """Set how long every answer takes at least."""
        self.latency_s = float(json_object(request).get("ms", 0)) / 1000
        return json_response(200, {"ms": self.latency_s * 1000})

    async def calls(self, _request: Request, _params: dict[str, str]) -> Response:
        """List the truth about all calls."""
        return json_response(200, {"calls": [truth(call) for call in self._centre.calls()]})

    async def create_call(self, request: Request, _params: dict[str, str]) -> Response:
        """Let a call arrive in a chosen state; the centre leaves it alone unless `stable` is false."""
        body = json_object(request)
        _check_fields(body, _CREATE_FIELDS)
        call = self._centre.add(
            label=body.get("label", "created") if body.get("stable", True) else None,
            answered=body.get("state") not in {ALERTING, "queued"},
            consent=body.get("consent", "true"),
            agent_name=body.get("agentName"),
            queue=_queue(body.get("queueId")),
            direction=body.get("direction", "inbound"),
            caller_name=body.get("callerName"),
            caller_address=body.get("callerAddress"),
        )
        changes = {key: value for key, value in body.items() if key in _CHANGE_FIELDS}
        for given in ("label", "consent", "agentName"):
            changes.pop(given, None)
        self._change(call, changes)
        return json_response(201, truth(call))

    async def change_call(self, request: Request, params: dict[str, str]) -> Response:
        """Change anything about a call."""
        call = self._centre.find(params["conversationId"])
        if call is None:
            raise ApiError(404)
        body = json_object(request)
        _check_fields(body, _CHANGE_FIELDS)
        self._change(call, body)
        return json_response(200, truth(call))

    def _change(self, call: Call, changes: Mapping[str, Any]) -> None:
        if changes.get("transfer") is not None and changes["transfer"] is not False:
            self._centre.transfer(call, answered=changes["transfer"] != ALERTING)
        if "label" in changes:
            call.label = changes["label"]
        if "securePause" in changes:
            call.secure_pause = bool(changes["securePause"])
        if "barged" in changes:
            self._set_barged(call, wanted=bool(changes["barged"]))
        for leg, held, confined in _holds(call, changes):
            leg.held = leg.held if held is None else held
            leg.confined = leg.confined if confined is None else confined
        _change_agent(call.agent, changes)
        if "state" in changes:
            self._set_state(call, str(changes["state"]))
        self._centre.announce(call)

    def _set_barged(self, call: Call, *, wanted: bool) -> None:
        now = self._centre.clock()
        for leg in call.legs:
            if leg.barged_participant_id is not None:
                leg.end(now, how="client")
        if wanted:
            self._centre.barge(call)

    def _set_state(self, call: Call, state: str) -> None:
        now = self._centre.clock()
        call.forced_state = None
        match state:
            case "connected" | "active":
                call.agent.connect(now)
            case "alerting" | "queued":
                call.agent.state, call.agent.connected_at = ALERTING, None
            case "ended" | "disconnected":
                call.end(now)
                call.forced_state = state
            case "gone":
                call.end(now)
                self._centre.forget(call)
            case _:
                call.forced_state = state

    async def ledger(self, _request: Request, _params: dict[str, str]) -> Response:
        """Show every command and what became of it, requests by kind and by status, and the calls kept for demos."""
        return json_response(
            200,
            {
                "interactions": [entry.document() for entry in self._ledger.entries],
                "requests": dict(sorted(self._ledger.requests.items())),
                "answers": {str(status): count for status, count in sorted(self._ledger.answers.items())},
                "stableCalls": [truth(call) for call in self._centre.calls() if call.label is not None],
            },
        )

    async def clear_ledger(self, _request: Request, _params: dict[str, str]) -> Response:
        """Forget every command and count."""
        self._ledger.clear()
        return Response(204)

    async def events(self, request: Request, _params: dict[str, str]) -> Response:
        """Send a chosen completion event now, or make completions or notifications misbehave."""
        body = json_object(request)
        match body.get("kind", "completion"):
            case "completion":
                return json_response(200, {"deliveries": await self._send_completion(body)})
            case "completions":
                self._player.withhold_events = bool(body.get("withhold", False))
                self._player.event_delay_s = float(body.get("delay_ms", 0)) / 1000
            case "notifications":
                self._notifications.misbehave(str(body.get("fault", "none")))
            case other:
                raise invalid_value("kind", other, "completion, completions, notifications")
        return Response(204)

    async def _send_completion(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        entry = self._ledger.find(str(body.get("interactionId"))) or _made_up(body)
        event = completion_event(entry, self._centre.clock(), outcome=body.get("outcome", "completed"))
        given = ("id", "timestamp", "conversationId", "participantId")
        event |= {key: body[key] for key in given if key in body}
        sent = await asyncio.gather(
            *(self._webhooks.deliver(dict(event), attempts=1) for _ in range(int(body.get("times", 1))))
        )
        return [delivery for deliveries in sent for delivery in deliveries]


def _made_up(body: Mapping[str, Any]) -> Entry:
    return Entry(
        received_at="",
        conversation_id=str(body.get("conversationId")),
        participant_id=str(body.get("participantId")),
        body=None,
        correlation_id="",
        call=None,
        interaction_id=body.get("interactionId"),
    )


def _check_fields(body: Mapping[str, Any], known: Mapping[str, str]) -> None:
    """Refuse what is unknown or of another kind before anything is done: a call half made would break every list."""
    for name, value in body.items():
        if name not in known:
            raise invalid_value(name, value, ", ".join(sorted(known)))
        if not _is_kind(value, known[name]):
            raise invalid_value(name, value, known[name])


def _is_kind(value: object, kind: str) -> bool:
    if kind in {_TEXT, _FLAG, _WHO}:
        return isinstance(value, {_TEXT: str, _FLAG: bool, _WHO: bool | str}[kind])
    return value is None or (
        isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    )


def _queue(queue_id: object) -> Queue:
    if queue_id is None:
        return QUEUES[0]
    for queue in QUEUES:
        if queue_id in {queue.id, queue.name}:
            return queue
    raise invalid_value("queueId", queue_id, ", ".join(queue.id for queue in QUEUES))


def _holds(call: Call, changes: Mapping[str, Any]) -> list[tuple[Leg, bool | None, bool | None]]:
    """Say what `held` and `confined` (true, false, `agent`, `customer`) ask of agent and customer."""

    def asked(name: str, who: str) -> bool | None:
        value = changes.get(name)
        if value is None or isinstance(value, str):
            return None if value is None else value == who
        return bool(value) and who == "agent"

    return [
        (leg, asked("held", who), asked("confined", who))
        for leg, who in ((call.agent, "agent"), (call.customer, "customer"))
    ]


def _change_agent(agent: Leg, changes: Mapping[str, Any]) -> None:
    if "agentName" in changes:
        agent.name = changes["agentName"]
    if "attributes" in changes:
        agent.attributes = changes["attributes"]
    if "consent" in changes:
        agent.set_consent(str(changes["consent"]))
