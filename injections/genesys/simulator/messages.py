"""What one HTTP exchange consists of: a request, an answer, and how the answer is put on the wire."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import parse_qs

CORRELATION = "ININ-Correlation-Id"  # in every answer


class Delivery(Enum):
    """How an answer leaves the server; all but the first are planted faults."""

    NORMAL = "normal"
    RESET = "reset"
    DROP = "drop"
    GARBAGE = "garbage"
    HEADERS_ONLY = "headers_only"
    SLOW_BODY = "slow_body"


@dataclass(slots=True)
class Request:
    """One request, body read to its end.

    `received_at` is a reading of the event loop's clock, in seconds; `peer` is the client's address.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    peer: str
    received_at: float
    correlation_id: str

    @property
    def path(self) -> str:
        """Give the path, without the query and still percent-encoded."""
        return self.target.partition("?")[0]

    def query(self, name: str, default: str) -> str:
        """Give the first value of a query parameter."""
        return parse_qs(self.target.partition("?")[2]).get(name, [default])[0]


@dataclass(slots=True)
class Response:
    """One answer, and how to deliver it; `pause_s` is the pause that slow deliveries make."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delivery: Delivery = Delivery.NORMAL
    pause_s: float = 0.0


def json_response(status: int, document: Any, headers: Mapping[str, str] | None = None) -> Response:
    """Build an answer that carries a JSON document."""
    # Half a surrogate pair has no UTF-8, but JSON has an escape for it, which is the one that Python writes.
    body = json.dumps(document, ensure_ascii=False).encode(errors="backslashreplace")
    return Response(status, body, {"Content-Type": "application/json", **(headers or {})})
