"""Django's admin under the portal's name; a role is enough to enter."""

from functools import wraps
from http import HTTPStatus
from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from audit.services import RefusedOnRecord
from bargeportal.own_acts import record_new_password
from injections.callers import caller_of
from injections.roles import Action
from injections.web.access import refuse_role
from injections.web.errors import to_login


class PortalAdminSite(AdminSite):
    """The compliance desk, and the administrator's few tables."""

    site_title = "Barge Portal"
    site_header = "Barge Portal"
    index_title = "Compliance and administration"
    enable_nav_sidebar = False  # five tables at most: the index page is the map

    def has_permission(self, request: HttpRequest) -> bool:
        """Tell whether a role leads in here, without a second mark that somebody has to think of (`is_staff`)."""
        caller = caller_of(request)
        is_of_a_role = caller.may(Action.READ_LOG) or caller.may(Action.MANAGE_PORTAL)
        return is_of_a_role or super().has_permission(request)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Let only those in who may enter. Who may not is answered as on every other page, and on record."""
        admitted = super().admin_view(view, cacheable)

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return to_login(request)
            if not self.has_permission(request):
                return refuse_role(request, by=caller_of(request))
            try:
                answer: HttpResponseBase = admitted(request, *args, **kwargs)
            except RefusedOnRecord:
                raise
            except PermissionDenied:
                return refuse_role(request, by=caller_of(request))
            return answer

        return guarded

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Let people change their own password and record that, both or neither."""
        if request.method != "POST":  # a look takes no lock
            return super().password_change(request, extra_context)
        by = caller_of(request)
        with transaction.atomic():
            answer = super().password_change(request, extra_context)
            if by.user is not None and answer.status_code == HTTPStatus.FOUND:
                record_new_password(by.user, by=by)
        return answer

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Lead to the portal's own login. Whoever is logged in already finds out inside whether they may enter."""
        if request.user.is_authenticated:
            return redirect("admin:index")
        return redirect(f"{reverse('login')}?next={reverse('admin:index')}")
