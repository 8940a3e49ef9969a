"""One call in each of the forms in which the platform shows it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from injections.genesys.simulator.calls import ALERTING, CONNECTED, Call, Leg
from injections.genesys.simulator.people import DIVISION_ID, SCRIPT_ID, SERVICE_NUMBER

_INITIAL_STATES = {"agent": ALERTING, "user": "contacting"}

_OTHER_MEDIA = (
    "callbacks",
    "chats",
    "cobrowsesessions",
    "emails",
    "messages",
    "screenshares",
    "socialExpressions",
    "videos",
)


def timestamp(moment: datetime) -> str:
    """Write a time as the platform does: UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _without_none(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value is not None}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp(moment)


def _attributes(leg: Leg, key: str) -> dict[str, Any]:
    if leg.attributes is not None:
        return {key: dict(leg.attributes)}
    return {key: None} if leg.attributes_null else {}


# --- the voice-interactions profile --------------------------------------------------------------------


def voice_participant(call: Call, leg: Leg) -> dict[str, Any]:
    """Show one participant as the voice-interactions profile does."""
    return {
        **_without_none(
            {
                "id": leg.id,
                "purpose": leg.purpose,
                "name": leg.name,
                "userId": leg.user_id,
                "queueId": call.queue.id,
                "state": leg.state,
            }
        ),
        **_attributes(leg, "customAttributes"),
    }


def voice_conversation(call: Call) -> dict[str, Any]:
    """Show a call as the voice-interactions profile does."""
    return {
        "id": call.id,
        "state": call.state,
        "startTime": timestamp(call.started_at),
        "participants": [voice_participant(call, leg) for leg in call.legs],
    }


# --- the public API: one conversation ------------------------------------------------------------------


def _recording(call: Call, leg: Leg) -> dict[str, Any]:
    if leg.purpose not in {"agent", "customer", "external"} or leg.state != CONNECTED:
        return {"recording": False, "recordingState": "none"}
    return {"recording": True, "recordingState": "paused" if call.secure_pause else "active"}


def _recorders(call: Call) -> dict[str, str]:
    state = "PAUSED" if call.secure_pause else "ACTIVE"
    return {
        "adhocState": "NONE",
        "customerExperienceState": state,
        "agentExperienceState": state,
        "snippetState": "NONE",
    }


def _segments(leg: Leg) -> Iterator[dict[str, Any]]:
    waiting = "alert" if leg.purpose == "agent" else "contacting"
    talking = "barging" if leg.barged_participant_id is not None else "interact"
    if leg.connected_at is None or leg.connected_at > leg.started_at:
        ended = leg.connected_at if leg.connected_at is not None else leg.ended_at
        yield _without_none(
            {
                "startTime": timestamp(leg.started_at),
                "endTime": _time(ended),
                "type": waiting,
                "howEnded": None if leg.connected_at is None else talking,
            }
        )
    if leg.connected_at is not None:
        yield _without_none(
            {
                "startTime": timestamp(leg.connected_at),
                "endTime": _time(leg.ended_at),
                "type": "hold" if leg.held else talking,
                "disconnectType": leg.disconnect_type,
            }
        )


def _endpoint(leg: Leg) -> dict[str, str]:
    return {
        "name": leg.name,
        "nameRaw": leg.name,
        "addressNormalized": leg.address,
        "addressRaw": leg.address,
        "addressDisplayable": leg.address.removeprefix("tel:"),
    }


def _other(call: Call, leg: Leg) -> Leg:
    """Return whom a participant talks to."""
    return call.agent if leg is call.customer else call.customer


def _of_agents(leg: Leg, value: Any) -> Any:
    """Give what the platform says of agents alone."""
    return value if leg.purpose == "agent" else None


def _communication(call: Call, leg: Leg) -> dict[str, Any]:
    other = _other(call, leg)
    return _without_none(
        {
            "direction": call.direction if leg.barged_participant_id is None else "outbound",
            **_recording(call, leg),
            "muted": leg.muted,
            "confined": leg.confined,
            "held": leg.held,
            "securePause": call.secure_pause,
            "provider": "Edge",
            "id": leg.communication_id,
            "state": leg.state,
            "initialState": _INITIAL_STATES.get(leg.purpose, CONNECTED),
            "disconnectType": leg.disconnect_type,
            "recordersState": _recorders(call),
            "segments": list(_segments(leg)),
            "startAlertingTime": _of_agents(leg, timestamp(leg.started_at)),
            "connectedTime": _time(leg.connected_at),
            "disconnectedTime": _time(leg.ended_at),
            "peerId": other.communication_id,
            "self": _endpoint(leg),
            "other": _endpoint(other),
            "scriptId": _of_agents(leg, SCRIPT_ID),
            "afterCallWork": _of_agents(leg, {"state": "unknown"}),
            "afterCallWorkRequired": _of_agents(leg, value=False),
        }
    )


def _full_participant(call: Call, leg: Leg) -> dict[str, Any]:
    in_queue = leg.barged_participant_id is None
    return {
        **_without_none(
            {
                "id": leg.id,
                "startTime": timestamp(leg.started_at),
                "connectedTime": _time(leg.connected_at),
                "endTime": _time(leg.ended_at),
                "name": leg.name,
                "userUri": None if leg.user_id is None else f"/api/v2/users/{leg.user_id}",
                "userId": leg.user_id,
                "queueId": call.queue.id if in_queue else None,
                "queueName": call.queue.name if in_queue else None,
                "purpose": leg.purpose,
                "participantType": "External" if leg is call.customer else "Internal",
                "address": leg.address,
                "ani": call.customer.address,
                "aniName": leg.name if leg is call.customer else None,
                "dnis": SERVICE_NUMBER,
                "wrapupRequired": leg.purpose == "agent",
                "mediaRoles": ["full"],
                "wrapupPrompt": _of_agents(leg, "mandatory"),
                "alertingTimeoutMs": _of_agents(leg, 20000),
                "bargedParticipantId": leg.barged_participant_id,
            }
        ),
        **_attributes(leg, "attributes"),
        "calls": [_communication(call, leg)],
        **{media: [] for media in _OTHER_MEDIA},
    }


def _divisions(call: Call, *, links: bool) -> list[dict[str, Any]]:
    def linked(path: str, identifier: str) -> dict[str, str]:
        return {"id": identifier, "selfUri": f"/api/v2/{path}/{identifier}"} if links else {"id": identifier}

    entities = [linked("routing/queues", call.queue.id)]
    entities += [linked("users", leg.user_id) for leg in call.legs if leg.user_id is not None]
    return [{"division": linked("authorization/divisions", DIVISION_ID), "entities": entities}]


def full_conversation(call: Call) -> dict[str, Any]:
    """Show a call as `GET /api/v2/conversations/{id}` does; the public API gives no conversation state."""
    return _without_none(
        {
            "id": call.id,
            "startTime": timestamp(call.started_at),
            "endTime": _time(call.ended_at),
            "address": SERVICE_NUMBER,
            "participants": [_full_participant(call, leg) for leg in call.legs],
            "recordingState": "PAUSED" if call.secure_pause else "ACTIVE",
            "divisions": _divisions(call, links=True),
            "recentTransfers": [],
            "securePause": call.secure_pause,
            "selfUri": f"/api/v2/conversations/{call.id}",
        }
    )


# --- the public API: notifications ---------------------------------------------------------------------


def _notified_participant(call: Call, leg: Leg) -> dict[str, Any]:
    in_queue = leg.purpose != "ivr" and leg.barged_participant_id is None
    user = None if leg.user_id is None else {"id": leg.user_id, "name": leg.name}
    return {
        "held": leg.held,
        "wrapupRequired": leg.purpose == "agent",
        "mediaRoles": ["full"],
        **_attributes(leg, "attributes"),
        "provider": "Edge",
        "muted": leg.muted,
        "confined": leg.confined,
        **_recording(call, leg),
        "securePause": call.secure_pause,
        **_without_none(
            {
                "id": leg.id,
                "name": leg.name,
                "address": leg.address,
                "startTime": timestamp(leg.started_at),
                "connectedTime": _time(leg.connected_at),
                "endTime": _time(leg.ended_at),
                "purpose": leg.purpose,
                "state": leg.state,
                "direction": call.direction,
                "disconnectType": leg.disconnect_type,
                "user": user,
                "queue": {"id": call.queue.id, "name": call.queue.name} if in_queue else None,
                "wrapupPrompt": _of_agents(leg, "mandatory"),
                "alertingTimeoutMs": _of_agents(leg, 20000),
                "bargedParticipantId": leg.barged_participant_id,
                "script": _of_agents(leg, {"id": SCRIPT_ID}),
                "peer": _other(call, leg).communication_id,
                "recordersState": _recorders(call),
                "ani": call.customer.address,
                "dnis": SERVICE_NUMBER,
            }
        ),
    }


def queue_topic(queue_id: str) -> str:
    """Name the topic of a queue's calls."""
    return f"v2.routing.queues.{queue_id}.conversations.calls"


def call_event(call: Call, *, correlation_id: str) -> dict[str, Any]:
    """Show a call as an event of its queue's topic does."""
    return {
        "topicName": queue_topic(call.queue.id),
        "version": "2",
        "eventBody": {
            "id": call.id,
            "participants": [_notified_participant(call, leg) for leg in call.legs],
            "otherMediaUris": [],
            "address": SERVICE_NUMBER,
            "divisions": _divisions(call, links=False),
            "recordingState": "paused" if call.secure_pause else "active",
            "securePause": call.secure_pause,
        },
        "metadata": {"CorrelationId": correlation_id},
    }


# --- the simulator's own truth -------------------------------------------------------------------------


def truth(call: Call) -> dict[str, Any]:
    """Show what is so: for tests and demos, under `/_simulator/`."""
    agent = call.agent
    return {
        "conversationId": call.id,
        "agentParticipantId": agent.id,
        "customerParticipantId": call.customer.id,
        "agentName": agent.name,
        "agentUserId": agent.user_id,
        "agentState": agent.state,
        "callerName": call.customer.name,
        "callerAddress": call.customer.address,
        "queueId": call.queue.id,
        "queueName": call.queue.name,
        "direction": call.direction,
        "state": call.state,
        "consent": agent.consent,
        "held": agent.held or call.customer.held,
        "confined": agent.confined or call.customer.confined,
        "securePause": call.secure_pause,
        "barged": any(leg.barged_participant_id is not None and leg.state == CONNECTED for leg in call.legs),
        "participantIds": [leg.id for leg in call.legs],
        "label": call.label,
        "startedAt": timestamp(call.started_at),
        "endedAt": _time(call.ended_at),
    }
