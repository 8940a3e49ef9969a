"""The composition root as a Django app: its checks, its commands, its admin site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class PortalConfig(AppConfig):
    """Registers the system checks of the whole portal."""

    name = "bargeportal"
    default = True

    def ready(self) -> None:
        from bargeportal import checks  # noqa: F401  importing registers them


class PortalAdminConfig(AdminConfig):
    """Django's admin, dressed as the portal."""

    default_site = "bargeportal.admin_site.PortalAdminSite"
    default = False
