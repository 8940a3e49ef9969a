"""The portal's own rules, one by one, and which of several is told."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from injections.callers import Caller
from injections.models import LiveCall
from injections.models.audio_clip import ClipStatus
from injections.reasons import REASONS
from injections.roles import Role
from injections.services.admission import OLDEST_VIEW, Objection, objection
from tests.factories import AudioClipFactory, LiveCallFactory, UserFactory
from tests.injections.conftest import caller_for

pytestmark = pytest.mark.django_db
DRAFT = {"status": ClipStatus.DRAFT, "decided_at": None, "decided_by": None}


@pytest.fixture
def call(db: None) -> LiveCall:
    """A call on the board."""
    made: LiveCall = LiveCallFactory()
    return made


@pytest.fixture
def supervisor(call: LiveCall) -> Caller:
    """A supervisor of the call's queue."""
    user = UserFactory(role=Role.SUPERVISOR)
    call.queue.supervisors.add(user)
    return caller_for(user)


@pytest.fixture
def api_machine(db: None) -> Caller:
    """An API client."""
    return caller_for(UserFactory(role=Role.API_CLIENT))


def _ask(call: LiveCall | None, by: Caller | None, **changes: Any) -> Objection | None:
    values: dict[str, Any] = {
        "conversation_id": uuid4() if call is None else call.conversation_id,
        "participant_id": uuid4() if call is None else call.agent_participant_id,
        "clip": AudioClipFactory.build(uploaded_by=None, decided_by=None),
        "is_from_page": True,
        "seen_version": "" if call is None else call.version,
        "call": call,
        "is_board_believed": True,
        "now": timezone.now(),
        "by": by,
    }
    return objection(**(values | changes))


def _code(*args: Any, **changes: Any) -> str | None:
    found = _ask(*args, **changes)
    assert found is None or (found.code in REASONS and found.message)
    return None if found is None else found.code


def test_nothing_speaks_against_a_call_of_his_queue_as_he_saw_it(call: LiveCall, supervisor: Caller) -> None:
    assert _ask(call, supervisor) is None


def test_an_api_client_may_act_on_a_call_that_the_board_does_not_show(api_machine: Caller) -> None:
    assert _ask(None, api_machine, is_from_page=False) is None


def test_a_call_that_the_board_does_not_show_cannot_be_barged_from_a_page(supervisor: Caller) -> None:
    assert _code(None, supervisor) == "call_not_active"


@pytest.mark.parametrize("role", [role for role in Role if role != Role.SUPERVISOR])
def test_only_a_supervisor_barges_from_a_page(call: LiveCall, role: Role) -> None:
    user = UserFactory(role=role)
    call.queue.supervisors.add(user)
    assert _code(call, caller_for(user)) == "not_permitted"


@pytest.mark.parametrize("role", [role for role in Role if role != Role.API_CLIENT])
def test_only_an_api_client_injects_by_the_api(call: LiveCall, role: Role) -> None:
    assert _code(call, caller_for(UserFactory(role=role)), is_from_page=False) == "not_permitted"


def test_a_call_of_another_queue_is_out_of_scope(call: LiveCall) -> None:
    assert _code(call, caller_for(UserFactory(role=Role.SUPERVISOR))) == "out_of_scope"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"is_secure_paused": True}, "secure_pause"),
        ({"is_held": True}, "on_hold"),
        ({"barged_by": "Lee Park"}, "call_busy"),
    ],
    ids=["secure pause", "hold", "barged"],
)
@pytest.mark.parametrize("is_from_page", [True, False])
def test_what_the_board_knows_of_the_call_forbids_it(
    call: LiveCall,
    supervisor: Caller,
    api_machine: Caller,
    change: dict[str, Any],
    code: str,
    is_from_page: bool,
) -> None:
    for name, value in change.items():
        setattr(call, name, value)
    by = supervisor if is_from_page else api_machine
    assert _code(call, by, is_from_page=is_from_page) == code


@pytest.mark.parametrize(
    "change", [{"is_held": True}, {"is_secure_paused": True}, {"barged_by": "Lee"}], ids=str
)
def test_where_the_platform_tells_itself_the_board_does_not_count(
    call: LiveCall, supervisor: Caller, change: dict[str, Any]
) -> None:
    for name, value in change.items():
        setattr(call, name, value)
    assert _code(call, supervisor, is_board_believed=False) is None


def test_who_is_barging_is_named(call: LiveCall, supervisor: Caller) -> None:
    call.barged_by = "Lee Park"
    found = _ask(call, supervisor)
    assert found is not None
    assert found.message == "Lee Park is barging into this call"


@pytest.mark.parametrize(
    "change",
    [{"seen_version": "older"}, {"seen_version": ""}, {"participant_id": uuid4()}],
    ids=["version", "no version", "agent"],
)
def test_a_call_that_is_not_as_he_saw_it_is_refused(
    call: LiveCall, supervisor: Caller, change: dict[str, Any]
) -> None:
    assert _code(call, supervisor, **change) == "call_changed"


@pytest.mark.parametrize(
    ("seen", "now", "told"),
    [
        ("1-2-3-4", "0-2-3-4", ": who takes part"),
        ("1-2-3-4", "0-0-3-4", ": who takes part, the agent"),
        ("1-2-3-4", "1-2-0-4", ": hold or secure pause"),
        ("1-2-3-4", "1-2-3-0", ": consent"),
        ("older", "1-2-3-4", ""),
    ],
)
def test_what_changed_is_told(call: LiveCall, supervisor: Caller, seen: str, now: str, told: str) -> None:
    call.version = now
    found = _ask(call, supervisor, seen_version=seen)
    assert found == Objection("call_changed", f"the call changed since you looked at it{told}")


def test_consent_that_was_taken_back_since_it_was_seen_is_called_so(
    call: LiveCall, supervisor: Caller
) -> None:
    call.version, call.consent_reason = "1-2-3-0", "consent_denied"
    assert _code(call, supervisor, seen_version="1-2-3-4") == "consent_withdrawn"


def test_a_view_that_is_too_old_is_told_as_such(call: LiveCall, supervisor: Caller) -> None:
    found = _ask(call, supervisor, now=call.seen_at + OLDEST_VIEW * 2)
    assert found is not None
    assert "it has not been read for 30 s" in found.message


def test_a_view_that_is_too_old_is_not_trusted(call: LiveCall, supervisor: Caller) -> None:
    at_most = call.seen_at + OLDEST_VIEW
    assert _code(call, supervisor, now=at_most) is None
    assert _code(call, supervisor, now=at_most + timedelta(seconds=1)) == "call_changed"


def test_an_api_client_saw_no_version(call: LiveCall, api_machine: Caller) -> None:
    late = call.seen_at + OLDEST_VIEW * 2
    assert (
        _code(call, api_machine, is_from_page=False, seen_version="", participant_id=uuid4(), now=late)
        is None
    )


@pytest.mark.parametrize(
    "clip",
    [DRAFT, {"status": ClipStatus.REJECTED}, {"status": ClipStatus.RETIRED}],
    ids=["draft", "rejected", "retired"],
)
@pytest.mark.parametrize("is_from_page", [True, False])
def test_only_an_approved_recording_is_played(
    call: LiveCall, supervisor: Caller, api_machine: Caller, clip: dict[str, Any], is_from_page: bool
) -> None:
    unfit = AudioClipFactory.build(**({"uploaded_by": None, "decided_by": None} | clip))
    by = supervisor if is_from_page else api_machine
    assert _code(call, by, clip=unfit, is_from_page=is_from_page) == "clip_not_approved"


def test_a_recording_that_is_not_the_portal_s_own_needs_no_approval(
    call: LiveCall, api_machine: Caller
) -> None:
    assert _ask(call, api_machine, is_from_page=False, clip=None) is None


def test_a_later_try_asks_no_more_for_role_and_scope(call: LiveCall) -> None:
    assert _ask(call, None) is None


def test_a_later_try_still_asks_for_hold_and_recording(call: LiveCall) -> None:
    draft = AudioClipFactory.build(uploaded_by=None, **DRAFT)
    assert _code(call, None, clip=draft) == "clip_not_approved"
    call.is_held = True
    assert _code(call, None) == "on_hold"


def test_of_several_reasons_the_one_about_the_person_is_told_first(call: LiveCall) -> None:
    call.is_held = call.is_secure_paused = True
    draft = AudioClipFactory.build(uploaded_by=None, **DRAFT)
    nobody, stranger = (caller_for(UserFactory(role=role)) for role in (Role.COMPLIANCE, Role.SUPERVISOR))
    assert _code(call, nobody, clip=draft) == "not_permitted"
    assert _code(call, stranger, clip=draft) == "out_of_scope"
    assert _code(call, None, clip=draft) == "secure_pause"
