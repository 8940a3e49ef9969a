"""Recordings for the media server (signed address) and for people (login)."""

import time
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from injections.callers import caller_of
from injections.media import LinkRefused, read_link
from injections.models import AudioClip
from injections.models.fixed import CLIPS
from injections.roles import Action
from injections.serving import recording_response


@require_safe
def clip_media(request: HttpRequest, clip_id: UUID, token: str, name: str) -> HttpResponseBase:
    """Serve a recording to whoever holds an address that the portal signed; others learn nothing."""
    is_levelled = request.GET.get("normalize") == "true"
    try:
        link = read_link(clip_id=clip_id, token=token, name=name, is_levelled=is_levelled, now_s=time.time())
    except LinkRefused as error:
        raise Http404(str(error)) from None
    clip = CLIPS.get(link.clip_id)
    if clip is None:
        raise Http404("The recording of this address is not here.")
    return recording_response(request, clip, is_levelled=link.is_levelled)


@require_safe
@login_required
def clip_audio(request: HttpRequest, clip_id: UUID) -> HttpResponseBase:
    """Serve a recording to a person's browser; it is played there and nowhere else."""
    if not caller_of(request).may(Action.SEE_CLIPS):
        raise Http404
    clip = get_object_or_404(AudioClip, pk=clip_id)
    return recording_response(request, clip, is_levelled=request.GET.get("levelled") == "1")
