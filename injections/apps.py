from django.apps import AppConfig


class InjectionsConfig(AppConfig):
    """The product: live calls, recordings, consent, dispatch."""

    name = "injections"
    default_auto_field = "django.db.models.BigAutoField"
