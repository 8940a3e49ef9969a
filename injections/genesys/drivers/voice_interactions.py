"""The voice-interactions profile (not part of Genesys Cloud's public API; see the README)."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

from ..client import GenesysClient
from ..conversation import hindrances_of, parse_conversation
from ..errors import Refused
from ..payload import play_payload
from ..transport import Answer
from ..types import Accepted, CallState, Conversation, Participant, PlayCommand
from ..verdict import correlation_of, rate_of, unusable

COMPLETION_EVENT = "conversation:voice:interaction:completed"
_ID = re.compile(r"[\x21-\x7e]{1,200}")


class VoiceInteractionsDriver:
    """Plays by `POST .../interactions` and checks call state and consent by the profile's two reads."""

    def __init__(self, client: GenesysClient) -> None:
        self._client = client

    def fetch_call_state(
        self, *, conversation_id: UUID, participant_id: UUID, with_hindrances: bool = False
    ) -> CallState:
        """Ask for call and participant at once (contract: Call state and consent). Changes nothing.

        The profile tells nothing of hold, secure pause and barges; `with_hindrances` asks the public API for them,
        also at once. Raises GenesysError; an answer about another call or participant is Ambiguous.
        """
        hindrances = (
            self._client.meanwhile(lambda: self._hindrances(conversation_id)) if with_hindrances else None
        )
        call = f"/api/v2/conversations/voice/{conversation_id}"
        of_call, of_participant = self._client.read_together(call, f"{call}/participants/{participant_id}")
        conversation = self._found(of_call, wanted=conversation_id)
        participant = self._found(of_participant, wanted=participant_id)
        return CallState(
            conversation=None if conversation is None else parse_call(conversation),
            participant=None if participant is None else parse_participant(participant),
            correlation_ids=tuple(
                found for found in map(correlation_of, (of_call, of_participant)) if found is not None
            ),
            are_hindrances_asked=with_hindrances,
            hindrances=None if hindrances is None else hindrances.result(),
        )

    def play(
        self,
        *,
        conversation_id: UUID,
        participant_id: UUID,
        command: PlayCommand,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Accepted:
        """Send the play command exactly once (contract: Dispatch), unless `is_wanted` says no just before.

        Raises GenesysError (NotWanted when it was given up); ValueError for a duration out of range,
        before anything is sent.
        """
        path = f"/api/v2/conversations/voice/{conversation_id}/participants/{participant_id}/interactions"
        answer = self._client.command("POST", path, json=play_payload(command), is_wanted=is_wanted)
        interaction_id = answer.headers.get("X-Interaction-Id", "").strip()
        return Accepted(
            interaction_id=interaction_id if _ID.fullmatch(interaction_id) else None,
            correlation_id=correlation_of(answer),
            status=answer.status,
            sent_ms=answer.sent * 1000,
            answered_ms=answer.answered * 1000,
            rate=rate_of(answer.headers),
        )

    def register_completion_webhook(self, *, name: str, address: str) -> bool:
        """Have completion events sent to the address (contract: Completion); True when it was missing.

        Asks first and adds only what is missing. One of this name that points to another path of the same portal (an
        old secret), or that is switched off, is replaced; another portal's is left alone. Raises GenesysError.
        """
        listed = self._client.object_of(self._client.read("/api/v2/webhooks")).get("entities")
        named = [hook for hook in listed if _is_named(hook, name)] if isinstance(listed, list) else []
        fitting = [hook for hook in named if _fits(hook, address)]
        for hook in named:
            if (
                hook not in fitting
                and _text(hook, "id")
                and _origin(_text(hook, "address")) == _origin(address)
            ):
                self._remove_webhook(hook)
        if fitting:
            return False
        self._client.command("POST", "/api/v2/webhooks", json=_webhook(name=name, address=address))
        return True

    def warm(self) -> None:
        """Fetch the token and open connections. Raises GenesysError."""
        self._client.warm()

    def _hindrances(self, conversation_id: UUID) -> tuple[str, ...] | None:
        """Return what the public API tells; None for a gateway that offers the profile alone, or tells nothing."""
        try:
            answer = self._client.read(f"/api/v2/conversations/{conversation_id}", is_missing_allowed=True)
        except Refused:
            return None
        raw = self._found(answer, wanted=conversation_id)
        call = None if raw is None else parse_conversation(raw)
        return None if call is None else hindrances_of(call)

    def _found(self, answer: Answer, *, wanted: UUID) -> dict[str, Any] | None:
        if answer.status == 404:
            return None
        value = self._client.object_of(answer)
        # A gateway that mixes up its answers must never open the wrong call.
        if str(value.get("id", "")).lower() != str(wanted):
            raise unusable(answer, is_command=False)
        return value

    def _remove_webhook(self, hook: Mapping[str, Any]) -> None:
        path = f"/api/v2/webhooks/{quote(_text(hook, 'id'), safe='')}"
        # Gone already, or a gateway that cannot remove: the missing one is added in either case.
        with suppress(Refused):
            self._client.command("DELETE", path)


def parse_call(raw: Mapping[str, Any]) -> Conversation:
    """Read a conversation of the profile; what is missing is empty, and so can never be `active`."""
    listed = raw.get("participants")
    participants = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    return Conversation(
        id=_text(raw, "id"),
        state=_text(raw, "state"),
        start_time=_text(raw, "startTime") or None,
        participants=tuple(map(parse_participant, participants)),
    )


def parse_participant(raw: Mapping[str, Any]) -> Participant:
    """Read a participant of the profile; its attributes are None when absent or null."""
    return Participant(
        id=_text(raw, "id"),
        purpose=_text(raw, "purpose"),
        name=_text(raw, "name"),
        user_id=_text(raw, "userId") or None,
        queue_id=_text(raw, "queueId") or None,
        state=_text(raw, "state"),
        custom_attributes=_attributes(raw.get("customAttributes")),
    )


def _attributes(raw: object) -> Mapping[str, str] | None:
    if not isinstance(raw, dict):
        return None
    # The map is of strings: a `true` that is not a text is not the consent that the contract asks for.
    return {key: value for key, value in raw.items() if isinstance(value, str)}


def _text(raw: Mapping[str, Any], key: str) -> str:
    value = raw.get(key)
    return value if isinstance(value, str) else ""


def _webhook(*, name: str, address: str) -> dict[str, Any]:
    return {
        "name": name,
        "address": address,
        "event": COMPLETION_EVENT,
        "enabled": True,
        "filter": {"field": "conversationId", "operator": "eq", "values": ["*"]},
    }


def _is_named(hook: object, name: str) -> bool:
    return isinstance(hook, dict) and hook.get("name") == name


def _origin(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme.lower(), parts.netloc.lower()


def _fits(hook: Mapping[str, Any], address: str) -> bool:
    is_on = hook.get("enabled") is not False
    return hook.get("address") == address and hook.get("event") == COMPLETION_EVENT and is_on
