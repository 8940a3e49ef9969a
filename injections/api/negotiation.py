"""Which form an answer has: JSON, whatever the client says that it would like."""

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request


class AlwaysJson(DefaultContentNegotiation):
    """Picks the parser by the content type, and the first renderer whatever `Accept` says.

    There is one form of answer. To refuse a client for its library's default `Accept` would keep a notice from being
    played, in another body than the contract's, and before anything could be put on record.
    """

    def select_renderer(
        self, request: Request, renderers: Iterable[Any], format_suffix: str | None = None
    ) -> tuple[Any, str]:
        """Return the first renderer and its media type."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type
