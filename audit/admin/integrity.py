"""The integrity page: how far the log is sealed, who keeps what of it elsewhere, and whether it is whole."""

from typing import Any, Final

from django.db import connection

from audit import guards, sealing, stored_tree
from audit.anchors import health
from audit.models import AuditPending, AuditVerification
from audit.places import places

_SHOWN: Final = 5
_MOST_COUNTED: Final = 10_001


def integrity_context() -> dict[str, Any]:
    """Return what the page shows."""
    newest = sealing.newest_checkpoint()
    asked = list(AuditVerification.objects.all()[:_SHOWN])
    return {
        "size": stored_tree.size(),
        "waiting": AuditPending.objects.all()[:_MOST_COUNTED].count(),
        "newest": newest,
        "anchors": [(each, _lag(each.size, newest)) for each in health.all_of(places())],
        "missing_guards": guards.missing_guards(connection),
        "verifications": asked,
        "is_open": any(each.ended_at is None for each in asked),
    }


def _lag(size: int, newest: Any) -> int:
    """Return by how many records an anchor is behind."""
    return 0 if newest is None else max(newest.size - size, 0)
