"""The portal asks the platform to report the end of each interaction; without that it knows only half."""

from django.conf import settings
from django.urls import reverse

from injections import wiring

NAME = "qa-sync-injection"


def receiver_address() -> str:
    """Return the address of the portal's own receiver; its secret tells that the caller is the platform."""
    return f"{settings.PORTAL_BASE_URL}{reverse('completion', args=[settings.COMPLETION_SECRET])}"


def register_completion_webhook() -> bool:
    """Register the receiver unless it is already; return whether it was missing. Raises GenesysError."""
    return wiring.driver().register_completion_webhook(name=NAME, address=receiver_address())
