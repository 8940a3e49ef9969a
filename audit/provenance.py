"""Actor and source of an HTTP request, for the log."""

from django.http import HttpRequest

from audit.canonical import clean_text
from audit.entry import Actor, Source


def actor_of(request: HttpRequest) -> Actor:
    """Return who makes `request`; the role is the names of the groups, and `superuser` where it applies."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return Actor(kind="anonymous")
    roles = list(user.groups.order_by("name").values_list("name", flat=True))
    if user.is_superuser:
        roles.append("superuser")
    return Actor(kind="user", id=str(user.pk), name=user.get_username(), role=", ".join(roles))


def source_of(request: HttpRequest) -> Source:
    """Return where `request` came from.

    The last address is the one that connected to us; what stands before it was only claimed by a header.
    """
    claimed = request.META.get("HTTP_X_FORWARDED_FOR", "")
    claims = clean_text(", ".join(part.strip() for part in claimed.split(",")[-3:]), limit=140)
    addresses = [address for address in (claims, request.META.get("REMOTE_ADDR", "")) if address]
    return Source(
        ip=", ".join(addresses),
        user_agent=request.META.get("HTTP_USER_AGENT", ""),
        request_id=str(getattr(request, "request_id", "")),
        where=f"{request.method} {request.path}",
    )
