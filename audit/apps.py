"""The audit app: puts the guards in place, and says when they are not."""

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    """Connects the guards to migrations, to new connections and to the system checks."""

    name = "audit"
    label = "audit"
    verbose_name = "Audit log"

    def ready(self) -> None:
        """Register signals and checks."""
        from audit import guards

        post_migrate.connect(guards.install_after_migrate, sender=self)
        connection_created.connect(guards.prepare_connection)
        register(guards.check_guards, Tags.database)
