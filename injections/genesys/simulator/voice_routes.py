"""The voice-interactions profile: call state, play commands, webhooks."""

import uuid
from collections.abc import Callable
from datetime import datetime

from injections.genesys.simulator.api_errors import ApiError
from injections.genesys.simulator.calls import TERMINATED, Call, Leg
from injections.genesys.simulator.centre import Centre
from injections.genesys.simulator.commands import PlayOrder, parse_play_order
from injections.genesys.simulator.ledger import Entry, Ledger
from injections.genesys.simulator.messages import Request, Response, json_response
from injections.genesys.simulator.playback import Player
from injections.genesys.simulator.routing import Router, json_object, parse_json
from injections.genesys.simulator.shapes import timestamp, truth, voice_conversation, voice_participant
from injections.genesys.simulator.webhooks import Webhooks

_CALL = "/api/v2/conversations/voice/{conversationId}"
_PARTICIPANT = _CALL + "/participants/{participantId}"
INTERACTIONS = _PARTICIPANT + "/interactions"


class VoiceRoutes:
    """The profile's endpoints."""

    def __init__(
        self,
        *,
        centre: Centre,
        ledger: Ledger,
        player: Player,
        webhooks: Webhooks,
        clock: Callable[[], datetime],
    ) -> None:
        self._centre = centre
        self._ledger = ledger
        self._player = player
        self._webhooks = webhooks
        self._clock = clock

    def add_to(self, router: Router) -> None:
        """Enter the endpoints in the table."""
        router.add("GET", _CALL, self.conversation)
        router.add("GET", _PARTICIPANT, self.participant)
        router.add("POST", INTERACTIONS, self.interact)
        router.add("POST", "/api/v2/webhooks", self.register)
        router.add("GET", "/api/v2/webhooks", self.webhooks)
        router.add("DELETE", "/api/v2/webhooks/{webhookId}", self.unregister)

    async def conversation(self, _request: Request, params: dict[str, str]) -> Response:
        """Show a call."""
        return json_response(200, voice_conversation(self._call(params)))

    async def participant(self, _request: Request, params: dict[str, str]) -> Response:
        """Show one participant of a call."""
        call = self._call(params)
        leg = call.leg(params["participantId"])
        if leg is None:
            raise _not_in_call(404, params["participantId"])
        return json_response(200, voice_participant(call, leg))

    async def interact(self, request: Request, params: dict[str, str]) -> Response:
        """Accept a play command, or refuse it; either is written in the ledger."""
        entry = self.write_down(request, params)
        try:
            order = self._judge(request, params)
        except ApiError as error:
            entry.status, entry.refused_because = error.status, error.message
            raise
        entry.overlapped = self._ledger.playing_in(entry.conversation_id)
        entry.accepted, entry.status, entry.interaction_id = True, 201, str(uuid.uuid4())
        self._player.start(entry, order)
        return json_response(201, {"id": entry.interaction_id}, {"X-Interaction-Id": entry.interaction_id})

    def write_down(self, request: Request, params: dict[str, str]) -> Entry:
        """Write a command in the ledger as it arrived, before anything is decided about it."""
        call = self._centre.find(params["conversationId"])
        try:
            body = parse_json(request.body)
        except ApiError:
            body = request.body[:1000].decode("utf-8", "replace")
        return self._ledger.add(
            Entry(
                received_at=timestamp(self._clock()),
                conversation_id=params["conversationId"],
                participant_id=params["participantId"],
                body=body,
                correlation_id=request.correlation_id,
                call=None if call is None else truth(call),
            )
        )

    def _judge(self, request: Request, params: dict[str, str]) -> PlayOrder:
        order = parse_play_order(json_object(request))
        call = self._call(params)
        leg = call.leg(params["participantId"])
        if leg is None:
            raise _not_in_call(403, params["participantId"])
        _refuse_if_over(call, leg)
        return order

    def _call(self, params: dict[str, str]) -> Call:
        call = self._centre.find(params["conversationId"])
        if call is None:
            raise ApiError(404)
        return call

    async def register(self, request: Request, _params: dict[str, str]) -> Response:
        """Register a webhook."""
        return json_response(201, self._webhooks.register(json_object(request)))

    async def webhooks(self, _request: Request, _params: dict[str, str]) -> Response:
        """List the webhooks."""
        return json_response(200, {"entities": self._webhooks.registered()})

    async def unregister(self, _request: Request, params: dict[str, str]) -> Response:
        """Remove a webhook."""
        self._webhooks.remove(params["webhookId"])
        return Response(204)


def _refuse_if_over(call: Call, leg: Leg) -> None:
    if not call.is_live:
        raise ApiError(404, message="The conversation has ended.")
    if leg.state == TERMINATED:
        raise ApiError(404, message=f"Participant {leg.id} has left the conversation.")
    if call.state != "active":
        raise ApiError(409, message=f"The conversation is not active: {call.state}.")


def _not_in_call(status: int, participant_id: str) -> ApiError:
    return ApiError(status, message=f"Participant {participant_id} is not a participant in the conversation.")
