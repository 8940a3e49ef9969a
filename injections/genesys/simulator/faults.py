"""Planted faults: which requests they meet, and what they do to the answer."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from injections.genesys.simulator.api_errors import ApiError, invalid_value, rate_limited
from injections.genesys.simulator.messages import CORRELATION, Delivery, Request, Response

_HTML = b"<!doctype html><html><title>502 Bad Gateway</title><h1>Bad Gateway</h1></html>"
# The kinds whose request is still carried out; the others stop it at the door.
_CARRIED_OUT = {"delay", "accept_then_drop", "headers_only", "slow_body", "no_interaction_id"}
_STOPPED = {"status", "reset", "garbage", "html"}
_DELIVERIES = {
    "reset": Delivery.RESET,
    "accept_then_drop": Delivery.DROP,
    "garbage": Delivery.GARBAGE,
    "headers_only": Delivery.HEADERS_ONLY,
    "slow_body": Delivery.SLOW_BODY,
}


@dataclass(slots=True)
class Fault:
    """One planted fault; `times` None means that it never wears off."""

    method: re.Pattern[str]
    path: re.Pattern[str]
    kind: str
    carried_out: bool
    times: int | None = 1
    skip: int = 0
    status: int | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: object = None
    delay_ms: float = 0.0

    def meets(self, request: Request) -> bool:
        """Tell whether this request is meant, and use the fault up by one."""
        if self.times == 0 or not self.method.fullmatch(request.method) or not self.path.search(request.path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True

    @property
    def replaces_answer(self) -> bool:
        """Tell whether the planted answer is given even where the request was carried out."""
        return self.kind in {"status", "html"}

    def stand_in(self, correlation_id: str) -> Response:
        """Answer instead of what the request asks for."""
        if self.kind == "html":
            headers = {"Content-Type": "text/html; charset=utf-8", CORRELATION: correlation_id}
            return Response(502 if self.status is None else self.status, _HTML, headers)
        status = self.status if self.status is not None else 500
        error = rate_limited(retry_after_s=1) if status == 429 else ApiError(status)
        return error.response(correlation_id)

    def spoil(self, response: Response) -> Response:
        """Change an answer, and how it is delivered, as planted."""
        response.delivery = _DELIVERIES.get(self.kind, Delivery.NORMAL)
        response.pause_s = self.delay_ms / 1000
        if self.kind == "headers_only" and self.delay_ms == 0:
            response.pause_s = 30.0
        if self.kind == "no_interaction_id":
            response.headers.pop("X-Interaction-Id", None)
        if self.body is not None:
            response.body = (
                self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()
            )
        for name, value in self.headers.items():
            response.headers = {
                key: kept for key, kept in response.headers.items() if key.lower() != name.lower()
            }
            if value is not None:
                response.headers[name] = value
        return response

    @property
    def delay_before_s(self) -> float:
        """Give how long the request waits before anything is done with it."""
        return 0.0 if self.kind in {"slow_body", "headers_only"} else self.delay_ms / 1000


class Faults:
    """The faults that are planted, in the order of planting."""

    def __init__(self) -> None:
        self._planted: list[Fault] = []

    def plant(self, document: Mapping[str, Any]) -> Fault:
        """Plant one fault.

        Raises:
            ApiError: 400 naming the field that is wrong.
        """
        fault = parse_fault(document)
        self._planted.append(fault)
        return fault

    def clear(self) -> None:
        """Remove every fault."""
        self._planted.clear()

    def take(self, request: Request) -> Fault | None:
        """Find the first fault that meets a request."""
        return next((fault for fault in self._planted if fault.meets(request)), None)


def parse_fault(document: Mapping[str, Any]) -> Fault:
    """Read a fault from its JSON form.

    Raises:
        ApiError: 400 naming the field that is wrong.
    """
    action = document.get("action") or {}
    kind = action.get("kind")
    if kind not in _CARRIED_OUT | _STOPPED:
        raise invalid_value("action.kind", kind, ", ".join(sorted(_CARRIED_OUT | _STOPPED)))
    match = document.get("match") or {}
    try:
        method, path = re.compile(match.get("method", ".*"), re.IGNORECASE), re.compile(match.get("path", ""))
    except (re.error, TypeError) as error:
        raise invalid_value("match", match, "regular expressions") from error
    skip = _whole("skip", document.get("skip"))
    delay = _whole("action.delay_ms", action.get("delay_ms"))
    return Fault(
        method=method,
        path=path,
        kind=kind,
        carried_out=bool(action.get("process", kind in _CARRIED_OUT)),
        times=_whole("times", document.get("times", 1)),
        skip=0 if skip is None else skip,
        status=_whole("action.status", action.get("status"), least=200, most=599),
        headers=_headers(action.get("headers")),
        body=action.get("body"),
        delay_ms=0 if delay is None else delay,
    )


def _whole(name: str, value: object, *, least: int = 0, most: int = 1_000_000_000) -> int | None:
    # True is a number to Python, and not to JSON.
    if value is None or (type(value) is int and least <= value <= most):
        return value
    raise invalid_value(name, value, f"a whole number from {least} to {most}, or null")


def _headers(value: object) -> Mapping[str, str | None]:
    headers = {} if value is None else value
    if isinstance(headers, dict) and all(isinstance(text, str | None) for text in headers.values()):
        return headers
    raise invalid_value("action.headers", value, "names with texts, or null to take one away")
