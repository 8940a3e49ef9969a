"""Why an injection was refused or failed: stable codes, each with a plain sentence and what to do.

The codes are part of the HTTP API: sentences may change, codes do not.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Reason:
    """One refusal or failure: what happened, and the next step for the person who asked."""

    code: str
    sentence: str
    remedy: str


_ALL: Final = (
    Reason(
        "call_not_active",
        "conversation not active",
        "The call has ended or has not begun. Pick another call.",
    ),
    Reason(
        "call_changed", "the call changed since you looked at it", "Read the call again, then decide anew."
    ),
    Reason("call_busy", "another recording is playing or due in this call", "Wait until it has ended."),
    Reason(
        "agent_not_connected", "the agent is not connected to the call", "Wait until the agent has answered."
    ),
    Reason(
        "participant_not_in_call",
        "participant not in the conversation",
        "The agent has left this call. Open it again.",
    ),
    Reason(
        "attributes_missing",
        "participant missing attributes",
        "The agent's participant carries no consent. Ask for it, or let it be set in the call flow.",
    ),
    Reason(
        "consent_missing",
        "consent attribute not found",
        "No consent is on record for this agent. Ask for it first.",
    ),
    Reason("consent_denied", "consent denied", "The agent did not consent to supervision. Do not barge."),
    Reason(
        "consent_withdrawn",
        "consent was withdrawn after the decision to play",
        "The agent no longer consents. Do not barge.",
    ),
    Reason("on_hold", "the call is on hold", "Wait until the agent takes the call off hold."),
    Reason("secure_pause", "card data is being taken", "Wait until the secure pause has ended."),
    Reason("out_of_scope", "this call is outside your queues", "Ask an administrator for the queue."),
    Reason(
        "clip_not_approved",
        "the recording is not approved",
        "Pick an approved recording, or have this one approved.",
    ),
    Reason("clip_not_valid_now", "the recording is not valid today", "Pick a recording that is valid now."),
    Reason(
        "clip_not_allowed_here",
        "the recording is not allowed in this queue",
        "Pick a recording that is allowed here.",
    ),
    Reason("too_long", "the recording is longer than may be played", "Play at most 30 seconds."),
    Reason(
        "bad_audio_url",
        "the audio address cannot be used",
        "Give an https address whose path ends in .wav, .mp3 or .ogg.",
    ),
    Reason(
        "unknown_recording",
        "this portal has no recording at that address",
        "Copy the address of an approved recording from its page.",
    ),
    Reason(
        "host_not_allowed", "the audio host is not on the allow-list", "Add the host to INJECT_AUDIO_HOSTS."
    ),
    Reason(
        "deadline_passed",
        "it could not start before its deadline",
        "Nothing was played. Decide anew whether it still fits the call.",
    ),
    Reason(
        "rate_limited",
        "the platform's request limit is used up",
        "Nothing was played. Try again in a minute.",
    ),
    Reason(
        "breaker_open",
        "requests to the platform are held back",
        "Nothing was played. See the status page.",
    ),
    Reason(
        "upstream_refused",
        "the platform refused the request",
        "Nothing was played. See the details of the attempt.",
    ),
    Reason(
        "upstream_unreachable",
        "the platform could not be reached",
        "Nothing was played. Try again, or see the status page.",
    ),
    Reason("not_permitted", "your role may not do this", "Ask an administrator if you need it."),
    Reason(
        "not_authenticated",
        "no valid token came with the request",
        "Send Authorization: Token <token>. An administrator issues one with manage.py create_api_client.",
    ),
    Reason(
        "bad_request",
        "the request cannot be understood",
        "Correct it as the message says and send it again. Nothing was played.",
    ),
    Reason(
        "not_found",
        "there is nothing at this address, or it is not yours",
        "Check the address. An injection is shown to the client that asked for it.",
    ),
    Reason(
        "too_many_requests",
        "this client sends too many requests",
        "Nothing was played. Wait as long as Retry-After says, then send it again.",
    ),
    Reason(
        "database_away",
        "the portal's database cannot be reached",
        "Ask again with the same Idempotency-Key: what was already written down is not done twice.",
    ),
    Reason(
        "duplicate_key",
        "this idempotency key was used for another request",
        "Use a new key for a new request.",
    ),
    Reason(
        "outcome_unknown",
        "it may have been played: the platform's answer was lost",
        "Do not repeat it. Listen to the call, or wait for the platform's report.",
    ),
    Reason(
        "no_completion",
        "the platform accepted it but never reported its end",
        "It may have been played. Compliance can settle it.",
    ),
    Reason(
        "playback_failed",
        "the platform could not play the recording",
        "Nothing or only a part was heard. Try another recording.",
    ),
    Reason("call_ended", "the call ended before the recording did", "Nothing more can be played into it."),
    Reason("cancelled_by_user", "it was cancelled before it was sent", "Nothing was played."),
    Reason("queue_full", "too many requests wait already", "Nothing was played. Try again in a few seconds."),
    Reason("too_late", "it was sent or had ended already", "It can no longer be taken back."),
    Reason(
        "settled_not_played",
        "a compliance officer found that it was not played",
        "See the officer's reason in the record.",
    ),
    Reason("cancelled_upstream", "the platform cancelled the playback", "It was stopped before its end."),
)
# With these a part of the recording may have been heard before it ended.
PARTLY_HEARD: Final = frozenset({"playback_failed", "call_ended", "cancelled_upstream"})
REASONS: Final = {reason.code: reason for reason in _ALL}


def reason(code: str) -> Reason:
    """Return the reason with this code. Raises KeyError for a code that does not exist."""
    return REASONS[code]
