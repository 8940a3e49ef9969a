"""The addresses of the pages."""

from django.urls import path

from injections.web import sign_in_records  # noqa: F401  importing connects the records of log-ins and log-outs
from injections.web.views import (
    barge,
    calls,
    clips,
    deliveries,
    injections,
    metrics,
    session,
    standing,
    status,
)

urlpatterns = [
    path("", calls.live_calls, name="live_calls"),
    path("login/", session.login, name="login"),
    path("logout/", session.logout, name="logout"),
    path("calls/rows/", calls.live_calls_rows, name="live_calls_rows"),
    path("calls/<uuid:conversation_id>/", barge.barge_panel, name="barge_panel"),
    path("calls/<uuid:conversation_id>/facts/", barge.barge_facts, name="barge_facts"),
    path("calls/<uuid:conversation_id>/arm/", barge.barge_arm, name="barge_arm"),
    path("calls/<uuid:conversation_id>/disarm/", barge.barge_disarm, name="barge_disarm"),
    path("calls/<uuid:conversation_id>/fire/", barge.barge_fire, name="barge_fire"),
    path("calls/<uuid:conversation_id>/pressed/", barge.barge_pressed, name="barge_pressed"),
    path("injections/", injections.injections, name="injections"),
    path("injections/doubts/", injections.doubts, name="doubts"),
    path("injections/<uuid:injection_id>/", injections.injection, name="injection"),
    path("injections/<uuid:injection_id>/cancel/", injections.injection_cancel, name="injection_cancel"),
    path("injections/<uuid:injection_id>/settle/", injections.injection_settle, name="injection_settle"),
    path("clips/", clips.clips, name="clips"),
    path("clips/upload/", clips.clip_upload, name="clip_upload"),
    path("clips/<uuid:clip_id>/", clips.clip, name="clip"),
    path("clips/<uuid:clip_id>/approve/", clips.clip_approve, name="clip_approve"),
    path("clips/<uuid:clip_id>/reject/", clips.clip_reject, name="clip_reject"),
    path("clips/<uuid:clip_id>/retire/", clips.clip_retire, name="clip_retire"),
    path("deliveries/", deliveries.deliveries, name="deliveries"),
    path("deliveries/<int:number>/resend/", deliveries.delivery_resend, name="delivery_resend"),
    path("status/", status.status, name="status"),
    path("status/breaker/", standing.breaker, name="breaker"),
    path("status/breaker/open/", standing.breaker_open, name="breaker_open"),
    path("status/breaker/close/", standing.breaker_close, name="breaker_close"),
    path("strip/", standing.strip, name="strip"),
    path("metrics", metrics.metrics, name="metrics"),
]
