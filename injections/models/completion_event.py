from django.db import models


class CompletionEvent(models.Model):
    """What the platform reported of one interaction, as it came: early, late, twice, or for a stranger."""

    event_id = models.CharField(primary_key=True, max_length=100)
    conversation_id = models.UUIDField()
    participant_id = models.UUIDField()
    interaction_id = models.CharField(max_length=100)
    outcome = models.CharField(max_length=12)
    happened_at = models.DateTimeField()  # by the platform's clock
    received_at = models.DateTimeField()
    injection = models.ForeignKey(
        "InjectionRequest", on_delete=models.PROTECT, null=True, related_name="completion_events"
    )

    class Meta:
        ordering = ("received_at",)
        indexes = (
            # an answer that comes after its event looks here
            models.Index(fields=("interaction_id",), name="completion_interaction"),
            # so does a request whose answer was lost
            models.Index(fields=("conversation_id", "received_at"), name="completion_conversation"),
        )

    def __str__(self) -> str:
        return f"{self.outcome}: {self.interaction_id}"
