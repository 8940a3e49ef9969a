"""The simulator's own requests: fetching recordings and delivering events, in daemon threads."""

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from typing import Any, TypeVar

_T = TypeVar("_T")
_LARGEST_CLIP = 50_000_000
_PIECE = 65_536
_TIMEOUT_S = 10.0
# No proxy: what a simulator on this machine reaches must not depend on the environment.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NotFetched(Exception):
    """The recording could not be had; the text says why."""


async def run_in_thread(work: Callable[[], _T]) -> _T:
    """Run blocking work in a daemon thread, so that the process can end while it lasts."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def settle(result: _T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # without an error there is a result

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 - handed to the awaiting coroutine, which raises it
            error = raised
        with suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, daemon=True).start()
    return await done


def fetch(url: str, *, longest_s: float = 30.0) -> bytes:
    """Fetch a recording, whole, within `longest_s`.

    Raises:
        NotFetched: whatever went wrong, in words.
    """
    ends_at = time.monotonic() + longest_s
    content = bytearray()
    try:
        with _OPENER.open(url, timeout=min(_TIMEOUT_S, longest_s)) as answer:
            while piece := answer.read1(_PIECE):
                content += piece
                if len(content) > _LARGEST_CLIP:
                    raise NotFetched("the recording is larger than 50 MB")
                if time.monotonic() > ends_at:
                    raise NotFetched(f"the recording did not come within {longest_s:g} seconds")
            missing = answer.length
    except urllib.error.HTTPError as error:
        error.close()
        raise NotFetched(f"the recording's host answered {error.code}") from error
    except (OSError, ValueError, HTTPException) as error:
        # A status line that is none is quoted in the error, line end and all; the log has one line for it.
        raise NotFetched(
            f"the recording could not be fetched: {' '.join(str(error).split()):.200}"
        ) from error
    if missing is not None and missing > 0:
        raise NotFetched(f"the last {missing} bytes of the recording did not come")
    return bytes(content)


def post_json(url: str, document: dict[str, Any]) -> int | None:
    """Post an event; give the status, or None when there was no answer."""
    request = urllib.request.Request(  # noqa: S310 - the address was checked at registration
        url, data=json.dumps(document).encode(), headers={"Content-Type": "application/json"}, method="POST"
    )
    try:
        with _OPENER.open(request, timeout=_TIMEOUT_S) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except (OSError, ValueError, HTTPException):
        return None
