"""Reasons as the pages tell them: checklist, refusal and list have the same words for the same thing.

The API and the log keep the words of `injections.reasons`. What is not here is told in those.
"""

import re
from typing import Final

from injections.reasons import REASONS
from injections.web.plain_text import shown_name

_NO_CONSENT: Final = "No consent on record"
_ASK_FOR_CONSENT: Final = (
    "Ask the agent to agree to supervision. The call can be barged as soon as the consent is on record."
)
WORDS: Final = {
    "call_not_active": "Call is not active",
    "call_busy": "A recording is playing or due",
    "agent_not_connected": "The agent has not answered yet",
    "participant_not_in_call": "The agent is no longer in this call",
    "attributes_missing": _NO_CONSENT,
    "consent_missing": _NO_CONSENT,
    "consent_denied": "Agent does not consent",
    "consent_withdrawn": "Consent withdrawn",
    "on_hold": "The caller is on hold",
    "clip_not_approved": "The recording is not approved, or no longer",
    "secure_pause": "Card data is being taken",
    "outcome_unknown": "The platform's answer was lost: the recording may have been started",
    "breaker_open": "Requests to Genesys Cloud are held back",
}
_REMEDIES: Final = {
    "attributes_missing": _ASK_FOR_CONSENT,
    "consent_missing": _ASK_FOR_CONSENT,
    # The platform tells both in the same way: that the agent declined, and that a consent was taken back.
    "consent_denied": "The agent declined, or took the consent back. Do not barge.",
}
_MEANING: Final = "Nothing was played."
_SENTENCE_END: Final = re.compile(r"(?<=[.!?]) +")


def why(code: str, error: str) -> str:
    """Return in words what happened: those of the checklist where it has some, else `error`, each sentence once.

    What it means for the call is told beside it and not repeated here.
    """
    if code in WORDS:
        return WORDS[code]
    sentences = dict.fromkeys(_SENTENCE_END.split(shown_name(error).strip()))
    return " ".join(one for one in sentences if one != _MEANING)


def remedy(code: str) -> str:
    """Return the next step; what it means for the call is told beside it and not repeated here."""
    known = REASONS[code].remedy if code in REASONS else ""
    return _REMEDIES.get(code, known).replace(_MEANING, "").strip()
