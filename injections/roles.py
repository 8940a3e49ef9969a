"""Who may do what: one table, asked by pages, API, admin and templates alike (product: Roles)."""

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """A role is a Django group of this name."""

    SUPERVISOR = "supervisor"
    AUDIO_ADMIN = "audio_admin"
    CLIP_APPROVER = "clip_approver"
    COMPLIANCE = "compliance"
    ADMINISTRATOR = "administrator"
    API_CLIENT = "api_client"


class Action(StrEnum):
    """Something that a person or a machine may do in the portal."""

    SEE_CALLS = "see_calls"
    BARGE = "barge"
    INJECT_BY_API = "inject_by_api"
    CANCEL_INJECTION = "cancel_injection"
    SEE_OWN_INJECTIONS = "see_own_injections"
    SEE_ALL_INJECTIONS = "see_all_injections"
    SETTLE_UNKNOWN = "settle_unknown"
    SEE_CLIPS = "see_clips"
    UPLOAD_CLIP = "upload_clip"
    RETIRE_CLIP = "retire_clip"
    APPROVE_CLIP = "approve_clip"
    RESEND_EVENT = "resend_event"
    READ_EVENTS = "read_events"
    WORK_BREAKER = "work_breaker"
    READ_LOG = "read_log"
    SEE_STATUS = "see_status"
    MANAGE_PORTAL = "manage_portal"


R, A = Role, Action
MAY: Final[dict[Action, frozenset[Role]]] = {
    A.SEE_CALLS: frozenset({R.SUPERVISOR}),
    A.BARGE: frozenset({R.SUPERVISOR}),
    A.INJECT_BY_API: frozenset({R.API_CLIENT}),
    A.CANCEL_INJECTION: frozenset({R.SUPERVISOR, R.API_CLIENT}),
    A.SEE_OWN_INJECTIONS: frozenset({R.SUPERVISOR, R.API_CLIENT}),
    A.SEE_ALL_INJECTIONS: frozenset({R.COMPLIANCE}),
    A.SETTLE_UNKNOWN: frozenset({R.COMPLIANCE}),
    A.SEE_CLIPS: frozenset({R.SUPERVISOR, R.AUDIO_ADMIN, R.CLIP_APPROVER, R.COMPLIANCE}),
    A.UPLOAD_CLIP: frozenset({R.AUDIO_ADMIN}),
    A.RETIRE_CLIP: frozenset({R.AUDIO_ADMIN}),
    A.APPROVE_CLIP: frozenset({R.CLIP_APPROVER}),
    A.RESEND_EVENT: frozenset({R.COMPLIANCE, R.ADMINISTRATOR}),
    A.READ_EVENTS: frozenset({R.API_CLIENT}),
    A.WORK_BREAKER: frozenset({R.ADMINISTRATOR}),
    A.READ_LOG: frozenset({R.COMPLIANCE}),
    A.SEE_STATUS: frozenset(Role) - {R.API_CLIENT},
    A.MANAGE_PORTAL: frozenset({R.ADMINISTRATOR}),
}


def may(roles: frozenset[Role], action: Action) -> bool:
    """Tell whether one of `roles` allows `action`."""
    return not roles.isdisjoint(MAY[action])
