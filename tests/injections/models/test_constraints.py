"""Every invariant that the database itself holds, each with a row that violates it.

The list is compared with the models: a constraint without a violation here fails the suite.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from injections.lifecycle import EXPLAINED, OCCUPYING, Status
from injections.models import (
    AudioClip,
    CompletionEvent,
    CompletionRegistration,
    DispatchAttempt,
    FeedState,
    InjectionRequest,
)
from injections.models.audio_clip import ClipStatus
from tests.factories import (
    AudioClipFactory,
    InjectionFactory,
    LiveCallFactory,
    QaEventFactory,
    QueueFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
Make = Callable[[], Any]
DRAFT = {"status": ClipStatus.DRAFT, "decided_at": None, "decided_by": None}
EXPLANATION = {"reason_code": "upstream_refused", "error": "no"}


def _attempt(**changes: Any) -> DispatchAttempt:
    values = {"number": 1, "started_at": timezone.now()}
    if "injection" not in changes:
        values["injection"] = InjectionFactory()
    return DispatchAttempt.objects.create(**(values | changes))


def _one_user_twice() -> AudioClip:
    user = UserFactory()
    made: AudioClip = AudioClipFactory(uploaded_by=user, decided_by=user)
    return made


def _two_in_one_call() -> None:
    first = InjectionFactory()
    InjectionFactory(conversation_id=first.conversation_id, status="dispatched", interaction_id="i-1")


def _key_twice() -> None:
    first = InjectionFactory(idempotency_key="press-1")
    InjectionFactory(requested_by=first.requested_by, idempotency_key="press-1")


def _number_twice() -> None:
    _attempt(injection=_attempt().injection)


VIOLATIONS: dict[str, list[Make]] = {
    # audio clips
    "clip_bytes_once": [lambda: (AudioClipFactory(sha256="a" * 64), AudioClipFactory(sha256="a" * 64))],
    "clip_approver_is_not_uploader": [_one_user_twice],
    "clip_decision_is_whole": [
        lambda: AudioClipFactory(decided_at=None),
        lambda: AudioClipFactory(decided_by=None),
        lambda: AudioClipFactory(status=ClipStatus.DRAFT),
        lambda: AudioClipFactory(**(DRAFT | {"decided_at": timezone.now()})),
        lambda: AudioClipFactory(status="invented"),
    ],
    "clip_rejection_has_reason": [lambda: AudioClipFactory(status=ClipStatus.REJECTED)],
    "clip_retirement_is_whole": [
        lambda: AudioClipFactory(status=ClipStatus.RETIRED),
        lambda: AudioClipFactory(status=ClipStatus.RETIRED, retired_at=timezone.now()),
        lambda: AudioClipFactory(retired_by=UserFactory()),
    ],
    "clip_can_be_heard": [lambda: AudioClipFactory(duration_ms=0), lambda: AudioClipFactory(size_bytes=0)],
    # injections
    "injection_status_is_known": [lambda: InjectionFactory(status="paused", occupies_call=False)],
    "one_recording_at_a_time_in_a_call": [_two_in_one_call],
    "injection_occupies_only_while_alive": [
        lambda status=status: InjectionFactory(status=status, occupies_call=True, **EXPLANATION)
        for status in sorted(set(Status) - OCCUPYING)
    ],
    "idempotency_key_once_a_client": [_key_twice],
    "injection_is_explained": [
        lambda status=status, missing=missing: InjectionFactory(
            status=status, **(EXPLANATION | {missing: ""})
        )
        for status in sorted(EXPLAINED)
        for missing in ("reason_code", "error")
    ],
    "dispatched_has_interaction_id": [lambda: InjectionFactory(status="dispatched")],
    "injection_has_one_source": [
        lambda: InjectionFactory(clip=None),
        lambda: InjectionFactory(audio_url="https://cdn.example/a.wav"),
    ],
    "injection_length_is_legal": [
        lambda: InjectionFactory(max_duration_ms=0),
        lambda: InjectionFactory(max_duration_ms=30_001),
    ],
    "waiting_injection_is_due": [
        lambda: InjectionFactory(status="queued", due_at=None),
        lambda: InjectionFactory(status="requested", due_at=None),
    ],
    "injection_lease_is_whole": [
        lambda: InjectionFactory(lease_token=UUID(int=1)),
        lambda: InjectionFactory(lease_until=timezone.now()),
    ],
    # attempts
    "attempt_number_once": [_number_twice],
    "attempt_counts_from_one": [lambda: _attempt(number=0)],
    "attempt_end_is_whole": [
        lambda: _attempt(finished_at=timezone.now()),
        lambda: _attempt(outcome="accepted"),
    ],
    "attempt_failure_is_explained": [
        lambda outcome=outcome: _attempt(outcome=outcome, finished_at=timezone.now())
        for outcome in ("refused", "unverified", "not_accepted", "unknown")
    ],
    # the rest
    "live_call_has_version": [lambda: LiveCallFactory(version="")],
    "feed_state_is_one_row": [lambda: FeedState.objects.create(id=2)],
    "completion_registration_is_one_row": [lambda: CompletionRegistration.objects.create(id=2)],
    "qa_event_delivered_is_not_due": [lambda: QaEventFactory(delivered_at=timezone.now())],
}
CASES = [(name, make) for name, makes in VIOLATIONS.items() for make in makes]


def _declared() -> dict[str, models.BaseConstraint]:
    return {
        constraint.name: constraint
        for model in apps.get_app_config("injections").get_models()
        for constraint in model._meta.constraints
    }


def test_every_constraint_has_its_violation() -> None:
    assert set(VIOLATIONS) == set(_declared())


@pytest.mark.parametrize(("name", "make"), CASES, ids=[name for name, _ in CASES])
def test_the_database_refuses_a_row_that_violates(name: str, make: Make) -> None:
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        make()
    _assert_refused_by(name, str(caught.value))


def _assert_refused_by(name: str, message: str) -> None:
    """Check that it was this constraint; SQLite names the columns of a uniqueness, not its name."""
    constraint = _declared()[name]
    if connection.vendor == "sqlite" and isinstance(constraint, models.UniqueConstraint):
        columns = constraint.fields or [expression.name for expression in constraint.expressions]
        assert all(column in message for column in columns), message
    else:
        assert name in message, message


# What the constraints must let pass: a refusal of these would stop honest work.


def test_a_call_may_hold_many_that_have_ended() -> None:
    first = InjectionFactory(status="completed", interaction_id="i-1")
    for _ in range(3):
        InjectionFactory(status="completed", conversation_id=first.conversation_id)
    assert InjectionFactory(conversation_id=first.conversation_id).occupies_call


def test_a_doubt_that_can_no_longer_be_heard_frees_its_call() -> None:
    doubt = InjectionFactory(status="unknown", occupies_call=False, **EXPLANATION)
    assert InjectionFactory(conversation_id=doubt.conversation_id).pk != doubt.pk


def test_two_clients_may_use_the_same_key() -> None:
    InjectionFactory(idempotency_key="press-1")
    InjectionFactory(idempotency_key="press-1")
    assert InjectionRequest.objects.count() == 2


def test_without_a_key_a_client_may_ask_twice() -> None:
    first = InjectionFactory()
    InjectionFactory(requested_by=first.requested_by)
    assert InjectionRequest.objects.count() == 2


@pytest.mark.parametrize("length", [1, 30_000])
def test_the_shortest_and_the_longest_are_legal(length: int) -> None:
    assert InjectionFactory(max_duration_ms=length).pk


def test_a_retired_draft_needs_no_decision() -> None:
    user = UserFactory()
    clip = AudioClipFactory(
        status=ClipStatus.RETIRED,
        decided_at=None,
        decided_by=None,
        retired_at=timezone.now(),
        retired_by=user,
    )
    assert not clip.is_playable


def test_what_was_played_cannot_be_deleted() -> None:
    injection = InjectionFactory(status="completed")
    _attempt(injection=injection)
    with pytest.raises(models.ProtectedError):
        injection.clip.delete()
    with pytest.raises(models.ProtectedError):
        injection.requested_by.delete()
    with pytest.raises(models.ProtectedError):
        injection.delete()


def test_a_queue_that_is_removed_takes_its_board_along_but_no_injection() -> None:
    call = LiveCallFactory()
    injection = InjectionFactory(queue=call.queue)
    call.queue.delete()
    injection.refresh_from_db()
    assert injection.queue is None
    assert not type(call).objects.exists()


def test_an_event_of_the_platform_is_kept_once_by_its_id() -> None:
    values = {
        "conversation_id": uuid4(),
        "participant_id": uuid4(),
        "interaction_id": "i-1",
        "outcome": "completed",
        "happened_at": timezone.now(),
        "received_at": timezone.now(),
    }
    CompletionEvent.objects.create(event_id="e-1", **values)
    with pytest.raises(IntegrityError), transaction.atomic():
        CompletionEvent.objects.create(event_id="e-1", **values)


def test_a_queue_is_known_once_by_its_id() -> None:
    queue = QueueFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        QueueFactory(id=queue.pk)


@pytest.mark.parametrize(
    "model", list(apps.get_app_config("injections").get_models()), ids=lambda m: m.__name__
)
def test_every_row_has_a_name_for_people(model: type[models.Model]) -> None:
    assert model.__str__ is not models.Model.__str__
