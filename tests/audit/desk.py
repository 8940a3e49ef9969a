"""People at the log's pages, and what they read there."""

import re
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from audit.models import AuditRecord

LIST = "/admin/audit/auditrecord/"
CALL = UUID("abcdef12-2222-4333-8444-555555555555")


def page_of(record: AuditRecord) -> str:
    return reverse("admin:audit_auditrecord_change", args=[record.pk])


def logged_in(django_user_model: Any, name: str, *permissions: str, **rights: bool) -> Client:
    user = django_user_model.objects.create_user(name, password=name, is_staff=True, **rights)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def looks() -> Any:
    """Return the records of the log's own pages; a login is the portal's to record."""
    return AuditRecord.objects.filter(action__startswith="audit.")


def text_of(response: Any) -> str:
    """Return the page as its reader sees it: without tags, blanks joined."""
    assert response.status_code == 200, response.status_code
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode().replace("<wbr>", "")))
