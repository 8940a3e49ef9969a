"""Who may do what: the product's table, row by row."""

import pytest

from injections.roles import MAY, Action, Role, may

A, R = Action, Role
# Written down a second time on purpose: a change of the table is a decision, not a slip.
EXPECTED = {
    R.SUPERVISOR: {
        A.SEE_CALLS, A.BARGE, A.CANCEL_INJECTION, A.SEE_OWN_INJECTIONS, A.SEE_CLIPS, A.SEE_STATUS,
    },
    R.AUDIO_ADMIN: {A.SEE_CLIPS, A.UPLOAD_CLIP, A.RETIRE_CLIP, A.SEE_STATUS},
    R.CLIP_APPROVER: {A.SEE_CLIPS, A.APPROVE_CLIP, A.SEE_STATUS},
    R.COMPLIANCE: {A.SEE_ALL_INJECTIONS, A.SETTLE_UNKNOWN, A.SEE_CLIPS, A.READ_LOG, A.SEE_STATUS, A.RESEND_EVENT},
    R.ADMINISTRATOR: {A.SEE_STATUS, A.MANAGE_PORTAL, A.WORK_BREAKER, A.RESEND_EVENT},
    R.API_CLIENT: {A.INJECT_BY_API, A.CANCEL_INJECTION, A.SEE_OWN_INJECTIONS, A.READ_EVENTS},
}  # fmt: skip


@pytest.mark.parametrize("role", Role)
def test_a_role_may_do_exactly_what_the_product_says(role: Role) -> None:
    assert {action for action in Action if may(frozenset({role}), action)} == EXPECTED[role]


@pytest.mark.parametrize("action", Action)
def test_every_action_belongs_to_somebody(action: Action) -> None:
    assert MAY[action]


@pytest.mark.parametrize("action", Action)
def test_nobody_without_a_role_may_do_anything(action: Action) -> None:
    assert not may(frozenset(), action)


@pytest.mark.parametrize("action", Action)
def test_two_roles_may_do_what_either_may(action: Action) -> None:
    both = frozenset({R.AUDIO_ADMIN, R.COMPLIANCE})
    assert may(both, action) == (action in EXPECTED[R.AUDIO_ADMIN] | EXPECTED[R.COMPLIANCE])


def test_no_role_both_uploads_and_approves() -> None:
    assert MAY[A.UPLOAD_CLIP].isdisjoint(MAY[A.APPROVE_CLIP])


def test_who_reads_the_log_cannot_act_on_calls() -> None:
    assert MAY[A.READ_LOG].isdisjoint(MAY[A.BARGE] | MAY[A.INJECT_BY_API] | MAY[A.UPLOAD_CLIP])
