"""What the barge panel shows in each of its states: the form, armed, result, gone."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from injections import gate, media, selectors
from injections.callers import Caller
from injections.models import AudioClip, InjectionRequest, LiveCall
from injections.reasons import reason
from injections.web.armed import Armed
from injections.web.forms import LANGUAGES, REASONS, ArmForm
from injections.web.plain_text import shown_name
from injections.web.reason_words import WORDS, remedy, why
from injections.web.results import may_cancel, story, wait_of
from injections.web.standing import gate_checks, standing
from injections.web.verdicts import Check, Seen, blocking, checklist, doubt_told, is_too_old
from injections.web.words import (
    cut_short,
    length,
    masked_number,
    seconds_since,
    sentence,
    spoken,
    waveform_path,
)

KEYS = 9  # the first nine recordings have a number key


@dataclass(frozen=True, slots=True)
class Choice:
    """One recording that may be chosen."""

    clip: AudioClip
    title: str
    key: str
    length: str
    cut: str
    language: str
    waveform: str
    width: int
    listen: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """Why something was not done: what happened, what it means for the call, the next step."""

    what: str
    meaning: str
    remedy: str
    is_calm: bool = False  # the keyboard goes on elsewhere

    @property
    def said(self) -> str:
        """The whole of it, for a screen reader."""
        return f"{self.what} {self.meaning} {self.remedy}".strip()


def notice_of(code: str) -> Notice:
    """Return why a barge was not armed, by the code of the reason."""
    return Notice(
        what=sentence(why(code, reason(code).sentence)), meaning="Nothing was played.", remedy=remedy(code)
    )


def seen_of(call: LiveCall, *, now: datetime) -> Seen:
    """Return what the portal itself knows of `call`."""
    return Seen(
        now,
        is_busy=call.pk in selectors.busy_conversations(among=[call.pk]),
        doubt=selectors.open_doubts(now=now, among=[call.pk]).get(call.pk),
        is_held_back=gate.view().is_open,
    )


def call_context(call: LiveCall, *, clip: AudioClip | None = None, now: datetime) -> dict[str, Any]:
    """Return heading and checklist of a call; `clip` is the recording that is chosen, if any."""
    seen = seen_of(call, now=now)
    stands = standing(gate.view(), now=now, patience_s=settings.INJECT_DEADLINE_S)
    checks = (
        *checklist(call, seen),
        _recording_check(clip),
        *gate_checks(stands, selectors.feed(now=now), is_too_old=is_too_old(call, now=now)),
    )
    return {
        "call": call,
        "doubt": None if seen.doubt is None else doubt_told(seen.doubt),
        "agent": shown_name(call.agent_name) or "No agent yet",
        "conversation_id": call.pk,
        "caller_number": masked_number(call.caller),
        "connected_for": spoken(seconds_since(call.connected_at, now=now)) if call.connected_at else "",
        "checks": checks,
        "blocked_by": blocking(checks),
    }


def _recording_check(clip: AudioClip | None) -> Check:
    if clip is None:
        return Check("open", "Recording to be chosen")
    if not clip.is_playable:
        return Check("stop", WORDS["clip_not_approved"], "", remedy("clip_not_approved"), "clip_not_approved")
    cut = cut_short(clip.duration_ms)
    if cut:
        return Check("caution", "Recording is approved, but cut off", cut)
    return Check("go", "Recording is approved", length(clip.duration_ms))


def form_context(
    call: LiveCall,
    *,
    form: ArmForm | None = None,
    armed: Armed | None = None,
    notice: Notice | None = None,
    focus: str = "",
    by: Caller,
) -> dict[str, Any]:
    """Return the panel before arming, with what was already chosen: by a refused form or a barge that was disarmed.

    `focus` is where the keyboard goes on: `title`, or `arm`, which means the title as long as nothing can be armed.
    """
    chosen = _chosen(form, armed)
    errors = {} if form is None else {name: next(iter(messages)) for name, messages in form.errors.items()}
    errors_told = list(dict.fromkeys(errors.values()))  # two fields may say the same
    context = call_context(call, clip=chosen_clip(chosen["clip"]), now=timezone.now())
    return context | {
        "panel_state": "form",
        "panel_title": context["agent"],
        "focus": "title" if focus == "arm" and context["blocked_by"] else focus,
        "choices": _choices(selectors.playable_clips(by=by), chosen=str(chosen["clip"])),
        "chosen": chosen,
        "errors": errors,
        "errors_told": errors_told,
        "reasons": REASONS,
        "notice": notice,
    }


def armed_context(call: LiveCall, *, armed: Armed, token: str, clip: AudioClip) -> dict[str, Any]:
    """Return the armed panel: everything agreed in one sentence, and how long it stays dangerous."""
    now = timezone.now()
    safe_at = now + timedelta(seconds=settings.INJECT_ARMED_S)
    return call_context(call, clip=clip, now=now) | {
        "panel_state": "armed",
        "panel_title": f"Armed: {shown_name(call.agent_name)}",
        "armed": armed,
        "armed_version": armed.seen_version,
        "token": token,
        "clip_title": shown_name(clip.title),
        "clip_length": spoken(max(1, round(armed.max_duration_ms / 1000))),
        "clip_cut": cut_short(clip.duration_ms),
        "first_name": (shown_name(call.agent_name).split() or ["the agent"])[0],
        "armed_s": settings.INJECT_ARMED_S,
        "safe_at": safe_at,
    }


def result_context(
    injection: InjectionRequest, *, notice: Notice | None = None, by: Caller
) -> dict[str, Any]:
    """Return what became of an injection."""
    return {
        "panel_state": "result",
        "panel_title": f"Barge into {shown_name(injection.agent_name) or 'a call'}",
        "notice": notice,
        "injection": injection,
        "conversation_id": injection.conversation_id,
        "story": story(injection),
        "wait": wait_of(injection, now=timezone.now()),
        "may_cancel": may_cancel(injection, by=by),
    }


def gone_context() -> dict[str, Any]:
    """Return the panel of a call that is not there, or no longer."""
    return {"panel_state": "gone", "panel_title": "Call has ended", "call": None, "focus": "title"}


def chosen_clip(clip_id: str) -> AudioClip | None:
    """Return the recording that a page names as chosen; None for none, and for what is no id."""
    try:
        return AudioClip.objects.filter(pk=UUID(clip_id)).first()
    except ValueError:
        return None


def _chosen(form: ArmForm | None, armed: Armed | None) -> dict[str, Any]:
    names = ("agent_mute", "caller_mute", "normalize_level")
    if armed is not None:
        values = asdict(armed)
        return {"clip": armed.clip_id, "reason": armed.reason, **{name: values[name] for name in names}}
    if form is not None:
        data = form.data
        return {
            "clip": data.get("clip", ""),
            "reason": data.get("reason", "")[:1000],
            **{name: data.get(name) == "on" for name in names},
        }
    # A notice is for the caller: the agent does not talk over it, and it sounds as loud as the call.
    return {"clip": "", "reason": "", "agent_mute": True, "caller_mute": False, "normalize_level": True}


def _choices(clips: Any, *, chosen: str) -> list[Choice]:
    return [
        Choice(
            clip=clip,
            title=shown_name(clip.title),
            key=str(place) if place <= KEYS else "",
            length=length(clip.duration_ms),
            cut=cut_short(clip.duration_ms),
            language=LANGUAGES.get(clip.language, clip.language),
            waveform=waveform_path(clip.waveform),
            width=max(1, len(clip.waveform)) * 2,
            listen=media.listen_path(clip),
            is_chosen=str(clip.pk) == chosen,
        )
        for place, clip in enumerate(clips, start=1)
    ]
