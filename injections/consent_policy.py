"""Whether a recording may be played into a call: one pure decision with its reasons.

Source: the voice-interactions contract, "Call state and consent". Order of reasons: the first is the one that is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from injections.genesys.types import CallState

POLICY_VERSION = "2026-11"  # recorded with each decision: which rules were applied


@dataclass(frozen=True, slots=True)
class ConsentDecision:
    """The decision and every reason against it, as codes of `reasons.py`, the gravest first."""

    allowed: bool
    reasons: tuple[str, ...]


def consent_reason(attributes: Mapping[str, str] | None, *, key: str) -> str | None:
    """Return why the participant's attributes do not hold consent, or None when they do.

    Consent holds when `attributes[key]` is exactly the string "true": not "True", not a boolean.
    """
    if attributes is None:
        return "attributes_missing"
    if key not in attributes:
        return "consent_missing"
    return None if attributes[key] == "true" else "consent_denied"


def decide(state: CallState, *, key: str) -> ConsentDecision:
    """Decide from what the platform answered just now, never from a cache."""
    reasons: list[str] = []
    if state.conversation is None or state.conversation.state != "active":
        reasons.append("call_not_active")
    if state.participant is None:
        reasons.append("participant_not_in_call")
    else:
        if state.participant.state not in {"", "connected"}:  # a gateway may leave it out
            reasons.append("agent_not_connected")
        consent = consent_reason(state.participant.custom_attributes, key=key)
        if consent is not None:
            reasons.append(consent)
    reasons.extend(state.hindrances or ())
    return ConsentDecision(allowed=not reasons, reasons=tuple(reasons))
