"""Addresses for machines."""

from uuid import UUID

from django.urls import path, re_path, register_converter

from injections.api import audit_log
from injections.api.completion import completion
from injections.api.events import EventsView
from injections.api.inject import InjectView
from injections.api.injections import InjectionView
from injections.api.problems import nothing_here
from injections.api.recordings import clip_audio, clip_media


class AnyCaseUUID:
    """A UUID in its usual form; machines write it in capitals, too."""

    regex = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

    def to_python(self, value: str) -> UUID:
        """Return the UUID."""
        return UUID(value)

    def to_url(self, value: UUID) -> str:
        """Return the usual form."""
        return str(value)


register_converter(AnyCaseUUID, "anycase")

urlpatterns = [
    path("inject", InjectView.as_view(), name="inject"),
    path("api/v1/injections/<anycase:injection_id>", InjectionView.as_view(), name="api_injection"),
    path("api/v1/events", EventsView.as_view(), name="api_events"),
    path("api/v1/audit/records", audit_log.RecordsView.as_view(), name="api_audit_records"),
    path("api/v1/audit/records/<anycase:record_id>", audit_log.RecordView.as_view(), name="api_audit_record"),
    path(
        "api/v1/audit/records/<anycase:record_id>/inclusion",
        audit_log.InclusionView.as_view(),
        name="api_audit_inclusion",
    ),
    path("api/v1/audit/consistency", audit_log.ConsistencyView.as_view(), name="api_audit_consistency"),
    path("api/v1/audit/checkpoints", audit_log.CheckpointsView.as_view(), name="api_audit_checkpoints"),
    path("api/v1/audit/checkpoint", audit_log.CheckpointView.as_view(), name="api_audit_checkpoint"),
    path("api/v1/audit/keys", audit_log.KeysView.as_view(), name="api_audit_keys"),
    path("webhooks/completion/<path:secret>", completion, name="completion"),  # a secret may have slashes
    re_path("^(?:api|webhooks)/", nothing_here),
    path("media/clips/<uuid:clip_id>/<str:token>/<str:name>", clip_media, name="clip_media"),
    path("clips/<uuid:clip_id>/audio", clip_audio, name="clip_audio"),
]
