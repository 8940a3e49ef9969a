from django.conf import settings
from django.db import models


class Queue(models.Model):
    """A queue of the contact centre, by its Genesys Cloud id, and the supervisors who may see and barge its calls."""

    id = models.UUIDField(primary_key=True)
    name = models.CharField(max_length=200)
    supervisors = models.ManyToManyField(
        settings.AUTH_USER_MODEL, related_name="supervised_queues", blank=True
    )

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
