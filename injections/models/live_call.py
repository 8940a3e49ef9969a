from django.db import models
from django.db.models import Q


class LiveCall(models.Model):
    """A call that goes on now, as last seen. A disposable projection: the watcher may drop and rebuild it any time.

    It serves the board. What decides about a barge is asked anew from the platform at dispatch.
    """

    conversation_id = models.UUIDField(primary_key=True)
    queue = models.ForeignKey("Queue", on_delete=models.CASCADE, related_name="live_calls")
    agent_participant_id = models.UUIDField(null=True)
    agent_user_id = models.UUIDField(null=True)
    agent_name = models.CharField(max_length=200, blank=True)
    customer_participant_id = models.UUIDField(null=True)
    caller = models.CharField(max_length=100, blank=True)  # masked on every page
    direction = models.CharField(max_length=10, blank=True)
    state = models.CharField(max_length=12)  # alerting or connected
    connected_at = models.DateTimeField(null=True)
    is_held = models.BooleanField(default=False)
    is_secure_paused = models.BooleanField(default=False)
    barged_by = models.CharField(
        max_length=200, blank=True
    )  # the name of whoever is barging, by the platform
    consent_reason = models.CharField(max_length=30, blank=True)  # a code of reasons.py; empty: consent holds
    version = models.CharField(
        max_length=32
    )  # changes when anything that a supervisor's decision rests on changes
    seen_at = models.DateTimeField()  # when the platform last vouched for this row

    class Meta:
        ordering = ("connected_at", "conversation_id")
        constraints = (models.CheckConstraint(name="live_call_has_version", condition=~Q(version="")),)
        indexes = (models.Index(fields=("queue", "connected_at"), name="live_call_board"),)

    def __str__(self) -> str:
        return f"{self.agent_name} in {self.conversation_id}"


class FeedState(models.Model):
    """How the watcher fares; one row. The board says so when it is behind."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    snapshot_at = models.DateTimeField(null=True)  # the last complete snapshot
    heard_at = models.DateTimeField(null=True)  # the last sign of life of the notification channel
    problem = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = (models.CheckConstraint(name="feed_state_is_one_row", condition=Q(id=1)),)

    def __str__(self) -> str:
        return self.problem or "live"
