"""The demo's recordings: all of them approved, whatever happened to the run before; nobody's decision undone."""

from pathlib import Path
from typing import Any

import pytest

from bargeportal import demo
from bargeportal.rights import seed_roles
from injections.callers import Caller
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
    demo.seed_people(password="a-demo-password")


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
