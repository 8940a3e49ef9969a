"""The demo's recordings: all of them approved, whatever happened to the run before; nobody's decision undone."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from audit.models import AuditRecord
from bargeportal import demo
from bargeportal.rights import seed_roles
from injections.callers import Caller, system_caller
from injections.genesys.simulator.people import QUEUES
from injections.models import AudioClip
from injections.models.audio_clip import ClipStatus
from injections.roles import Role
from injections.services import clips
from injections.services.clips import reject_clip
from tests.factories import UserFactory
from tests.injections.conftest import caller_for, own_storage, uploaded

pytestmark = pytest.mark.django_db
NOTICE = "recording-notice.wav"


@pytest.fixture(autouse=True)
def one_recording(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo with a single recording, in a storage of the test's own."""
    own_storage(settings, tmp_path)
    first = demo._recordings()[0]
    assert first["file"] == NOTICE
    monkeypatch.setattr(demo, "_recordings", lambda: [first])
    seed_roles()
    demo.seed_people(password="a-demo-password", by=system_caller(where="a test"))


def test_people_that_the_demo_adds_are_on_record_without_their_password() -> None:
    records = AuditRecord.objects.filter(action="user.added")
    assert {record.summary for record in records} == {
        f"Barge Portal added the user {username} for the demo." for username, *_ in demo.PEOPLE
    }
    assert "compliance" in records.get(summary__contains="user compliance").body
    assert not any("a-demo-password" in record.body or "argon2" in record.body for record in records)


def test_another_password_of_the_demo_is_on_record_and_the_same_one_is_none() -> None:
    demo.seed_people(password="a-demo-password", by=system_caller(where="a test"))
    assert not AuditRecord.objects.filter(action="user.changed").exists()
    demo.seed_people(password="another-password", by=system_caller(where="a test"))
    assert AuditRecord.objects.filter(action="user.changed").count() == len(demo.PEOPLE)


def test_a_role_that_an_administrator_took_is_not_given_back() -> None:
    User.objects.get(username="supervisor").groups.clear()
    demo.seed_people(password="a-demo-password", by=system_caller(where="a test"))
    assert not User.objects.get(username="supervisor").groups.exists()
    assert Group.objects.filter(name=Role.SUPERVISOR).exists()


def test_queues_that_the_demo_adds_are_on_record_once() -> None:
    for _ in range(2):
        demo.seed_queues(by=system_caller(where="a test"))
    assert AuditRecord.objects.filter(action="queue.added").count() == len(demo.QUEUES)


def _seed() -> ClipStatus:
    demo.seed_recordings(where="a test")
    return ClipStatus(AudioClip.objects.get().status)


def test_a_run_that_broke_off_before_the_approval_is_finished_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def break_off(**_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(clips, "approve_clip", break_off)
        with pytest.raises(KeyboardInterrupt):
            _seed()
    assert AudioClip.objects.get().status == ClipStatus.DRAFT
    assert _seed() == ClipStatus.APPROVED


def test_what_a_person_rejected_stays_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    def reject(*, clip_id: Any, by: Caller) -> None:
        reject_clip(clip_id=clip_id, reason="Too loud", by=by)

    with monkeypatch.context() as patch:
        patch.setattr(clips, "approve_clip", reject)
        _seed()
    assert _seed() == ClipStatus.REJECTED


def test_what_another_person_uploaded_waits_for_a_decision_of_people() -> None:
    clips.upload_clip(
        file=uploaded(NOTICE),
        title="Notice",
        transcript="Recorded.",
        language="en",
        by=caller_for(UserFactory(role=Role.AUDIO_ADMIN)),
    )
    assert _seed() == ClipStatus.DRAFT


def test_the_demo_has_the_queues_of_the_simulator() -> None:
    # Said in both places: the product imports nothing of the simulator.
    assert [(str(queue_id), name) for queue_id, name, _ in demo.QUEUES] == [
        (queue.id, queue.name) for queue in QUEUES
    ]
