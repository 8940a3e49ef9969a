import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from audit.models import AuditRecord
from injections.lifecycle import EXPLAINED, OCCUPYING, SETTLEABLE, WAITING, Status


class InjectionRequest(models.Model):
    """One wish to play one recording into one call, from the moment it was accepted for checking to its end.

    The table is the queue: `due_at` says when it may next be tried, `lease_until` who works on it (nobody when past).
    """

    # Of the move that was made with this object; not in the table.
    last_record: AuditRecord | None = None

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation_id = models.UUIDField()
    participant_id = models.UUIDField()
    queue = models.ForeignKey("Queue", on_delete=models.SET_NULL, null=True, related_name="+")
    agent_name = models.CharField(max_length=200, blank=True)  # as shown when asked
    clip = models.ForeignKey("AudioClip", on_delete=models.PROTECT, null=True, related_name="injections")
    audio_url = models.CharField(max_length=2048, blank=True)  # for a recording that is not the portal's own
    agent_mute = models.BooleanField()
    caller_mute = models.BooleanField()
    normalize_level = models.BooleanField()
    max_duration_ms = models.PositiveIntegerField()
    reason = models.CharField(max_length=500, blank=True)  # why the supervisor barges, in his words
    seen_version = models.CharField(max_length=32, blank=True)  # of the call, as the supervisor saw it

    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="injections"
    )
    channel = models.CharField(max_length=5, choices=(("page", "page"), ("api", "api")))
    idempotency_key = models.CharField(max_length=255, null=True)  # noqa: DJ001  NULL: no key given, never equal
    fingerprint = models.CharField(max_length=64, blank=True)  # SHA-256 of the body that came with the key

    status = models.CharField(
        max_length=12, choices=[(s.value, s.value) for s in Status], default=Status.REQUESTED
    )
    reason_code = models.CharField(max_length=30, blank=True)
    error = models.CharField(max_length=1000, blank=True)  # the plain sentence that goes with reason_code
    occupies_call = models.BooleanField()  # sound is due or may be in the call
    requested_at = models.DateTimeField()
    deadline_at = models.DateTimeField()  # nothing is sent after this
    due_at = models.DateTimeField(null=True)  # when it may be tried (again)
    lease_until = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    probes = models.PositiveSmallIntegerField(default=0)  # of the tries: those that failed on an open breaker
    sent_at = models.DateTimeField(null=True)  # the last time that a command may have left
    ended_at = models.DateTimeField(null=True)
    interaction_id = models.CharField(max_length=100, blank=True)
    correlation_id = models.CharField(max_length=100, blank=True)
    outcome = models.CharField(
        max_length=12, blank=True
    )  # the platform's word: completed, failed, cancelled, call_ended
    # Milliseconds since the request was received, on a monotonic clock; of the last try.
    waited_ms = models.FloatField(null=True)  # when the last try began; empty: at once
    checked_ms = models.FloatField(null=True)
    sent_ms = models.FloatField(null=True)
    answered_ms = models.FloatField(null=True)

    class Meta:
        ordering = ("-requested_at", "-id")
        constraints = (
            models.CheckConstraint(name="injection_status_is_known", condition=Q(status__in=list(Status))),
            models.UniqueConstraint(
                name="one_recording_at_a_time_in_a_call",
                fields=("conversation_id",),
                condition=Q(occupies_call=True),
            ),
            models.CheckConstraint(
                name="injection_occupies_only_while_alive",
                condition=Q(occupies_call=False) | Q(status__in=sorted(OCCUPYING)),
            ),
            models.UniqueConstraint(
                name="idempotency_key_once_a_client", fields=("requested_by", "idempotency_key")
            ),
            models.CheckConstraint(
                name="injection_is_explained",
                condition=~Q(status__in=sorted(EXPLAINED)) | (~Q(reason_code="") & ~Q(error="")),
            ),
            models.CheckConstraint(
                name="dispatched_has_interaction_id",
                condition=~Q(status=Status.DISPATCHED) | ~Q(interaction_id=""),
            ),
            models.CheckConstraint(
                name="injection_has_one_source",
                condition=Q(clip__isnull=False, audio_url="") | (Q(clip__isnull=True) & ~Q(audio_url="")),
            ),
            models.CheckConstraint(
                name="injection_length_is_legal",
                condition=Q(max_duration_ms__gte=1, max_duration_ms__lte=30_000),
            ),
            models.CheckConstraint(
                name="waiting_injection_is_due",
                condition=~Q(status__in=sorted(WAITING)) | Q(due_at__isnull=False),
            ),
            models.CheckConstraint(
                name="injection_lease_is_whole",
                condition=Q(lease_until__isnull=True, lease_token__isnull=True)
                | Q(lease_until__isnull=False, lease_token__isnull=False),
            ),
        )
        indexes = (
            # services.sweep: what is due, soonest first
            models.Index(fields=("due_at",), name="injection_due", condition=Q(status__in=sorted(WAITING))),
            # services.sweep: what is under way and may need settling
            models.Index(
                fields=("sent_at",), name="injection_open", condition=Q(status__in=sorted(SETTLEABLE))
            ),
            # the completion receiver
            models.Index(
                fields=("interaction_id",), name="injection_interaction", condition=~Q(interaction_id="")
            ),
            # the list of injections
            models.Index(fields=("-requested_at", "-id"), name="injection_newest"),
        )

    def __str__(self) -> str:
        return f"{self.status} injection {self.id}"
