"""Django's admin under the portal's name; who may enter follows from the groups alone."""

from django.contrib.admin import AdminSite


class PortalAdminSite(AdminSite):
    """The compliance desk, and the administrator's few tables."""

    site_title = "Barge Portal"
    site_header = "Barge Portal"
    index_title = "Compliance and administration"
    enable_nav_sidebar = False  # five tables at most: the index page is the map
