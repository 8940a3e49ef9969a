"""Which address belongs to whom; `/health` is answered before all of these (bargeportal.health)."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("injections.api.urls")),
    path("", include("injections.web.urls")),
]

handler400 = "injections.web.errors.bad_request"
handler403 = "injections.web.errors.permission_denied"
handler404 = "injections.web.errors.not_found"
handler500 = "injections.web.errors.server_error"
