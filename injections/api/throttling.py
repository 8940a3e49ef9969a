"""How much one client may ask for in a minute (contract: 429 with Retry-After)."""

import logging
import time
from typing import Any, Final

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from injections import wiring
from injections.shared_state import StateUnavailable

log = logging.getLogger(__name__)
_WINDOW_S: Final = 60


def count_in_minute(what: str, *, who: object) -> int | None:
    """Count one more of `what` by `who` in this minute; return how many, None when nobody can count."""
    key = f"{what}:{who}:{int(time.time() // _WINDOW_S)}"
    try:
        return wiring.shared_state().count(key, for_s=2 * _WINDOW_S)
    except StateUnavailable as error:
        log.warning("clients are not counted: %s", error)
        return None


class ClientRate(BaseThrottle):
    """Counts a client's requests in each minute: by its token, and by its address where it has none.

    DRF's own throttles keep the time of every request; a counter costs the same at any rate.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        """Tell whether this request is within the limit. When nobody can count, it is."""
        who = request.user.pk if request.user.is_authenticated else f"at-{self.get_ident(request)}"
        count = count_in_minute("inject-rate", who=who)
        if count is None:
            return True
        over = count - settings.INJECT_RATE_PER_MINUTE
        request._request.is_first_over_rate = over == 1  # type: ignore[attr-defined]  # read where it is answered
        return over <= 0

    def wait(self) -> float:
        """Return the seconds to the next minute."""
        return _WINDOW_S - time.time() % _WINDOW_S
