"""Makers of rows for tests; each gives the simplest row that the database accepts."""

import uuid
from datetime import timedelta
from typing import Any

import factory
from django.contrib.auth.models import Group, User
from django.utils import timezone

from injections.models import AudioClip, InjectionRequest, LiveCall, QaEvent, Queue
from injections.models.audio_clip import ClipStatus
from injections.roles import Role


class UserFactory(factory.django.DjangoModelFactory[User]):
    """A person; `role=` puts him into its group."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"person{n}")
    first_name = "Dana"
    last_name = factory.Sequence(lambda n: f"Reyes {n}")

    @factory.post_generation
    def role(self: User, create: bool, extracted: Role | None, **_: Any) -> None:
        if extracted is not None:
            self.groups.add(Group.objects.get_or_create(name=extracted)[0])


class QueueFactory(factory.django.DjangoModelFactory[Queue]):
    """A queue of the contact centre."""

    class Meta:
        model = Queue

    id = factory.LazyFunction(uuid.uuid4)
    name = factory.Sequence(lambda n: f"Queue {n}")


class AudioClipFactory(factory.django.DjangoModelFactory[AudioClip]):
    """An approved wav of 4.2 seconds; its file is not in the storage."""

    class Meta:
        model = AudioClip

    title = factory.Sequence(lambda n: f"Notice {n}")
    transcript = "This call may be recorded."
    file_name = "notice.wav"
    container = "wav"
    codec = "PCM_16"
    sample_rate_hz = 16000
    channels = 1
    duration_ms = 4200
    size_bytes = 134444
    sha256 = factory.Sequence(lambda n: f"{n:064x}")
    levelled_sha256 = factory.Sequence(lambda n: f"{n + 2**128:064x}")
    loudness_lufs = -19.0
    waveform = factory.LazyFunction(lambda: [50] * 120)
    status = ClipStatus.APPROVED
    uploaded_at = factory.LazyFunction(timezone.now)
    uploaded_by = factory.SubFactory(UserFactory)
    decided_at = factory.LazyFunction(timezone.now)
    decided_by = factory.SubFactory(UserFactory)


class LiveCallFactory(factory.django.DjangoModelFactory[LiveCall]):
    """A connected, consenting call, seen just now."""

    class Meta:
        model = LiveCall

    conversation_id = factory.LazyFunction(uuid.uuid4)
    queue = factory.SubFactory(QueueFactory)
    agent_participant_id = factory.LazyFunction(uuid.uuid4)
    agent_user_id = factory.LazyFunction(uuid.uuid4)
    agent_name = "Avery Lindqvist"
    customer_participant_id = factory.LazyFunction(uuid.uuid4)
    caller = "+13175550142"
    direction = "inbound"
    state = "connected"
    connected_at = factory.LazyFunction(lambda: timezone.now() - timedelta(minutes=4))
    version = "v1"
    seen_at = factory.LazyFunction(timezone.now)


class InjectionFactory(factory.django.DjangoModelFactory[InjectionRequest]):
    """A request that waits to be tried; `status=` and what belongs to it make others."""

    class Meta:
        model = InjectionRequest

    conversation_id = factory.LazyFunction(uuid.uuid4)
    participant_id = factory.LazyFunction(uuid.uuid4)
    clip = factory.SubFactory(AudioClipFactory)
    agent_mute = True
    caller_mute = False
    normalize_level = True
    max_duration_ms = 4200
    requested_by = factory.SubFactory(UserFactory)
    channel = "api"
    status = "queued"
    occupies_call = factory.LazyAttribute(
        lambda row: row.status in {"requested", "queued", "dispatching", "dispatched", "unknown"}
    )
    requested_at = factory.LazyFunction(timezone.now)
    deadline_at = factory.LazyFunction(lambda: timezone.now() + timedelta(seconds=20))
    due_at = factory.LazyAttribute(
        lambda row: timezone.now() if row.status in {"requested", "queued"} else None
    )


class QaEventFactory(factory.django.DjangoModelFactory[QaEvent]):
    """An event that is due for the QA system."""

    class Meta:
        model = QaEvent

    number = factory.Sequence(lambda n: n + 1)
    injection = factory.SubFactory(InjectionFactory)
    body = factory.LazyFunction(lambda: {"event": "conversation:voice:interaction:completed"})
    created_at = factory.LazyFunction(timezone.now)
    due_at = factory.LazyFunction(timezone.now)
