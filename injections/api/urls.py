"""Addresses for machines."""

from django.urls import path

from injections.api.completion import completion
from injections.api.events import EventsView
from injections.api.inject import InjectView
from injections.api.injections import InjectionView
from injections.api.recordings import clip_audio, clip_media

urlpatterns = [
    path("inject", InjectView.as_view(), name="inject"),
    path("api/v1/injections/<uuid:injection_id>", InjectionView.as_view(), name="api_injection"),
    path("api/v1/events", EventsView.as_view(), name="api_events"),
    path("webhooks/completion/<path:secret>", completion, name="completion"),  # a secret may have slashes
    path("media/clips/<uuid:clip_id>/<str:token>/<str:name>", clip_media, name="clip_media"),
    path("clips/<uuid:clip_id>/audio", clip_audio, name="clip_audio"),
]
