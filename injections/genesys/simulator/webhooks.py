"""Webhooks: who wants to hear of completed interactions, and telling them."""

import asyncio
import uuid
from collections.abc import Mapping
from typing import Any

from injections.genesys.simulator.api_errors import ApiError, invalid_value
from injections.genesys.simulator.commands import reaches_a_host
from injections.genesys.simulator.outgoing import post_json, run_in_thread

COMPLETED = "conversation:voice:interaction:completed"
_RETRY_AFTER_S = (0.2, 0.5, 1.0, 2.0)


class Webhooks:
    """The registered webhooks."""

    def __init__(self) -> None:
        self._hooks: dict[str, dict[str, Any]] = {}

    def register(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Register a webhook.

        Raises:
            ApiError: 400 naming the field that is wrong.
        """
        _check(body)
        hook = {"id": str(uuid.uuid4()), **{key: body[key] for key in ("name", "address", "event", "filter")}}
        hook["enabled"] = body.get("enabled", True)
        self._hooks[hook["id"]] = hook
        return hook

    def registered(self) -> list[dict[str, Any]]:
        """List all webhooks."""
        return [*self._hooks.values()]

    def remove(self, webhook_id: str) -> None:
        """Remove a webhook.

        Raises:
            ApiError: 404 when there is none with this id.
        """
        if self._hooks.pop(webhook_id, None) is None:
            raise ApiError(404)

    def addresses_for(self, event: Mapping[str, Any]) -> list[str]:
        """List the addresses that want this event."""
        return [
            hook["address"]
            for hook in self._hooks.values()
            if hook["enabled"] and _wants(hook["filter"], event) and hook["event"] == event["event"]
        ]

    async def deliver(self, event: dict[str, Any], *, attempts: int = 5) -> list[dict[str, Any]]:
        """Post an event to everybody who wants it, trying again on failure; say how it went."""
        addresses = self.addresses_for(event)
        return [*await asyncio.gather(*(self._deliver_to(to, event, attempts=attempts) for to in addresses))]

    async def _deliver_to(self, address: str, event: dict[str, Any], *, attempts: int) -> dict[str, Any]:
        statuses: list[int | None] = []
        for attempt in range(attempts):
            statuses.append(await run_in_thread(lambda: post_json(address, event)))
            status = statuses[-1]
            if status is not None and 200 <= status < 300:
                break
            if attempt < attempts - 1:
                await asyncio.sleep(_RETRY_AFTER_S[min(attempt, len(_RETRY_AFTER_S) - 1)])
        return {"address": address, "eventId": event["id"], "outcome": event["outcome"], "statuses": statuses}


def _check(body: Mapping[str, Any]) -> None:
    if not isinstance(body.get("name"), str) or not body["name"]:
        raise invalid_value("name", body.get("name"), "a name")
    if body.get("event") != COMPLETED:
        raise invalid_value("event", body.get("event"), COMPLETED)
    if not isinstance(body.get("enabled", True), bool):
        raise invalid_value("enabled", body["enabled"], "true, false")
    _check_address(body.get("address"))
    _check_filter(body.get("filter"))


def _check_address(address: object) -> None:
    if not isinstance(address, str) or not reaches_a_host(address):
        raise invalid_value("address", address, "an https URL (http for this machine alone)")


def _check_filter(wanted: object) -> None:
    given = (wanted.get("field"), wanted.get("operator")) if isinstance(wanted, dict) else None
    if not isinstance(wanted, dict) or given != ("conversationId", "eq"):
        raise invalid_value("filter", wanted, "field conversationId, operator eq")
    if not isinstance(wanted.get("values"), list) or not wanted["values"]:
        raise invalid_value("filter.values", wanted.get("values"), "a list of conversation ids, or *")


def _wants(wanted: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    return "*" in wanted["values"] or event["conversationId"] in wanted["values"]
