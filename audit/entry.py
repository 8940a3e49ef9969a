"""What one record says, before it has a place in the log: who, what, when, where from, what came of it, why.

Everything that may come from outside (names, addresses, paths, identifiers, the sentence) is made recordable
as the objects are built, so that an attempt with hostile text can be recorded like any other. `details`,
`before` and `after` are taken strictly; pass what came from outside through `canonical.clean_text` or
`canonical.clean_value` first.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from audit import canonical

FORMAT_VERSION = 1
HEARTBEAT = "audit.heartbeat"  # by which the log says once a minute that it lives

ActorKind = Literal["user", "api_client", "system", "platform", "anonymous"]
Outcome = Literal["done", "refused", "failed", "unknown"]
ACTOR_KINDS: tuple[str, ...] = get_args(ActorKind)
OUTCOMES: tuple[str, ...] = get_args(Outcome)
IDENTIFIERS = ("conversation_id", "participant_id", "clip_id", "injection_id")

# Longest texts in characters; the database holds the same limits.
LIMITS: Mapping[str, int] = {
    "action": 64,
    "reason_code": 64,
    "summary": 500,
    "actor_id": 64,
    "actor_name": 150,
    "actor_role": 100,
    "source_ip": 200,
    "source_user_agent": 300,
    "source_request_id": 64,
    "source_where": 300,
    "subject_other": 200,
}
_ACTION = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_CODE = re.compile(r"[a-z0-9_]*")


def _clean(instance: object, prefix: str, *names: str) -> None:
    for name in names:
        cleaned = canonical.clean_text(getattr(instance, name), limit=LIMITS[prefix + name])
        object.__setattr__(instance, name, cleaned)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted, with name and role as they were at the time."""

    kind: ActorKind
    id: str = ""
    name: str = ""
    role: str = ""

    def __post_init__(self) -> None:
        if self.kind not in ACTOR_KINDS:
            raise ValueError(f"actor kind {self.kind!r} is not one of {', '.join(ACTOR_KINDS)}")
        _clean(self, "actor_", "id", "name", "role")


@dataclass(frozen=True, slots=True)
class Source:
    """Where an act came from: addresses, the nearest last, and the path or command (`where`)."""

    ip: str = ""
    user_agent: str = ""
    request_id: str = ""
    where: str = ""

    def __post_init__(self) -> None:
        _clean(self, "source_", "ip", "user_agent", "request_id", "where")


@dataclass(frozen=True, slots=True)
class Subject:
    """What was acted upon. An identifier that is no UUID is kept in `other`, as `name=text`."""

    conversation_id: UUID | str | None = None
    participant_id: UUID | str | None = None
    clip_id: UUID | str | None = None
    injection_id: UUID | str | None = None
    other: str = ""

    def __post_init__(self) -> None:
        others = [self.other] if self.other else []
        for name in IDENTIFIERS:
            given = getattr(self, name)
            identifier = _as_uuid(given)
            object.__setattr__(self, name, identifier)
            if identifier is None and given is not None:
                others.append(f"{name}={canonical.clean_text(given, limit=60)}")
        object.__setattr__(self, "other", " ".join(others))
        _clean(self, "subject_", "other")

    def identifiers(self) -> dict[str, UUID | None]:
        """Return the four identifiers by name."""
        return {name: _as_uuid(getattr(self, name)) for name in IDENTIFIERS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One act or attempt.

    `summary` is a sentence for its reader; `before` and `after` show what a change changed.

    Raises:
        ValueError: an action that is not dotted lower case, an unknown outcome, a reason that is no code, no
            sentence, or a time without a zone.
    """

    action: str
    outcome: Outcome
    actor: Actor
    source: Source
    summary: str
    occurred_at: datetime
    subject: Subject = field(default_factory=Subject)
    reason_code: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if len(self.action) > LIMITS["action"] or _ACTION.fullmatch(self.action) is None:
            raise ValueError(f"action {self.action!r} is not dotted lower case like injection.requested")
        if self.outcome not in OUTCOMES:
            raise ValueError(f"outcome {self.outcome!r} is not one of {', '.join(OUTCOMES)}")
        if len(self.reason_code) > LIMITS["reason_code"] or _CODE.fullmatch(self.reason_code) is None:
            raise ValueError(f"reason code {self.reason_code!r} is not lower case with underscores")
        if self.occurred_at.utcoffset() is None:
            raise ValueError("occurred_at names no time zone")
        _clean(self, "", "summary")
        if not self.summary:
            raise ValueError(f"{self.action} has no sentence that says what happened")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the log adds: identity, the time of the database, and the place in the chain of a conversation."""

    id: UUID
    recorded_at: datetime
    number_in_conversation: int | None = None
    previous_in_conversation: str | None = None


def body(entry: Entry, *, place: Place) -> dict[str, Any]:
    """Return the record as one object, format version 1: the value whose canonical text is stored and hashed.

    `recorded_at` stands inside, so that a back-dated record no longer fits its hash.
    """
    identifiers = entry.subject.identifiers()
    return {
        "v": FORMAT_VERSION,
        "id": str(place.id),
        "recorded_at": canonical.format_time(place.recorded_at),
        "occurred_at": canonical.format_time(entry.occurred_at),
        "action": entry.action,
        "outcome": entry.outcome,
        "reason_code": entry.reason_code,
        "summary": entry.summary,
        "actor": {
            "kind": entry.actor.kind,
            "id": entry.actor.id,
            "name": entry.actor.name,
            "role": entry.actor.role,
        },
        "source": {
            "ip": entry.source.ip,
            "user_agent": entry.source.user_agent,
            "request_id": entry.source.request_id,
            "where": entry.source.where,
        },
        "subject": {
            **{name: None if value is None else str(value) for name, value in identifiers.items()},
            "other": entry.subject.other,
        },
        "details": entry.details,
        "before": entry.before,
        "after": entry.after,
        "number_in_conversation": place.number_in_conversation,
        "previous_in_conversation": place.previous_in_conversation,
    }


def columns(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the search columns that follow from the body `content`, by the names of the model's fields."""
    subject = content["subject"]
    return {
        "id": UUID(content["id"]),
        "recorded_at": datetime.fromisoformat(content["recorded_at"]),
        "occurred_at": datetime.fromisoformat(content["occurred_at"]),
        **{name: content[name] for name in ("action", "outcome", "reason_code", "summary")},
        **{f"actor_{name}": content["actor"][name] for name in ("kind", "id", "name", "role")},
        **{f"source_{name}": content["source"][name] for name in ("ip", "user_agent", "request_id", "where")},
        **{name: _as_uuid(subject[name]) for name in IDENTIFIERS},
        "subject_other": subject["other"],
        "number_in_conversation": content["number_in_conversation"],
        "previous_in_conversation": content["previous_in_conversation"],
    }


def leaf_hash(text: str) -> str:
    """Return the leaf hash of a canonical text in hex: SHA-256 of 0x00 and the text (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\x00" + text.encode()).hexdigest()


def _as_uuid(value: UUID | str | None) -> UUID | None:
    if value is None or isinstance(value, UUID):
        return value
    # Only the usual 36 characters: UUID() itself also takes braces, "urn:uuid:" and misplaced hyphens.
    text = str(value)
    try:
        identifier = UUID(text)
    except ValueError:
        return None
    return identifier if str(identifier) == text.lower() else None
