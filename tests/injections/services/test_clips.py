"""Recordings from their approval to their retirement: two persons, everything on record."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.models import AuditRecord
from audit.services import NotRecorded
from injections.callers import Caller
from injections.models import AudioClip
from injections.models.audio_clip import ClipStatus
from injections.roles import Role
from injections.services import clips
from injections.services.clips import (
    ClipNotInState,
    approve_clip,
    reject_clip,
    retire_clip,
    upload_clip,
)
from injections.services.refusals import NotPermitted
from tests.factories import AudioClipFactory, UserFactory
from tests.injections.conftest import caller_for, own_storage, uploaded
from tests.support.at_once import at_once

pytestmark = pytest.mark.django_db
Maker = Callable[..., AudioClip]


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Path) -> Path:
    """The folder in which this test's recordings are kept."""
    return own_storage(settings, tmp_path)


@pytest.fixture
def admin(db: None) -> Caller:
    """Someone who uploads."""
    return caller_for(UserFactory(role=Role.AUDIO_ADMIN))


@pytest.fixture
def approver(db: None) -> Caller:
    """Someone else, who decides."""
    return caller_for(UserFactory(role=Role.CLIP_APPROVER))


@pytest.fixture
def draft(admin: Caller) -> AudioClip:
    """A recording that waits for approval; its file is not needed."""
    clip: AudioClip = AudioClipFactory(
        status=ClipStatus.DRAFT, uploaded_by=admin.user, decided_at=None, decided_by=None
    )
    return clip


def _both_roles() -> Caller:
    user = UserFactory(role=Role.AUDIO_ADMIN)
    user.groups.add(UserFactory(role=Role.CLIP_APPROVER).groups.get())
    return caller_for(user)


def _status(clip: AudioClip) -> str:
    clip.refresh_from_db()
    return clip.status


def _fail(_entry: Any) -> Any:
    raise NotRecorded("the disk is full")


# --- deciding ----------------------------------------------------------------------------------------------


def test_another_person_approves(draft: AudioClip, approver: Caller) -> None:
    clip = approve_clip(clip_id=draft.pk, by=approver)
    assert (clip.status, clip.decided_by, clip.is_playable) == (ClipStatus.APPROVED, approver.user, True)
    assert clip.decided_at is not None
    record = AuditRecord.objects.get(action="clip.approved")
    assert (record.clip_id, record.actor_id) == (draft.pk, approver.actor.id)
    assert '"before":{"status":"draft"}' in record.body


def test_another_person_rejects_with_a_reason(draft: AudioClip, approver: Caller) -> None:
    clip = reject_clip(clip_id=draft.pk, reason="Too quiet to hear", by=approver)
    assert (clip.status, clip.decision_reason) == (ClipStatus.REJECTED, "Too quiet to hear")
    assert "Too quiet to hear" in AuditRecord.objects.get(action="clip.rejected").body


def test_a_rejection_without_a_reason_changes_nothing(draft: AudioClip, approver: Caller) -> None:
    with pytest.raises(ValueError, match="reason"):
        reject_clip(clip_id=draft.pk, reason="", by=approver)
    assert _status(draft) == ClipStatus.DRAFT
    assert not AuditRecord.objects.filter(action="clip.rejected").exists()


@pytest.mark.parametrize(
    "decide", [approve_clip, lambda **it: reject_clip(reason="no", **it)], ids=["approve", "reject"]
)
def test_whoever_uploaded_it_decides_nothing_even_with_both_roles(decide: Callable[..., AudioClip]) -> None:
    both = _both_roles()
    clip = AudioClipFactory(status=ClipStatus.DRAFT, uploaded_by=both.user, decided_at=None, decided_by=None)
    with pytest.raises(NotPermitted, match="another person"):
        decide(clip_id=clip.pk, by=both)
    assert _status(clip) == ClipStatus.DRAFT
    record = AuditRecord.objects.get(action="clip.approve_refused")
    assert (record.clip_id, record.reason_code) == (clip.pk, "not_permitted")


def test_the_database_itself_knows_that_an_uploader_cannot_approve(draft: AudioClip) -> None:
    rows = AudioClip.objects.filter(pk=draft.pk)
    with pytest.raises(IntegrityError, match="clip_approver_is_not_uploader"), transaction.atomic():
        rows.update(status=ClipStatus.APPROVED, decided_at=timezone.now(), decided_by=draft.uploaded_by)
    assert _status(draft) == ClipStatus.DRAFT


def test_the_uploader_cannot_be_changed_to_make_room_for_his_approval(
    draft: AudioClip, approver: Caller
) -> None:
    approve_clip(clip_id=draft.pk, by=approver)
    with pytest.raises(IntegrityError, match="clip_approver_is_not_uploader"), transaction.atomic():
        AudioClip.objects.filter(pk=draft.pk).update(uploaded_by=approver.user)


@pytest.mark.parametrize("role", [Role.AUDIO_ADMIN, Role.SUPERVISOR, Role.COMPLIANCE, Role.ADMINISTRATOR])
def test_another_role_decides_nothing_and_is_recorded(draft: AudioClip, role: Role) -> None:
    with pytest.raises(NotPermitted):
        approve_clip(clip_id=draft.pk, by=caller_for(UserFactory(role=role)))
    assert _status(draft) == ClipStatus.DRAFT
    assert AuditRecord.objects.get(action="access.refused").clip_id == draft.pk


def test_a_decision_is_made_once(draft: AudioClip, approver: Caller) -> None:
    approve_clip(clip_id=draft.pk, by=approver)
    with pytest.raises(ClipNotInState, match="approved"):
        reject_clip(clip_id=draft.pk, reason="changed my mind", by=approver)
    assert _status(draft) == ClipStatus.APPROVED


def test_a_recording_that_does_not_exist_cannot_be_decided(approver: Caller) -> None:
    with pytest.raises(AudioClip.DoesNotExist):
        approve_clip(clip_id=uuid4(), by=approver)


def test_a_decision_that_cannot_be_recorded_does_not_happen(
    draft: AudioClip, approver: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips.audit, "append", _fail)
    with pytest.raises(NotRecorded):
        approve_clip(clip_id=draft.pk, by=approver)
    assert _status(draft) == ClipStatus.DRAFT


# --- retiring ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [ClipStatus.DRAFT, ClipStatus.APPROVED, ClipStatus.REJECTED])
def test_a_recording_is_retired_and_kept(admin: Caller, approver: Caller, status: ClipStatus) -> None:
    decided = {} if status != ClipStatus.DRAFT else {"decided_at": None, "decided_by": None}
    clip = AudioClipFactory(status=status, decision_reason="because", **decided)
    retired = retire_clip(clip_id=clip.pk, by=admin)
    assert (retired.status, retired.retired_by, retired.is_playable) == (
        ClipStatus.RETIRED,
        admin.user,
        False,
    )
    assert AuditRecord.objects.get(action="clip.retired").clip_id == clip.pk


def test_the_file_of_a_retired_recording_stays(admin: Caller) -> None:
    clip = upload_clip(
        file=uploaded("recording-notice.wav"), title="Notice", transcript="Recorded.", language="en", by=admin
    )
    retire_clip(clip_id=clip.pk, by=admin)
    assert default_storage.exists(clip.storage_name)
    assert default_storage.exists(clip.levelled_storage_name)


def test_who_decided_stays_known_after_retirement(draft: AudioClip, approver: Caller, admin: Caller) -> None:
    approve_clip(clip_id=draft.pk, by=approver)
    assert retire_clip(clip_id=draft.pk, by=admin).decided_by == approver.user


def test_a_retired_recording_is_neither_retired_again_nor_approved(
    draft: AudioClip, admin: Caller, approver: Caller
) -> None:
    retire_clip(clip_id=draft.pk, by=admin)
    with pytest.raises(ClipNotInState):
        retire_clip(clip_id=draft.pk, by=admin)
    with pytest.raises(ClipNotInState):
        approve_clip(clip_id=draft.pk, by=approver)
    assert AuditRecord.objects.filter(clip_id=draft.pk).count() == 1


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.CLIP_APPROVER, Role.COMPLIANCE])
def test_another_role_retires_nothing_and_is_recorded(draft: AudioClip, role: Role) -> None:
    with pytest.raises(NotPermitted):
        retire_clip(clip_id=draft.pk, by=caller_for(UserFactory(role=role)))
    assert _status(draft) == ClipStatus.DRAFT
    assert AuditRecord.objects.get(action="access.refused").reason_code == "not_permitted"


# --- at the same moment ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_two_decisions_at_the_same_moment_one_holds(draft: AudioClip) -> None:
    one, other = (caller_for(UserFactory(role=Role.CLIP_APPROVER)) for _ in range(2))
    raised = at_once(
        lambda: approve_clip(clip_id=draft.pk, by=one),
        lambda: reject_clip(clip_id=draft.pk, reason="no", by=other),
    )
    assert sorted(type(error).__name__ for error in raised) == ["ClipNotInState", "NoneType"]
    decided = AuditRecord.objects.get(action__in=("clip.approved", "clip.rejected"))
    assert decided.action == f"clip.{_status(draft)}"


@pytest.mark.django_db(transaction=True)
def test_a_recording_that_is_approved_and_retired_at_the_same_moment_ends_retired(
    draft: AudioClip, admin: Caller, approver: Caller
) -> None:
    raised = at_once(
        lambda: approve_clip(clip_id=draft.pk, by=approver), lambda: retire_clip(clip_id=draft.pk, by=admin)
    )
    assert raised[1] is None
    assert raised[0] is None or isinstance(raised[0], ClipNotInState)
    assert _status(draft) == ClipStatus.RETIRED
    assert (draft.decided_by is not None) == (raised[0] is None)
    assert AuditRecord.objects.filter(clip_id=draft.pk).count() == raised.count(None)
