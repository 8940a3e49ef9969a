"""How much one client may ask for in a minute (contract: 429 with Retry-After)."""

import time
from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from injections.services.refusals import MINUTE_S, count_in_minute


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
        return MINUTE_S - time.time() % MINUTE_S
