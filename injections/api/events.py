"""/api/v1/events: the numbered events again, for a QA system that finds a gap."""

from typing import Final

from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from injections.callers import caller_of
from injections.models import QaEvent
from injections.roles import Action
from injections.services.qa import shown_event
from injections.services.refusals import record_refusal

_PAGE: Final = 100
_DIGITS: Final = 18


class EventsView(APIView):
    """Numbers have no gaps and follow the order of the commits: `after` never skips an event."""

    def get(self, request: Request) -> Response:
        """Return up to 100 events with numbers above `after`, in order; `next` is the cursor for the following ones."""
        request._request.user = request.user
        by = caller_of(request._request)
        if not by.may(Action.READ_EVENTS):
            record_refusal(
                action="access.refused",
                code="not_permitted",
                summary=f"{by.label} asked the API for events without the role for it.",
                by=by,
            )
            raise PermissionDenied("This token may not read events.")
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdigit() and len(after) <= _DIGITS):
            raise ValidationError({"after": "Must be the number of the last event that you have, or 0."})
        events = list(QaEvent.objects.filter(number__gt=int(after)).order_by("number")[:_PAGE])
        return Response(
            {
                "events": [shown_event(event) for event in events],
                "next": events[-1].number if events else int(after),
                "hasMore": len(events) == _PAGE,
            }
        )
