"""How much one client may ask for in a minute (contract: 429 with Retry-After)."""

import logging
import time
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

log = logging.getLogger(__name__)
_WINDOW_S: Final = 60


class ClientRate(BaseThrottle):
    """Counts a client's requests in each minute: by its token, and by its address where it has none.

    DRF's own throttles keep the time of every request; a counter costs the same at any rate.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        """Tell whether this request is within the limit. When nobody can count, it is."""
        who = request.user.pk if request.user.is_authenticated else f"at-{self.get_ident(request)}"
        key = f"inject-rate:{who}:{int(time.time() // _WINDOW_S)}"
        try:
            cache.add(key, 0, timeout=2 * _WINDOW_S)
            over = cache.incr(key) - settings.INJECT_RATE_PER_MINUTE
        except (RedisError, ValueError) as error:
            log.warning("clients are not counted: %s", type(error).__name__)
            return True
        request._request.is_first_over_rate = over == 1  # type: ignore[attr-defined]  # read where it is answered
        return over <= 0

    def wait(self) -> float:
        """Return the seconds to the next minute."""
        return _WINDOW_S - time.time() % _WINDOW_S
