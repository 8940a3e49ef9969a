import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

User = settings.AUTH_USER_MODEL


class ClipStatus(models.TextChoices):
    DRAFT = "draft", "waiting for approval"
    APPROVED = "approved", "approved"
    REJECTED = "rejected", "rejected"
    RETIRED = "retired", "retired"


class AudioClip(models.Model):
    """A recording that may be played into calls once a second person has approved it.

    The file is never changed: its name in the storage is its SHA-256, and what the bytes are was found by decoding.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    title = models.CharField(max_length=120)
    transcript = models.TextField(max_length=2000)
    language = models.CharField(max_length=10, default="en")
    file_name = models.CharField(max_length=200)  # as it was uploaded, for people
    container = models.CharField(max_length=10)  # wav, mp3 or ogg: also the extension of its address
    codec = models.CharField(max_length=40)
    sample_rate_hz = models.PositiveIntegerField()
    channels = models.PositiveSmallIntegerField()
    duration_ms = models.PositiveIntegerField()
    size_bytes = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    levelled_sha256 = models.CharField(max_length=64)
    loudness_lufs = models.FloatField(null=True)
    waveform = models.JSONField(default=list)  # peaks, 0 to 100, for the picture
    status = models.CharField(max_length=10, choices=ClipStatus.choices, default=ClipStatus.DRAFT)
    uploaded_at = models.DateTimeField()
    uploaded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="uploaded_clips")
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="decided_clips", null=True)
    decision_reason = models.CharField(max_length=500, blank=True)
    retired_at = models.DateTimeField(null=True)
    retired_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="retired_clips", null=True)

    class Meta:
        ordering = ("title", "id")
        constraints = (
            models.UniqueConstraint("sha256", name="clip_bytes_once"),
            models.CheckConstraint(
                name="clip_approver_is_not_uploader",
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("uploaded_by")),
            ),
            models.CheckConstraint(
                name="clip_decision_is_whole",
                condition=(
                    Q(status=ClipStatus.DRAFT, decided_at__isnull=True, decided_by__isnull=True)
                    | Q(status=ClipStatus.RETIRED)
                    | Q(
                        status__in=(ClipStatus.APPROVED, ClipStatus.REJECTED),
                        decided_at__isnull=False,
                        decided_by__isnull=False,
                    )
                ),
            ),
            models.CheckConstraint(
                name="clip_rejection_has_reason",
                condition=~Q(status=ClipStatus.REJECTED) | ~Q(decision_reason=""),
            ),
            models.CheckConstraint(
                name="clip_retirement_is_whole",
                condition=(
                    Q(status=ClipStatus.RETIRED, retired_at__isnull=False, retired_by__isnull=False)
                    | (~Q(status=ClipStatus.RETIRED) & Q(retired_at__isnull=True, retired_by__isnull=True))
                ),
            ),
            models.CheckConstraint(
                name="clip_can_be_heard", condition=Q(duration_ms__gt=0, size_bytes__gt=0)
            ),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def is_playable(self) -> bool:
        """Tell whether this recording may be barged now."""
        return self.status == ClipStatus.APPROVED

    @property
    def storage_name(self) -> str:
        return f"{self.sha256}.{self.container}"

    @property
    def levelled_storage_name(self) -> str:
        return f"{self.levelled_sha256}.wav"
