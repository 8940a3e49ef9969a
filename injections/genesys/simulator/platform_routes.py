"""The public API calls that the board needs: activity, one conversation, queues, notification channels."""

from typing import Any

from injections.genesys.simulator.activity import answer_activity_query
from injections.genesys.simulator.api_errors import ApiError, invalid_value
from injections.genesys.simulator.centre import Centre
from injections.genesys.simulator.messages import Request, Response, json_response
from injections.genesys.simulator.notifications import Channel, Notifications
from injections.genesys.simulator.people import DIVISION_ID, QUEUES, Queue
from injections.genesys.simulator.routing import Router, json_object, parse_json, whole_number
from injections.genesys.simulator.shapes import full_conversation

_CHANNELS = "/api/v2/notifications/channels"
_SUBSCRIPTIONS = _CHANNELS + "/{channelId}/subscriptions"
_QUEUES = "/api/v2/routing/queues"


class PlatformRoutes:
    """The public API's endpoints."""

    def __init__(self, *, centre: Centre, notifications: Notifications) -> None:
        self._centre = centre
        self._notifications = notifications

    def add_to(self, router: Router) -> None:
        """Enter the endpoints in the table."""
        router.add("POST", "/api/v2/analytics/conversations/activity/query", self.activity)
        router.add("GET", "/api/v2/conversations/{conversationId}", self.conversation)
        router.add("GET", _QUEUES, self.queues)
        router.add("GET", _QUEUES + "/{queueId}", self.queue)
        router.add("POST", _CHANNELS, self.open_channel)
        router.add("GET", _CHANNELS, self.channels)
        for method, handler in (
            ("GET", self.subscriptions),
            ("PUT", self.replace_subscriptions),
            ("POST", self.add_subscriptions),
            ("DELETE", self.remove_subscriptions),
        ):
            router.add(method, _SUBSCRIPTIONS, handler)

    async def activity(self, request: Request, _params: dict[str, str]) -> Response:
        """Answer a query for the calls of this moment."""
        size = whole_number(request.query("pageSize", "100"), name="pageSize", least=1, most=1000)
        number = whole_number(request.query("pageNumber", "1"), name="pageNumber", least=1, most=100_000)
        calls = self._centre.calls()
        return json_response(
            200, answer_activity_query(json_object(request), calls, page_size=size, page_number=number)
        )

    async def conversation(self, _request: Request, params: dict[str, str]) -> Response:
        """Show one conversation."""
        call = self._centre.find(params["conversationId"])
        if call is None:
            raise ApiError(404)
        return json_response(200, full_conversation(call))

    async def queues(self, request: Request, _params: dict[str, str]) -> Response:
        """List the queues, a page at a time, by name."""
        size = whole_number(request.query("pageSize", "25"), name="pageSize", least=1, most=500)
        number = whole_number(request.query("pageNumber", "1"), name="pageNumber", least=1, most=100_000)
        ordered = sorted(QUEUES, key=lambda queue: queue.name)
        return json_response(200, _page([_queue(queue) for queue in ordered], size=size, number=number))

    async def queue(self, _request: Request, params: dict[str, str]) -> Response:
        """Show one queue."""
        for queue in QUEUES:
            if queue.id == params["queueId"]:
                return json_response(200, _queue(queue))
        raise ApiError(404)

    async def open_channel(self, request: Request, _params: dict[str, str]) -> Response:
        """Open a notification channel."""
        channel = self._notifications.open()
        return json_response(200, self._notifications.describe(channel, host=_host(request)))

    async def channels(self, request: Request, _params: dict[str, str]) -> Response:
        """List the notification channels."""
        shown = [self._notifications.describe(c, host=_host(request)) for c in self._notifications.channels()]
        return json_response(200, {"entities": shown})

    async def subscriptions(self, _request: Request, params: dict[str, str]) -> Response:
        """List a channel's topics."""
        return _topics(self._notifications.channel(params["channelId"]))

    async def replace_subscriptions(self, request: Request, params: dict[str, str]) -> Response:
        """Replace a channel's topics."""
        return self._subscribe(request, params, replace=True)

    async def add_subscriptions(self, request: Request, params: dict[str, str]) -> Response:
        """Add to a channel's topics."""
        return self._subscribe(request, params, replace=False)

    def _subscribe(self, request: Request, params: dict[str, str], *, replace: bool) -> Response:
        channel = self._notifications.channel(params["channelId"])
        document = parse_json(request.body)
        if not isinstance(document, list):
            raise invalid_value("topics", document, "a list of topics")
        topics = [topic.get("id") if isinstance(topic, dict) else None for topic in document]
        if not all(isinstance(topic, str) and topic.startswith("v2.") for topic in topics):
            raise invalid_value("id", topics, "a topic such as v2.routing.queues.{id}.conversations.calls")
        self._notifications.subscribe(channel, [str(topic) for topic in topics], replace=replace)
        return _topics(channel)

    async def remove_subscriptions(self, _request: Request, params: dict[str, str]) -> Response:
        """Remove all of a channel's topics."""
        self._notifications.subscribe(self._notifications.channel(params["channelId"]), [], replace=True)
        return Response(204)


def _host(request: Request) -> str:
    return request.headers.get("host", "127.0.0.1")


def _topics(channel: Channel) -> Response:
    entities = [
        {"id": topic, "state": "Permitted", "selfUri": f"/api/v2/notifications/channels/{channel.id}"}
        for topic in channel.topics
    ]
    return json_response(200, {"entities": entities})


def _queue(queue: Queue) -> dict[str, Any]:
    return {
        "id": queue.id,
        "name": queue.name,
        "division": {"id": DIVISION_ID, "name": "Home"},
        "memberCount": 20,
        "selfUri": f"{_QUEUES}/{queue.id}",
    }


def _page(entities: list[dict[str, Any]], *, size: int, number: int) -> dict[str, Any]:
    pages = -(-len(entities) // size)
    page = {
        "entities": entities[(number - 1) * size : number * size],
        "pageSize": size,
        "pageNumber": number,
        "total": len(entities),
        "pageCount": pages,
        "firstUri": f"{_QUEUES}?pageSize={size}&pageNumber=1",
        "lastUri": f"{_QUEUES}?pageSize={size}&pageNumber={pages}",
        "selfUri": f"{_QUEUES}?pageSize={size}&pageNumber={number}",
    }
    if number < pages:
        page["nextUri"] = f"{_QUEUES}?pageSize={size}&pageNumber={number + 1}"
    return page
