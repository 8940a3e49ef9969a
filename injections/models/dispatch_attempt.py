from django.db import models
from django.db.models import Q


class AttemptOutcome(models.TextChoices):
    INTENDED = "intended", "on its way"
    ACCEPTED = "accepted", "accepted"
    REFUSED = "refused", "refused by the platform"
    UNVERIFIED = "unverified", "not sent: the call could not be checked"
    NOT_ACCEPTED = "not_accepted", "not accepted, may be tried again"
    UNKNOWN = "unknown", "may have been accepted"


class DispatchAttempt(models.Model):
    """One command sent, or about to be sent, to the platform. Written before the command leaves."""

    injection = models.ForeignKey("InjectionRequest", on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveSmallIntegerField()  # from 1
    outcome = models.CharField(max_length=12, choices=AttemptOutcome.choices, default=AttemptOutcome.INTENDED)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    # Milliseconds since the request was received, on a monotonic clock.
    waited_ms = models.FloatField(null=True)  # when this try began; empty: at once
    checked_ms = models.FloatField(null=True)  # empty: the call could not be checked, no command left
    sent_ms = models.FloatField(null=True)  # empty: no byte of a command left
    answered_ms = models.FloatField(null=True)  # empty: no answer to a command came
    http_status = models.PositiveSmallIntegerField(null=True)
    interaction_id = models.CharField(max_length=100, blank=True)
    correlation_id = models.CharField(max_length=100, blank=True)
    error = models.CharField(max_length=1000, blank=True)
    retry_after_s = models.FloatField(null=True)

    class Meta:
        ordering = ("injection", "number")
        constraints = (
            models.UniqueConstraint(fields=("injection", "number"), name="attempt_number_once"),
            models.CheckConstraint(name="attempt_counts_from_one", condition=Q(number__gte=1)),
            models.CheckConstraint(
                name="attempt_end_is_whole",
                condition=Q(outcome=AttemptOutcome.INTENDED, finished_at__isnull=True)
                | (~Q(outcome=AttemptOutcome.INTENDED) & Q(finished_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="attempt_failure_is_explained",
                condition=Q(outcome__in=(AttemptOutcome.INTENDED, AttemptOutcome.ACCEPTED)) | ~Q(error=""),
            ),
        )

    def __str__(self) -> str:
        return f"attempt {self.number}: {self.outcome}"
