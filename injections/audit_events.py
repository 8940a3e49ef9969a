"""From a change in the product to what the log says of it: who, what, when, where from, what came of it, why."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from audit.canonical import clean_value
from audit.entry import Entry, Outcome, Subject
from injections import media
from injections.callers import Caller
from injections.lifecycle import Status
from injections.models import AudioClip, InjectionRequest
from injections.reasons import PARTLY_HEARD

_SENTENCES: Final[Mapping[Status, str]] = {
    Status.REQUESTED: "{who} asked to play {what} into {where}.",
    Status.QUEUED: "Playing {what} into {where} must wait: {why}.",
    Status.DISPATCHING: "{what} is about to be sent into {where}.",
    Status.DISPATCHED: "The platform accepted {what} for {where}.",
    Status.UNKNOWN: "It is not known whether {what} was played into {where}: {why}.",
    Status.REFUSED: "{who} may not play {what} into {where}: {why}.",
    Status.EXPIRED: "{what} was not played into {where}: {why}.",
    Status.CANCELLED: "{what} for {where} was cancelled: {why}.",
    Status.FAILED: "{what} was not played into {where}: {why}.",
    Status.COMPLETED: "{what} was played into {where}.",
    Status.UNCONFIRMED: "The end of {what} in {where} was never reported: {why}.",
}
_CUT_OFF: Final = "{what} was not played to its end in {where}: {why}."
_OUTCOMES: Final[Mapping[Status, Outcome]] = {
    Status.REFUSED: "refused",
    Status.FAILED: "failed",
    Status.EXPIRED: "failed",
    Status.UNKNOWN: "unknown",
    Status.UNCONFIRMED: "unknown",
}


def recordable(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return `details` in a form that the log takes, whatever stands in them."""
    return {name: clean_value(value) for name, value in details.items()}


def injection_subject(injection: InjectionRequest) -> Subject:
    """Return what a record about `injection` is about; the platform's own names for it are found by a search."""
    return Subject(
        conversation_id=injection.conversation_id,
        participant_id=injection.participant_id,
        clip_id=injection.clip_id,
        injection_id=injection.pk,
        other=platform_names(
            interaction=injection.interaction_id,
            correlation=injection.correlation_id,
        ),
    )


def platform_names(*, interaction: str, correlation: str = "") -> str:
    """Return the ids that the platform gave, in the form of `Subject.other`."""
    names = {"interaction": interaction, "correlation": correlation}
    return " ".join(f"{name}={value}" for name, value in names.items() if value)


def injection_moved(
    injection: InjectionRequest,
    *,
    before: Status | None,
    details: Mapping[str, Any],
    at: datetime,
    by: Caller,
) -> Entry:
    """Return the record of `injection` having come to its present status."""
    status = Status(injection.status)
    return Entry(
        action=f"injection.{status.value}",
        outcome=_OUTCOMES.get(status, "done"),
        actor=by.actor,
        source=by.source,
        subject=injection_subject(injection),
        reason_code=injection.reason_code,
        summary=_sentence(injection, status, by),
        details=recordable(details),
        before=None if before is None else {"status": before.value},
        after={"status": status.value},
        occurred_at=at,
    )


def injection_settled(
    injection: InjectionRequest,
    *,
    before: Status | None,
    details: Mapping[str, Any],
    at: datetime,
    by: Caller,
) -> Entry:
    """Return the record of a person's judgement: who found what, and why. Nobody takes it for a reported end."""
    moved = injection_moved(injection, before=before, details=details, at=at, by=by)
    found = "was played" if injection.status == Status.COMPLETED else "was not played"
    what, where = _what_and_where(injection)
    why = " ".join(str(details["reason_given"]).split()).rstrip(".")
    return replace(
        moved,
        action="injection.settled",
        outcome="done",
        summary=f"{by.label} found that {what} {found} into {where}. Reason given: {why}.",
    )


def answered_late(
    injection: InjectionRequest, *, details: Mapping[str, Any], at: datetime, by: Caller
) -> Entry:
    """Return the record of an answer that came after its request had been given up as doubtful, or was settled."""
    return Entry(
        action="injection.answered_late",
        outcome="done",
        actor=by.actor,
        source=by.source,
        subject=injection_subject(injection),
        summary="The platform's answer came after its request had been settled or given up as doubtful.",
        details=recordable(details),
        occurred_at=at,
    )


def recording_facts(injection: InjectionRequest) -> dict[str, str]:
    """Return which recording it is, byte by byte where it is the portal's own."""
    clip = injection.clip
    return {
        "title": "" if clip is None else clip.title,
        "sha256": "" if clip is None else _sha256(clip, is_levelled=injection.normalize_level),
        "url": media.without_secrets(injection.audio_url) if clip is None else media.public_url(clip),
    }


def injection_facts(injection: InjectionRequest) -> dict[str, Any]:
    """Return what was asked for, with the digest of the recording: an address alone proves nothing."""
    return {
        "recording": recording_facts(injection),
        "mute": {"agent": injection.agent_mute, "caller": injection.caller_mute},
        "normalize_level": injection.normalize_level,
        "max_duration_ms": injection.max_duration_ms,
        "reason_given": injection.reason,
        "seen_version": injection.seen_version,
        "channel": injection.channel,
        "deadline_at": injection.deadline_at.isoformat(),
    }


def clip_changed(
    clip: AudioClip,
    *,
    action: str,
    summary: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    at: datetime,
    by: Caller,
) -> Entry:
    """Return the record of a change of a recording."""
    return Entry(
        action=action,
        outcome="done",
        actor=by.actor,
        source=by.source,
        subject=Subject(clip_id=clip.pk),
        summary=summary,
        details=recordable({"title": clip.title, "sha256": clip.sha256, "duration_ms": clip.duration_ms}),
        before=before,
        after=after,
        occurred_at=at,
    )


def _sentence(injection: InjectionRequest, status: Status, by: Caller) -> str:
    what, where = _what_and_where(injection)
    is_cut_off = status is Status.FAILED and injection.reason_code in PARTLY_HEARD
    sentence = (_CUT_OFF if is_cut_off else _SENTENCES[status]).format(
        who=by.actor.name or "Somebody",
        what=what,
        where=where,
        why=injection.error.rstrip("."),
    )
    return sentence[0].upper() + sentence[1:]


def _what_and_where(injection: InjectionRequest) -> tuple[str, str]:
    what = "a recording" if injection.clip is None else f"“{injection.clip.title}”"
    agent = injection.agent_name
    return what, f"{agent}'s call" if agent else f"call {injection.conversation_id}"


def _sha256(clip: AudioClip, *, is_levelled: bool) -> str:
    return clip.levelled_sha256 if is_levelled else clip.sha256
