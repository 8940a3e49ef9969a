"""From a method and a path to the function that answers."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from injections.genesys.simulator.api_errors import ApiError, invalid_value
from injections.genesys.simulator.messages import Request, Response

Handler = Callable[[Request, dict[str, str]], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """One entry of the table; `template` is the path with its parameters in braces."""

    method: str
    template: str
    pattern: re.Pattern[str]
    handler: Handler


class Router:
    """A table of routes; the first that fits answers."""

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def add(self, method: str, template: str, handler: Handler) -> None:
        """Have `handler` answer `method` on paths of the form `template`."""
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template) + r"\Z")
        self._routes.append(Route(method, template, pattern, handler))

    def find(self, request: Request) -> tuple[Route, dict[str, str]]:
        """Find who answers, with the parameters of the path.

        Raises:
            ApiError: 404 for an unknown path, 405 for a method that the path does not have.
        """
        known = False
        for route in self._routes:
            fit = route.pattern.match(request.path)
            if fit is not None and route.method == request.method:
                return route, fit.groupdict()
            known = known or fit is not None
        raise ApiError(405 if known else 404)

    def template(self, request: Request) -> str:
        """Name the route of a request, for counting."""
        try:
            route, _ = self.find(request)
        except ApiError:
            return f"{request.method} (other)"
        return f"{route.method} {route.template}"


def json_object(request: Request) -> dict[str, Any]:
    """Read the body as a JSON object.

    Raises:
        ApiError: 415 for another content type, 400 for anything else than a JSON object.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ApiError(415)
    document = parse_json(request.body)
    if not isinstance(document, dict):
        raise ApiError(400)
    return document


def parse_json(body: bytes) -> Any:
    """Read JSON.

    Raises:
        ApiError: 400 for anything else.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ApiError(400) from error


def whole_number(value: str, *, name: str, least: int, most: int) -> int:
    """Read a whole number from a query parameter, both bounds included.

    Raises:
        ApiError: 400 naming the parameter.
    """
    if not value.isascii() or not value.isdigit() or len(value) > 9 or not least <= int(value) <= most:
        raise invalid_value(name, value, f"{least} to {most}")
    return int(value)
