"""Recordings: list, detail, upload, and the decisions of a second pair of eyes."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from injections import media, selectors
from injections.audio.refusal import AudioRefused
from injections.callers import Caller, caller_of
from injections.genesys.payload import MAX_DURATION_MS
from injections.models import AudioClip
from injections.models.audio_clip import ClipStatus
from injections.roles import Action
from injections.services.clips import (
    LIMITS,
    ClipNotInState,
    approve_clip,
    reject_clip,
    retire_clip,
    upload_clip,
)
from injections.services.refusals import NotPermitted, record_refusal
from injections.web.access import requires
from injections.web.errors import Trouble, not_found, trouble_page
from injections.web.forms import CLIP_STATES, LANGUAGES, ClipFilterForm, ClipUploadForm, DecisionForm
from injections.web.methods import only
from injections.web.plain_text import shown_name
from injections.web.verdicts import Badge
from injections.web.words import cut_short, length, size, waveform_path

_MOST = 500  # recordings in one list; whoever has more searches for theirs
_BADGES = {
    ClipStatus.DRAFT: Badge("caution", "◷", CLIP_STATES[ClipStatus.DRAFT]),
    ClipStatus.APPROVED: Badge("go", "✓", CLIP_STATES[ClipStatus.APPROVED]),
    ClipStatus.REJECTED: Badge("stop", "✕", CLIP_STATES[ClipStatus.REJECTED]),
    ClipStatus.RETIRED: Badge("plain", "–", CLIP_STATES[ClipStatus.RETIRED]),
}


@only("GET")
@requires(Action.SEE_CLIPS)
def clips(request: HttpRequest) -> HttpResponse:
    """List the recordings."""
    caller = caller_of(request)
    form = ClipFilterForm(request.GET)
    form.is_valid()
    found = selectors.clips(
        status=form.cleaned_data.get("status", ""), text=form.cleaned_data.get("q", ""), by=caller
    )[: _MOST + 1]
    context = {
        "filters": form,
        "rows": [_shown(one) for one in found[:_MOST]],
        "left_out_after": _MOST if len(found) > _MOST else None,
        "is_narrow": any(form.cleaned_data.values()),
        "may_upload": caller.may(Action.UPLOAD_CLIP),
    }
    template = "clips/list.html#results" if request.htmx else "clips/list.html"  # type: ignore[attr-defined]
    return render(request, template, context, status=400 if form.errors else 200)


@only("GET")
@requires(Action.SEE_CLIPS)
def clip(request: HttpRequest, clip_id: UUID) -> HttpResponse:
    """Show one recording: what was found in it, its words, its sound, and who decided what."""
    return _detail(request, clip_id)


@only("GET", "POST")
@requires(Action.UPLOAD_CLIP)
def clip_upload(request: HttpRequest) -> HttpResponse:
    """Take a new recording. A refused file keeps what was written beside it."""
    if request.method != "POST":
        return _upload(request, ClipUploadForm())
    caller = caller_of(request)
    form = ClipUploadForm(request.POST, request.FILES)
    if form.is_valid():
        data = form.cleaned_data
        try:
            made = upload_clip(
                file=data["file"],
                title=data["title"],
                transcript=data["transcript"],
                language=data["language"],
                by=caller,
            )
        except AudioRefused as refused:
            form.add_error("file", refused.message)  # the service has recorded it
        else:
            return redirect("clip", clip_id=made.pk)
    else:
        _record_upload(form, by=caller)
    return _upload(request, form, status=400)


@only("POST")
@requires(Action.APPROVE_CLIP)
def clip_approve(request: HttpRequest, clip_id: UUID) -> HttpResponse:
    """Approve a recording that somebody else uploaded."""
    caller = caller_of(request)
    return _decide(request, clip_id, lambda: approve_clip(clip_id=clip_id, by=caller))


@only("POST")
@requires(Action.APPROVE_CLIP)
def clip_reject(request: HttpRequest, clip_id: UUID) -> HttpResponse:
    """Reject a recording, with the reason."""
    caller = caller_of(request)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return _detail(request, clip_id, form=form, status=400)
    return _decide(
        request, clip_id, lambda: reject_clip(clip_id=clip_id, reason=form.cleaned_data["reason"], by=caller)
    )


@only("POST")
@requires(Action.RETIRE_CLIP)
def clip_retire(request: HttpRequest, clip_id: UUID) -> HttpResponse:
    """Take a recording out of use. What was played stays."""
    caller = caller_of(request)
    return _decide(request, clip_id, lambda: retire_clip(clip_id=clip_id, by=caller))


def _detail(
    request: HttpRequest, clip_id: UUID, *, form: DecisionForm | None = None, status: int = 200
) -> HttpResponse:
    caller = caller_of(request)
    found = selectors.clip(clip_id=clip_id, by=caller)
    if found is None:
        return not_found(request)
    context = _shown(found) | {
        "form": form or DecisionForm(),
        "listen": media.listen_path(found),
        "size": size(found.size_bytes),
        "is_own": found.uploaded_by == caller.user,
        "may_approve": caller.may(Action.APPROVE_CLIP) and found.status == ClipStatus.DRAFT,
        "may_retire": caller.may(Action.RETIRE_CLIP) and found.status == ClipStatus.APPROVED,
    }
    return render(request, "clips/detail.html", context, status=status)


def _upload(request: HttpRequest, form: ClipUploadForm, *, status: int = 200) -> HttpResponse:
    most_bytes = LIMITS.max_bytes
    context = {
        "form": form,
        "most_bytes": most_bytes,
        "most_mb": most_bytes // 1_000_000,
        "longest_s": MAX_DURATION_MS // 1000,
    }
    return render(request, "clips/upload.html", context, status=status)


def _decide(request: HttpRequest, clip_id: UUID, decision: Any) -> HttpResponse:
    if selectors.clip(clip_id=clip_id, by=caller_of(request)) is None:
        return not_found(request)
    try:
        decision()
    except NotPermitted as error:
        return trouble_page(request, _trouble(403, "You may not decide on this recording", str(error)))
    except ClipNotInState as error:
        return trouble_page(request, _trouble(409, "This was decided already", str(error)))
    return redirect("clip", clip_id=clip_id)


def _trouble(status: int, title: str, what: str) -> Trouble:
    return Trouble(
        status=status,
        title=title,
        what=what,
        meaning="The recording stays as it is.",
        remedy="Open the recording again to see where it stands, or ask another approver.",
    )


def _shown(found: AudioClip) -> dict[str, Any]:
    return {
        "clip": found,
        "title": shown_name(found.title),
        "badge": _BADGES[ClipStatus(found.status)],
        "length": length(found.duration_ms),
        "cut": cut_short(found.duration_ms),
        "language": LANGUAGES.get(found.language, found.language),
        "waveform": waveform_path(found.waveform),
        "width": max(1, len(found.waveform)) * 2,
    }


def _record_upload(form: ClipUploadForm, *, by: Caller) -> None:
    why = {name: str(next(iter(messages))) for name, messages in form.errors.items()}
    record_refusal(
        action="clip.upload_refused",
        code="bad_request",
        summary=f"{by.actor.name} offered a recording that was not taken: {' '.join(why.values())}",
        subject=None,
        details={"fields": why},
        by=by,
    )
