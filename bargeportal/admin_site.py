"""Django's admin under the portal's name; who may enter follows from the groups alone."""

from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from audit.services import RefusedOnRecord
from injections.callers import caller_of
from injections.services.refusals import record_refusal
from injections.web.errors import Trouble, to_login, trouble_page


class PortalAdminSite(AdminSite):
    """The compliance desk, and the administrator's few tables."""

    site_title = "Barge Portal"
    site_header = "Barge Portal"
    index_title = "Compliance and administration"
    enable_nav_sidebar = False  # five tables at most: the index page is the map

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Let only those in who may enter. Who may not is answered as on every other page, and on record."""
        admitted = super().admin_view(view, cacheable)

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return to_login(request)
            if not self.has_permission(request):
                return _refuse(request)
            try:
                answer: HttpResponseBase = admitted(request, *args, **kwargs)
            except RefusedOnRecord:
                raise
            except PermissionDenied:
                return _refuse(request)
            return answer

        return guarded

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Lead to the portal's own login. Whoever is logged in already finds out inside whether they may enter."""
        if request.user.is_authenticated:
            return redirect("admin:index")
        return redirect(f"{reverse('login')}?next={reverse('admin:index')}")


def _refuse(request: HttpRequest) -> HttpResponse:
    by = caller_of(request)
    act = "open" if request.method in {"GET", "HEAD"} else "change anything by"
    record_refusal(
        action="access.refused",
        code="not_permitted",
        summary=f"{by.actor.name} may not {act} {request.path}.",
        details={"method": request.method, "role": by.actor.role},
        by=by,
    )
    role = by.actor.role.replace("_", " ") or "without a role"
    return trouble_page(
        request,
        Trouble(
            status=403,
            title="Your role may not do this",
            what=f"You are logged in as {by.actor.name} ({role}), and this is not for that role.",
            meaning="Nothing was changed. The attempt is on record.",
            remedy="Ask an administrator if you need it, or go on with your own work.",
        ),
    )
