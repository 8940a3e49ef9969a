from django.db import models
from django.db.models import Q


class CompletionRegistration(models.Model):
    """Whether the platform reports the ends of interactions to this portal; one row, for the status page."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    confirmed_at = models.DateTimeField(null=True)  # when the platform last showed the registration
    problem = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = (models.CheckConstraint(name="completion_registration_is_one_row", condition=Q(id=1)),)

    def __str__(self) -> str:
        return self.problem or "registered"
