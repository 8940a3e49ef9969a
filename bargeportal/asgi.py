"""The ASGI application of the whole portal: `uvicorn bargeportal.asgi:application`."""

import asyncio
import gc
import logging
import os
from collections.abc import Awaitable
from typing import Final

import django

from bargeportal.bodies import Receive, Scope, Send

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bargeportal.settings")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402  needs the set-up above
from django.db import DatabaseError  # noqa: E402  likewise

from bargeportal.gateway import Gateway  # noqa: E402  likewise
from injections.genesys.errors import GenesysError  # noqa: E402  likewise

_WARM_WITHIN_S: Final = 5.0  # a slow platform must not keep the portal from starting
_HAND_BACK_WITHIN_S: Final = 1.0
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
        await self._hand_back()
        await send({"type": "lifespan.shutdown.complete"})

    async def _hand_back(self) -> None:
        """Let another process go on at once with what a slow platform has kept from ending here."""
        try:
            async with asyncio.timeout(_HAND_BACK_WITHIN_S):
                await asyncio.to_thread(_hand_back)
        except Exception:
            _logger.warning("not handed back: the leases lapse by themselves", exc_info=True)

    async def _warm(self) -> None:
        """Do now what the first request would otherwise wait for. A failure is said and does no harm."""
        await asyncio.gather(
            _tried("the platform", asyncio.to_thread(_warm_platform)),
            _tried("the pages", self._gateway.in_thread(_warm_django)),
        )
        gc.collect()
        gc.freeze()  # what is loaded now stays: later collections need not look at it


async def _tried(what: str, warming: Awaitable[None]) -> None:
    try:
        async with asyncio.timeout(_WARM_WITHIN_S):
            await warming
    except (GenesysError, DatabaseError, TimeoutError) as error:  # not the program's fault: one line tells it
        why = " ".join(str(error).split()) or f"no answer within {_WARM_WITHIN_S:g} s."
        _logger.warning("%s not warmed up, so the first request will be slower: %s", what, why)
    except Exception:
        _logger.warning("%s not warmed up, so the first request will be slower", what, exc_info=True)


def _hand_back() -> None:
    from injections.services.handover import hand_back

    hand_back()


def _warm_platform() -> None:
    from injections import wiring

    wiring.warm()


def _warm_django() -> None:
    from django.http import HttpRequest
    from django.urls import resolve

    from injections.services.rehearsal import rehearse

    asked = HttpRequest()
    asked.method, asked.path = "OPTIONS", "/inject"  # answered 405: the way there is what is wanted
    resolve(asked.path).func(asked)
    rehearse()


application = Portal(Gateway(threads=settings.WEB_THREADS))
