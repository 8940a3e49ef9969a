from django.db import models
from django.db.models import Q


class QaEvent(models.Model):
    """A numbered event for the QA system, written with the change that it tells of; sent afterwards, or asked for."""

    number = models.BigIntegerField(primary_key=True)  # without gaps, in the order of the commits
    injection = models.ForeignKey("InjectionRequest", on_delete=models.PROTECT, related_name="qa_events")
    body = models.JSONField()
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)  # empty: delivered, or nobody to send it to
    tries = models.PositiveSmallIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("number",)
        constraints = (
            models.CheckConstraint(
                name="qa_event_delivered_is_not_due",
                condition=Q(due_at__isnull=True) | Q(delivered_at__isnull=True),
            ),
        )
        indexes = (models.Index(fields=("due_at",), name="qa_event_due", condition=Q(due_at__isnull=False)),)

    def __str__(self) -> str:
        return f"event {self.number}"
