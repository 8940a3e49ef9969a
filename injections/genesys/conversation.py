"""One live call out of the public API's many words: who speaks with whom now, and what stands in the way.

Two shapes are read: the full conversation (`participants[].calls[]`) and the flat one of notification
events (`participants[]` with the call's own fields). Source: genesys-platform.md, "Active, derived".
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from .activity import dicts_of, moment_at, text_at
from .types import LiveCallState

_OVER = frozenset({"disconnected", "terminated", "converting", "transmitting", "uploading", "none", ""})
_CALLERS = ("customer", "external")
_AGENTS = ("agent", "user")
# Who is in the call on account of somebody else's conversation; never its agent.
_GUEST_KEYS = ("bargedParticipantId", "monitoredParticipantId", "coachedParticipantId")
CONSENT: Final = "consent"
_VERSIONED: Final = ("who takes part", "the agent", "hold or secure pause", CONSENT)  # the parts of a version


@dataclass(frozen=True, slots=True)
class _Party:
    """A participant with the one of its calls that counts."""

    raw: Mapping[str, Any]
    call: Mapping[str, Any]
    id: str
    purpose: str
    user_id: str

    @property
    def state(self) -> str:
        return text_at(self.call, "state")

    @property
    def is_connected(self) -> bool:
        return self.state == "connected"

    @property
    def connected_at(self) -> datetime | None:
        return moment_at(self.call, "connectedTime") or moment_at(self.raw, "connectedTime")

    @property
    def is_guest(self) -> bool:
        return any(self.raw.get(key) for key in _GUEST_KEYS)

    def is_flagged(self, flag: str) -> bool:
        return self.call.get(flag) is True


def parse_conversation(
    raw: Mapping[str, Any], *, consent_key: str = "supervision_consent"
) -> LiveCallState | None:
    """Return the live call, or None when it is over or nobody of ours is in it or being rung.

    Of several agents (a re-routed call) the one who is connected now counts, never the first; while
    nobody is connected, the one who is being rung.
    """
    if raw.get("endTime") or not text_at(raw, "id"):
        return None
    parties = _live_parties(raw)
    agent = _foremost([party for party in parties if party.purpose in _AGENTS and _is_agent(party)])
    caller = _foremost([party for party in parties if party.purpose in _CALLERS])
    if agent is None or caller is None:
        return None
    return _state(raw, parties=parties, agent=agent, caller=caller, consent_key=consent_key)


def hindrances_of(call: LiveCallState) -> tuple[str, ...]:
    """Return what forbids a barge beside state and consent, the gravest first."""
    found = {
        "secure_pause": call.secure_pause,
        "on_hold": call.held or call.confined,
        "call_busy": call.barged_by is not None,
    }
    return tuple(code for code, holds in found.items() if holds)


def _state(
    raw: Mapping[str, Any], *, parties: list[_Party], agent: _Party, caller: _Party, consent_key: str
) -> LiveCallState:
    queue_id, queue_name = _queue_of(agent, caller)
    blocks = {flag: _is_either(flag, agent, caller) for flag in ("held", "confined")}
    is_secure = raw.get("securePause") is True or _is_either("securePause", agent, caller)
    attributes = _attributes(agent.raw)
    return LiveCallState(
        conversation_id=text_at(raw, "id"),
        agent_participant_id=agent.id,
        agent_name=text_at(agent.raw, "name") or _nested(agent.raw, "user", "name"),
        agent_user_id=agent.user_id or None,
        queue_id=queue_id or None,
        queue_name=queue_name,
        caller_address=text_at(caller.raw, "address") or text_at(caller.raw, "ani"),
        caller_name=text_at(caller.raw, "name"),
        direction=_direction(caller) or _direction(agent),
        connected_at=caller.connected_at or agent.connected_at,
        state=agent.state if not agent.is_connected else caller.state,
        held=blocks["held"],
        confined=blocks["confined"],
        secure_pause=is_secure,
        barged_by=_barger(parties),
        agent_attributes=attributes,
        customer_participant_id=caller.id,
        version=_version(
            sorted((party.id, party.state) for party in parties),
            agent.id,
            [blocks["held"], blocks["confined"], is_secure],
            attributes.get(consent_key),
        ),
    )


def _live_parties(raw: Mapping[str, Any]) -> list[_Party]:
    parties = [_party(item) for item in dicts_of(raw.get("participants"))]
    return [party for party in parties if party.id and party.state not in _OVER]


def _party(raw: Mapping[str, Any]) -> _Party:
    return _Party(
        raw=raw,
        call={} if raw.get("endTime") else _call_of(raw),
        id=text_at(raw, "id"),
        purpose=text_at(raw, "purpose"),
        user_id=text_at(raw, "userId") or _nested(raw, "user", "id"),
    )


def _call_of(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the participant's call that is connected, else the last live one; the flat shape is its own."""
    if not isinstance(raw.get("calls"), list):
        return raw
    live = [call for call in dicts_of(raw["calls"]) if text_at(call, "state") not in _OVER]
    connected = [call for call in live if text_at(call, "state") == "connected"]
    return next(iter(connected[-1:] or live[-1:]), {})


def _is_agent(party: _Party) -> bool:
    return bool(party.user_id) and not party.is_guest


def _foremost(parties: list[_Party]) -> _Party | None:
    """Return the connected one, the latest of several; else the latest of those that are not yet."""
    ranked = sorted(parties, key=lambda party: (party.is_connected, _timestamp(party)))
    return ranked[-1] if ranked else None


def _timestamp(party: _Party) -> float:
    moment = party.connected_at or moment_at(party.raw, "startTime")
    return 0.0 if moment is None else moment.timestamp()


def _is_either(flag: str, agent: _Party, caller: _Party) -> bool:
    return agent.is_flagged(flag) or caller.is_flagged(flag)


def _barger(parties: list[_Party]) -> str | None:
    guests = [party for party in parties if party.raw.get("bargedParticipantId")]
    return (text_at(guests[0].raw, "name") or "another supervisor") if guests else None


def _queue_of(*parties: _Party) -> tuple[str, str]:
    for party in parties:
        queue_id = text_at(party.raw, "queueId") or _nested(party.raw, "queue", "id")
        if queue_id:
            return queue_id, text_at(party.raw, "queueName") or _nested(party.raw, "queue", "name")
    return "", ""


def _direction(party: _Party) -> str:
    return text_at(party.call, "direction")


def _attributes(raw: Mapping[str, Any]) -> Mapping[str, str]:
    found = raw.get("attributes")
    pairs = found.items() if isinstance(found, dict) else ()
    return {key: value for key, value in pairs if isinstance(value, str)}


def _nested(raw: Mapping[str, Any], outer: str, inner: str) -> str:
    value = raw.get(outer)
    return text_at(value, inner) if isinstance(value, dict) else ""


def changes_between(seen: str, now: str) -> tuple[str, ...]:
    """Return in words what differs between two versions of a call; nothing when they cannot be compared."""
    before, after = seen.split("-"), now.split("-")
    if not len(before) == len(after) == len(_VERSIONED):
        return ()
    return tuple(words for words, one, other in zip(_VERSIONED, before, after, strict=True) if one != other)


def _version(*parts: Any) -> str:
    """Return some digits of the digest of each part (31 characters in all): two versions tell what differs."""
    texts = (json.dumps(part, sort_keys=True, separators=(",", ":")) for part in parts)
    return "-".join(hashlib.sha256(text.encode()).hexdigest()[:7] for text in texts)
