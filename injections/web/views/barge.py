"""The barge panel: look, arm, fire, and see what became of it. Two acts, one token between them."""

from contextlib import suppress
from functools import wraps
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from audit.canonical import clean_text
from audit.entry import Subject
from injections import selectors
from injections.callers import Caller, caller_of
from injections.models import AudioClip, InjectionRequest, LiveCall
from injections.reasons import reason
from injections.roles import Action
from injections.services.refusals import record_refusal
from injections.services.submission import Command, KeyReused, inject
from injections.web.access import View, refuse_scope, requires
from injections.web.armed import Armed, NotArmed, arm, is_safe_again, seal, unseal
from injections.web.errors import Trouble, record_press_of_nobody, trouble_page
from injections.web.forms import ArmForm
from injections.web.methods import only
from injections.web.panel import (
    Notice,
    armed_context,
    call_context,
    chosen_clip,
    form_context,
    gone_context,
    notice_of,
    result_context,
    seen_of,
)
from injections.web.verdicts import blocking, checklist
from injections.web.views.calls import board_context

_ON_ITS_WAY_S = 2  # a press that was taken in the last armed moment may not be in the table yet
_STOP_POLLING = 286  # htmx: take this, and do not ask again


@only("GET")
@requires(Action.BARGE)
def barge_panel(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Show one call with its checklist and the form; or what became of an injection into it (`?injection=`)."""
    caller = caller_of(request)
    done = _asked_injection(request, conversation_id, by=caller)
    if done is not None:
        return _page(request, conversation_id, result_context(done, by=caller), by=caller)
    call = selectors.live_call(conversation_id=conversation_id, by=caller)
    if call is None:
        return _no_call(request, conversation_id, action="access.refused", by=caller)
    return _page(request, conversation_id, form_context(call, focus="title", by=caller), by=caller)


@only("GET")
@requires(Action.BARGE)
def barge_facts(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Return heading and checklist alone, for an open panel. A call that is gone stops the asking."""
    call = selectors.live_call(conversation_id=conversation_id, by=caller_of(request))
    if call is None:
        return render(request, "calls/board.html#facts", gone_context() | {"focus": ""}, status=_STOP_POLLING)
    clip = chosen_clip(request.GET.get("clip", ""))
    context = call_context(call, clip=clip, now=timezone.now())
    context |= {"armed_version": request.GET.get("armed", "")}
    return render(request, "calls/board.html#facts", context)


@only("POST")
@requires(Action.BARGE)
def barge_arm(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Take what the supervisor chose and show the armed state: one sentence, a countdown, and the second act."""
    caller = caller_of(request)
    call = selectors.live_call(conversation_id=conversation_id, by=caller)
    if call is None:
        return _no_call(request, conversation_id, action="barge.arm_refused", by=caller)
    form = ArmForm(request.POST, clips=selectors.playable_clips(by=caller))
    code = _code_of_errors(form) if not form.is_valid() else _objection(call, form)
    if code:
        _record_arming(code, form=form, call=call, by=caller)
        status = 400 if form.errors else 409
        context = form_context(call, form=form, notice=None if form.errors else notice_of(code), by=caller)
        return _page(request, conversation_id, context, status=status, by=caller)
    armed = arm(call=call, form=form, user_id=_user_id(caller))
    context = armed_context(call, armed=armed, token=seal(armed), clip=form.cleaned_data["clip"])
    return _page(request, conversation_id, context, by=caller)


@only("POST")
@requires(Action.BARGE)
def barge_disarm(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Go back from the armed state with everything still filled in; or to what was played before, if it was."""
    caller = caller_of(request)
    # The answer to Barge now may have been lost on its way: then it is not true that nothing was played.
    armed, done = _press_of(request, conversation_id, by=caller)
    if done is not None:
        return _show(request, done, by=caller)
    call = selectors.live_call(conversation_id=conversation_id, by=caller)
    if call is None:
        return _no_call(request, conversation_id, action="access.refused", by=caller)
    notice = None if armed is None else _SAFE_AGAIN if "ran_out" in request.POST else _CANCELLED
    context = form_context(call, armed=armed, notice=notice, focus="arm", by=caller)
    return _page(request, conversation_id, context, by=caller)


@only("POST")
@requires(Action.BARGE)
def barge_pressed(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Tell what became of a press of Barge now whose answer was lost; 204 as long as it may still arrive."""
    caller = caller_of(request)
    armed, done = _press_of(request, conversation_id, by=caller)
    if done is not None:
        return _show(request, done, notice=_ARRIVED, by=caller)
    if armed is not None and not _can_no_longer_arrive(request.POST["token"]):
        return HttpResponse(status=204)
    call = selectors.live_call(conversation_id=conversation_id, by=caller)
    context = gone_context() if call is None else form_context(call, armed=armed, by=caller)
    return _page(request, conversation_id, context | {"notice": _NOT_ARRIVED}, by=caller)


def _can_no_longer_arrive(token: str) -> bool:
    return is_safe_again(token, armed_s=settings.INJECT_ARMED_S + _ON_ITS_WAY_S)


def _records_ended_sessions(view: View[[UUID]]) -> View[[UUID]]:
    """Record that Barge now was pressed without a session; `view` then leads to the login."""

    @wraps(view)
    def recorded(request: HttpRequest, /, conversation_id: UUID) -> HttpResponseBase:
        if not request.user.is_authenticated:
            record_press_of_nobody(request)
        return view(request, conversation_id)

    return recorded


@only("POST")
@_records_ended_sessions
@requires(Action.BARGE)
def barge_fire(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Play what was armed, once, however often this arrives."""
    caller = caller_of(request)
    try:
        armed = _armed(request, conversation_id, by=caller)
    except NotArmed:
        return _not_armed(request, conversation_id, by=caller)
    if is_safe_again(request.POST["token"], armed_s=settings.INJECT_ARMED_S):
        return _too_late(request, conversation_id, armed=armed, by=caller)
    clip = AudioClip.objects.filter(pk=armed.clip_id).first()
    if clip is None:
        return _not_armed(request, conversation_id, by=caller)
    try:
        done = inject(
            command=_command(armed, clip),
            key=armed.key,
            fingerprint=armed.fingerprint,
            received=getattr(request, "received_at", None),
            by=caller,
        ).injection
    except KeyReused:
        return _not_armed(request, conversation_id, by=caller)
    return _show(request, done, by=caller)


def _page(
    request: HttpRequest, conversation_id: UUID, context: dict[str, Any], *, status: int = 200, by: Caller
) -> HttpResponse:
    """Return the panel: alone for htmx, else with the board beside it."""
    context |= {"selected": str(conversation_id), "conversation_id": conversation_id, "has_panel": True}
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "calls/board.html#panel", context, status=status)
    return render(request, "calls/board.html", board_context(request, by=by) | context, status=status)


def _asked_injection(request: HttpRequest, conversation_id: UUID, *, by: Caller) -> InjectionRequest | None:
    try:
        injection_id = UUID(request.GET.get("injection", ""))
    except ValueError:
        return None
    found = selectors.injection(injection_id=injection_id, by=by)
    return found if found is not None and found.conversation_id == conversation_id else None


def _show(
    request: HttpRequest, done: InjectionRequest, *, notice: Notice | None = None, by: Caller
) -> HttpResponse:
    """Lead to the address of the result, so that a reload shows it again and sends nothing."""
    address = f"{reverse('barge_panel', args=[done.conversation_id])}?{urlencode({'injection': done.pk})}"
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(address)
    response = _page(request, done.conversation_id, result_context(done, notice=notice, by=by), by=by)
    response["HX-Push-Url"] = address
    return response


def _no_call(request: HttpRequest, conversation_id: UUID, *, action: str, by: Caller) -> HttpResponse:
    subject = Subject(conversation_id=conversation_id)
    if selectors.is_call_of_another_queue(conversation_id=conversation_id, by=by):
        return refuse_scope(request, action=action, subject=subject, by=by)
    if action == "barge.arm_refused":
        record_refusal(
            action=action,
            code="call_not_active",
            summary=f"{by.actor.name} wanted to arm a barge, but the call is not there.",
            subject=subject,
            details={},
            by=by,
        )
    return _page(request, conversation_id, gone_context(), status=404, by=by)


def _code_of_errors(form: ArmForm) -> str:
    is_unapproved = form.has_error("clip", "invalid_choice")
    return "clip_not_approved" if is_unapproved else "bad_request"


def _objection(call: LiveCall, form: ArmForm) -> str:
    """Return the code of what forbids arming, or an empty string."""
    against = blocking(checklist(call, seen_of(call, now=timezone.now())))
    if against is not None:
        return against.code
    is_same = (
        form.cleaned_data["seen_version"] == call.version
        and form.cleaned_data["participant_id"] == call.agent_participant_id
    )
    return "" if is_same else "call_changed"


def _record_arming(code: str, *, form: ArmForm, call: LiveCall, by: Caller) -> None:
    into = f"{call.agent_name}'s call" if call.agent_name else "a call without an agent"
    clip = form.cleaned_data.get("clip")
    record_refusal(
        action="barge.arm_refused",
        code=code,
        summary=f"{by.actor.name} could not arm a barge into {into}: {reason(code).sentence}.",
        subject=Subject(
            conversation_id=call.pk,
            participant_id=call.agent_participant_id,
            clip_id=None if clip is None else clip.pk,
        ),
        details={
            "fields": sorted(form.errors),
            "reason_given": clean_text(form.cleaned_data.get("reason", "")),
        },
        by=by,
    )


def _not_armed(request: HttpRequest, conversation_id: UUID, *, by: Caller) -> HttpResponse:
    record_refusal(
        action="barge.fire_refused",
        code="bad_request",
        summary=f"{by.actor.name} sent a barge that was not armed here, or was changed on its way; nothing was played.",
        subject=Subject(conversation_id=conversation_id),
        details={},
        by=by,
    )
    return trouble_page(
        request,
        Trouble(
            status=400,
            title="This barge was not armed",
            what="What arrived was not armed by you on this page, or was changed on its way.",
            meaning="Nothing was played. The attempt is on record.",
            remedy="Open the call again, choose anew, arm, and barge.",
        ),
    )


_SAFE_AGAIN = Notice(
    what="Safe again: the armed time ran out.",
    meaning="Nothing was played.",
    remedy="If it still fits the call, arm again.",
    is_calm=True,
)
_CANCELLED = Notice(what="Cancelled.", meaning="Nothing was played.", remedy="", is_calm=True)
_ARRIVED = Notice(
    what="Your press arrived.",
    meaning="Only the answer to it was lost: it counts once, and this is what became of it.",
    remedy="",
    is_calm=True,
)
_NOT_ARRIVED = Notice(
    what="Your press of Barge now did not arrive.",
    meaning="Nothing was played.",
    remedy="If it still fits the call, arm again.",
)
_LATE = Notice(
    what="You pressed Barge now after the armed time had run out.",
    meaning="Nothing was played.",
    remedy="If it still fits the call, arm again.",
)


def _too_late(request: HttpRequest, conversation_id: UUID, *, armed: Armed, by: Caller) -> HttpResponse:
    """Refuse what was armed too long ago, unless it is a repeat of what has already been done in time."""
    done = selectors.injection_by_key(key=armed.key, by=by)
    if done is not None:
        return _show(request, done, by=by)
    record_refusal(
        action="barge.fire_refused",
        code="deadline_passed",
        summary=f"{by.actor.name} barged too late after arming; nothing was played.",
        subject=Subject(
            conversation_id=conversation_id, participant_id=armed.participant_id, clip_id=armed.clip_id
        ),
        details={"armed_for_s": settings.INJECT_ARMED_S},
        by=by,
    )
    call = selectors.live_call(conversation_id=conversation_id, by=by)
    context = gone_context() if call is None else form_context(call, armed=armed, notice=_LATE, by=by)
    return _page(request, conversation_id, context, status=409, by=by)


def _command(armed: Armed, clip: AudioClip) -> Command:
    return Command(
        conversation_id=UUID(armed.conversation_id),
        participant_id=UUID(armed.participant_id),
        clip=clip,
        audio_url="",
        agent_mute=armed.agent_mute,
        caller_mute=armed.caller_mute,
        normalize_level=armed.normalize_level,
        max_duration_ms=armed.max_duration_ms,
        reason=armed.reason,
        seen_version=armed.seen_version,
        is_from_page=True,
    )


def _press_of(
    request: HttpRequest, conversation_id: UUID, *, by: Caller
) -> tuple[Armed | None, InjectionRequest | None]:
    """Return what the form's token had armed, and what became of it; None for what there is not."""
    with suppress(NotArmed):
        armed = _armed(request, conversation_id, by=by)
        return armed, selectors.injection_by_key(key=armed.key, by=by)
    return None, None


def _armed(request: HttpRequest, conversation_id: UUID, *, by: Caller) -> Armed:
    return unseal(request.POST.get("token", ""), conversation_id=conversation_id, user_id=_user_id(by))


def _user_id(by: Caller) -> int:
    if by.user is None:
        raise RuntimeError("a view behind @requires has a user")
    return by.user.pk
