"""Logging in and out."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from injections.callers import caller_of
from injections.web.access import home_of
from injections.web.methods import wrong_method


class PortalAuthenticationForm(AuthenticationForm):
    """Django's own, with the sentence that says what to do."""

    error_messages = {  # noqa: RUF012  Django's form declares it so
        "invalid_login": "User name and password do not match. Both tell capitals from small letters.",
        "inactive": "This account is switched off. Ask an administrator.",
    }


@method_decorator(never_cache, name="dispatch")
class PortalLoginView(LoginView):
    """The login; afterwards everybody lands where their work begins."""

    template_name = "login.html"
    authentication_form = PortalAuthenticationForm

    def get_default_redirect_url(self) -> str:
        """Return the first page of this person's role."""
        return home_of(caller_of(self.request))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add whether somebody comes from a page whose session has ended, and whether Barge now was pressed there."""
        ended = self.request.GET.get("ended", "")
        return super().get_context_data(**kwargs) | {"has_ended": ended != "", "is_unplayed": ended == "fire"}

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer another method with a page of ours."""
        return wrong_method(request, ("GET", "POST", "HEAD"))

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        """Answer a failed login as what it is."""
        response = super().form_invalid(form)
        response.status_code = 400
        return response


class PortalLogoutView(LogoutView):
    """Django's own: it logs nobody out who merely follows a link."""

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer a followed link with a page of ours."""
        return wrong_method(request, ("POST",))


login = PortalLoginView.as_view()
logout = PortalLogoutView.as_view()
