"""The ASGI application of the whole portal: `uvicorn bargeportal.asgi:application`."""

import asyncio
import gc
import logging
import os
from typing import Final

import django

from bargeportal.bodies import Receive, Scope, Send

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bargeportal.settings")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402  needs the set-up above

from bargeportal.gateway import Gateway  # noqa: E402  likewise

_WARM_WITHIN_S: Final = 5.0  # a slow platform must not keep the portal from starting
_logger = logging.getLogger(__name__)


class Portal:
    """Start and stop of one server process, and its HTTP requests."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._gateway(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})  # the portal offers none: refused with 403

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._warm()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._gateway.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _warm(self) -> None:
        """Do now what the first request would otherwise wait for. A failure is said and does no harm."""
        try:
            async with asyncio.timeout(_WARM_WITHIN_S):
                await asyncio.gather(asyncio.to_thread(_warm_platform), self._gateway.in_thread(_warm_django))
        except Exception:
            _logger.warning("not warmed up: the first request will be slower", exc_info=True)
        gc.collect()
        gc.freeze()  # what is loaded now stays: later collections need not look at it


def _warm_platform() -> None:
    from injections import wiring

    wiring.warm()


def _warm_django() -> None:
    from django.db import connection
    from django.urls import get_resolver

    get_resolver().url_patterns  # noqa: B018  imports every view
    connection.ensure_connection()


application = Portal(Gateway(threads=settings.WEB_THREADS))
