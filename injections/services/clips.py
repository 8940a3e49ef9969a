"""The life of a recording: examined and kept under its own digest, approved by a second person, retired."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.core.files import File
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit import services as audit
from audit.entry import Subject
from audit.files import write_chunks
from injections.audio.child import analyse
from injections.audio.facts import Analysis
from injections.audio.limits import AudioLimits
from injections.audio.refusal import AudioRefused, refused
from injections.audit_events import clip_changed
from injections.callers import Caller
from injections.models import AudioClip
from injections.models.audio_clip import ClipStatus
from injections.roles import Action
from injections.services.refusals import NotPermitted, record_refusal, require

LEVELLED: Final = "wav_16k"  # the rendition that is played when level normalisation is asked for
# What the platform plays (contract: Dispatch): the address of a recording ends in one of these.
LIMITS: Final = AudioLimits(containers=("wav", "mp3", "ogg"))


class ClipNotInState(Exception):
    """The recording is no longer in the state that this step starts from."""


@dataclass(frozen=True, slots=True)
class _Examined:
    analysis: Analysis
    levelled: Path


def upload_clip(
    *, file: "UploadedFile[Any]", title: str, transcript: str, language: str, by: Caller
) -> AudioClip:
    """Examine a recording by its bytes, level it, keep both; the result waits for approval.

    Must run outside a transaction: decoding takes up to seconds. A refused file is kept nowhere; the refusal is
    recorded.

    Raises:
        AudioRefused: code and sentence say why.
        NotPermitted: the caller may not upload.
    """
    require(Action.UPLOAD_CLIP, attempt=f"upload “{title}”", by=by)
    with tempfile.TemporaryDirectory(prefix="upload-") as folder:
        try:
            examined = _examine(file, Path(folder))
            return _keep(file, examined, title=title, transcript=transcript, language=language, by=by)
        except AudioRefused as refusal:
            record_refusal(
                action="clip.upload_refused",
                code="bad_request",
                summary=f"{by.actor.name} uploaded a recording that was not taken: {refusal.message}",
                details={"audio_code": refusal.code, "title": title, "file_name": file.name or ""},
                by=by,
            )
            raise


def approve_clip(*, clip_id: UUID, by: Caller) -> AudioClip:
    """Approve a recording that another person uploaded. Raises ClipNotInState, NotPermitted."""
    return _decide(clip_id, ClipStatus.APPROVED, reason="", by=by)


def reject_clip(*, clip_id: UUID, reason: str, by: Caller) -> AudioClip:
    """Reject a recording, saying why. Raises ClipNotInState, NotPermitted, ValueError for an empty reason."""
    if not reason.strip():
        raise ValueError("A recording is rejected with a reason.")
    return _decide(clip_id, ClipStatus.REJECTED, reason=reason, by=by)


def retire_clip(*, clip_id: UUID, by: Caller) -> AudioClip:
    """Take a recording out of use; it is kept, for it may have been played. Raises ClipNotInState, NotPermitted."""
    clip = AudioClip.objects.get(pk=clip_id)
    require(Action.RETIRE_CLIP, attempt=f"retire “{clip.title}”", subject=Subject(clip_id=clip.pk), by=by)
    return _move(
        clip,
        from_statuses=(ClipStatus.DRAFT, ClipStatus.APPROVED, ClipStatus.REJECTED),
        values={"status": ClipStatus.RETIRED, "retired_at": timezone.now(), "retired_by": by.user},
        verb="retired",
        by=by,
    )


def _decide(clip_id: UUID, to: ClipStatus, *, reason: str, by: Caller) -> AudioClip:
    clip = AudioClip.objects.get(pk=clip_id)
    require(
        Action.APPROVE_CLIP, attempt=f"decide about “{clip.title}”", subject=Subject(clip_id=clip.pk), by=by
    )
    if by.user is not None and clip.uploaded_by_id == by.user.pk:
        _refuse(
            by, f"{by.actor.name} uploaded “{clip.title}”: another person must decide about it.", clip=clip
        )
    return _move(
        clip,
        from_statuses=(ClipStatus.DRAFT,),
        values={"status": to, "decided_at": timezone.now(), "decided_by": by.user, "decision_reason": reason},
        verb=to.value,
        by=by,
    )


def _move(
    clip: AudioClip, *, from_statuses: tuple[ClipStatus, ...], values: dict[str, Any], verb: str, by: Caller
) -> AudioClip:
    with transaction.atomic(durable=True):
        before = AudioClip.objects.select_for_update().get(pk=clip.pk).status
        if AudioClip.objects.filter(pk=clip.pk, status__in=from_statuses).update(**values) != 1:
            raise ClipNotInState(f"“{clip.title}” is {before} and cannot be {verb}.")
        clip.refresh_from_db()
        audit.append(
            clip_changed(
                clip,
                action=f"clip.{verb}",
                summary=f"{by.actor.name} {verb} the recording “{clip.title}”.",
                before={"status": before},
                after={"status": clip.status, "reason": clip.decision_reason},
                at=timezone.now(),
                by=by,
            )
        )
    return clip


def _examine(file: "UploadedFile[Any]", folder: Path) -> _Examined:
    if file.size is not None and file.size > LIMITS.max_bytes:
        raise refused("too_big", limit_mb=LIMITS.max_bytes // 1_000_000)  # before it is copied and read
    path = folder / "master"
    with path.open("wb") as copy:
        for chunk in file.chunks():
            copy.write(chunk)
    analysis = analyse(path, declared_name=file.name, out_dir=folder, limits=LIMITS)
    return _Examined(analysis, folder / f"{LEVELLED}.wav")


def _keep(
    file: "UploadedFile[Any]", examined: _Examined, *, title: str, transcript: str, language: str, by: Caller
) -> AudioClip:
    facts = examined.analysis.facts
    levelled = next(made for made in examined.analysis.renditions if made.kind == LEVELLED)
    _refuse_known(facts.sha256)
    clip = AudioClip(
        title=title,
        transcript=transcript,
        language=language,
        file_name=(file.name or "")[:200],
        container=facts.container,
        codec=facts.codec,
        sample_rate_hz=facts.sample_rate_hz,
        channels=facts.channels,
        duration_ms=facts.duration_ms,
        size_bytes=facts.size_bytes,
        sha256=facts.sha256,
        levelled_sha256=levelled.sha256,
        loudness_lufs=examined.analysis.levels.integrated_lufs,
        waveform=examined.analysis.peaks,
        uploaded_at=timezone.now(),
        uploaded_by=by.user,
    )
    # Files first, and on the disk: a row without its file could be played; a file without a row is only a few
    # bytes too many.
    _store(clip.storage_name, file)
    with examined.levelled.open("rb") as made:
        _store(clip.levelled_storage_name, File(made))
    try:
        with transaction.atomic(durable=True):
            clip.save(force_insert=True)
            audit.append(
                clip_changed(
                    clip,
                    action="clip.uploaded",
                    summary=f"{by.actor.name} uploaded the recording “{title}”.",
                    before=None,
                    after={"status": clip.status, "levelled_sha256": clip.levelled_sha256},
                    at=clip.uploaded_at,
                    by=by,
                )
            )
    except IntegrityError:
        _refuse_known(facts.sha256)  # uploaded twice at the same moment
        raise
    return clip


def _refuse_known(sha256: str) -> None:
    known = AudioClip.objects.filter(sha256=sha256).first()
    if known is not None:
        raise refused("duplicate", title=known.title)


def _store(name: str, content: "File[bytes]") -> None:
    # The name is the digest of the content: to write it again changes nothing, and mends what is damaged.
    write_chunks(Path(default_storage.path(name)), content.chunks())


def _refuse(by: Caller, sentence: str, *, clip: AudioClip) -> None:
    record_refusal(
        action="clip.approve_refused",
        code="not_permitted",
        summary=sentence,
        subject=Subject(clip_id=clip.pk),
        by=by,
    )
    raise NotPermitted(sentence)
