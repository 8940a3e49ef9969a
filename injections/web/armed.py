"""The armed barge: everything that was agreed, sealed into one token that only this portal can make.

Between arming and firing nothing can be changed, neither by the page nor on the way.
"""

import hashlib
from dataclasses import asdict, dataclass
from typing import Final
from uuid import UUID, uuid4

from django.core import signing

from injections.genesys.payload import MAX_DURATION_MS
from injections.models import AudioClip, LiveCall
from injections.web.forms import ArmForm

_SALT: Final = "injections.web.armed"


class NotArmed(ValueError):
    """The token is missing, changed, another person's, or for another call."""


@dataclass(frozen=True, slots=True)
class Armed:
    """What shall be played where, as the supervisor agreed to it. `key` makes a repeat the same injection."""

    user_id: int
    conversation_id: str
    participant_id: str
    clip_id: str
    agent_mute: bool
    caller_mute: bool
    normalize_level: bool
    max_duration_ms: int
    reason: str
    seen_version: str
    key: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what was agreed: the same key never stands for anything else."""
        return hashlib.sha256(repr(sorted(asdict(self).items())).encode()).hexdigest()


def arm(*, call: LiveCall, form: ArmForm, user_id: int) -> Armed:
    """Return what a valid `form` asks for, with a fresh idempotency key."""
    clip: AudioClip = form.cleaned_data["clip"]
    return Armed(
        user_id=user_id,
        conversation_id=str(call.conversation_id),
        participant_id=str(form.cleaned_data["participant_id"]),
        clip_id=str(clip.pk),
        agent_mute=form.cleaned_data["agent_mute"],
        caller_mute=form.cleaned_data["caller_mute"],
        normalize_level=form.cleaned_data["normalize_level"],
        max_duration_ms=min(clip.duration_ms, MAX_DURATION_MS),
        reason=form.cleaned_data["reason"],
        seen_version=form.cleaned_data["seen_version"],
        key=f"page-{uuid4().hex}",
    )


def seal(armed: Armed) -> str:
    """Return `armed` as a token that carries the time of its making."""
    return signing.dumps(asdict(armed), salt=_SALT, compress=True)


def unseal(token: str, *, conversation_id: UUID, user_id: int) -> Armed:
    """Return what `token` stands for, however long ago it was armed: a repeat is told what became of the first.

    Raises:
        NotArmed: it is not ours, was changed, or belongs to another person or call.
    """
    try:
        armed = Armed(**signing.loads(token, salt=_SALT))
    except (signing.BadSignature, TypeError):
        raise NotArmed from None
    if armed.user_id != user_id or armed.conversation_id != str(conversation_id):
        raise NotArmed
    return armed


def is_safe_again(token: str, *, armed_s: int) -> bool:
    """Tell whether more than `armed_s` seconds have passed since `token` was made."""
    try:
        # The token counts whole seconds: one more, or a press in the last second would be refused.
        signing.loads(token, salt=_SALT, max_age=armed_s + 1)
    except signing.SignatureExpired:
        return True
    return False
