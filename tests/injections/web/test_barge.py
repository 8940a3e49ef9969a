import json
import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from injections.models import InjectionRequest, LiveCall
from injections.models.audio_clip import ClipStatus
from injections.roles import Role
from tests.factories import AudioClipFactory, InjectionFactory, LiveCallFactory
from tests.injections.web.conftest import HTMX, records

Choice = Callable[..., dict[str, str]]


def at(call: LiveCall, step: str = "") -> str:
    return f"/calls/{call.pk}/{step}"


def token_in(page: bytes) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page.decode())
    assert found is not None, "the page is not armed"
    return found[1]


def test_the_panel_stands_beside_the_board_on_its_own_page(supervisor: Client, call: LiveCall):
    page = supervisor.get(at(call)).content.decode()
    assert 'id="calls"' in page
    assert "Agent has consented" in page


def test_the_panel_alone_is_a_fragment(supervisor: Client, call: LiveCall):
    page = supervisor.get(at(call), headers=HTMX).content.decode()
    assert page.strip().startswith('<aside id="panel"')


def test_a_call_without_consent_shows_the_reason_and_cannot_be_armed(supervisor: Client, call: LiveCall):
    LiveCall.objects.update(consent_reason="consent_missing")
    page = supervisor.get(at(call)).content.decode()
    assert "Cannot be armed: No consent on record." in page
    assert re.search(r'id="arm-button"[^>]* disabled', page)


def test_only_approved_recordings_can_be_chosen(supervisor: Client, call: LiveCall):
    AudioClipFactory(title="Ready")
    AudioClipFactory(title="Not yet", status=ClipStatus.DRAFT, decided_at=None, decided_by=None)
    page = supervisor.get(at(call)).content.decode()
    assert "Ready" in page
    assert "Not yet" not in page


def test_a_call_of_another_queue_is_refused_and_recorded(supervisor: Client):
    other = LiveCallFactory()
    assert supervisor.get(at(other)).status_code == 403
    (record,) = records("access.refused")
    assert (record.reason_code, record.conversation_id) == ("out_of_scope", other.pk)


def test_a_call_that_has_ended_is_not_an_error_page(supervisor: Client):
    answer = supervisor.get(f"/calls/{uuid.uuid4()}/")
    assert answer.status_code == 404
    assert "This call is no longer here" in answer.content.decode()


def test_the_facts_of_a_call_that_has_ended_are_not_asked_for_again(supervisor: Client):
    assert supervisor.get(f"/calls/{uuid.uuid4()}/facts/", headers=HTMX).status_code == 286


def test_the_facts_warn_when_the_call_changed_since_arming(supervisor: Client, call: LiveCall):
    page = supervisor.get(at(call, "facts/?armed=v0"), headers=HTMX).content.decode()
    assert "The call has changed since you armed." in page


def test_arming_says_in_one_sentence_what_will_happen(supervisor: Client, call: LiveCall, choice: Choice):
    clip = AudioClipFactory(title="Recording notice")
    page = supervisor.post(at(call, "arm/"), choice(clip=str(clip.pk))).content.decode()
    text = re.sub(r"<[^>]+>", "", page)
    assert "Play Recording notice (4 s) to +1 317 ••• 0142 and Avery Lindqvist, with Avery muted" in text
    assert "safe again at" in text


def test_the_armed_page_stands_in_the_navigation(supervisor: Client, call: LiveCall, choice: Choice):
    page = supervisor.post(at(call, "arm/"), choice()).content.decode()
    assert '<a href="/" aria-current="page">Live calls</a>' in page


def test_arming_sends_nothing(supervisor: Client, call: LiveCall, choice: Choice):
    supervisor.post(at(call, "arm/"), choice())
    assert not InjectionRequest.objects.exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"clip": "nonsense"}, "This recording is not approved"),
        ({"clip": str(uuid.uuid4())}, "This recording is not approved"),
        ({"reason": ""}, "Say why you barge"),
        ({"reason": None}, "Say why you barge"),
        ({"reason": " … "}, "Say why you barge, in words."),
        ({"reason": "x" * 501}, "at most 500 characters"),
        ({"reason": "nul \x00 nul"}, "The reason holds a control character (U+0000, character 5)."),
        (
            {"reason": "\u202egnihton"},
            "The reason holds a hidden character that turns the direction of writing",
        ),
        ({"reason": "two\nlines"}, "The reason holds a control character (U+000A"),
        ({"agent_mute": "banana"}, "Switch this on or off"),
        ({"participant_id": "42"}, "The page is incomplete"),
        ({"participant_id": None}, "The page is incomplete"),
        ({"seen_version": None}, "The page is incomplete"),
        ({"seen_version": "x" * 33}, "The page is incomplete"),
    ],
)
def test_a_bad_field_is_named_and_the_rest_is_kept(
    supervisor: Client, call: LiveCall, choice: Choice, changes: dict[str, Any], said: str
):
    answer = supervisor.post(at(call, "arm/"), choice(**changes))
    page = answer.content.decode()
    assert answer.status_code == 400
    assert said in page
    assert 'name="token"' not in page


def test_a_message_that_two_fields_share_is_said_once(supervisor: Client, call: LiveCall, choice: Choice):
    sent = choice(participant_id=None, seen_version=None)
    page = supervisor.post(at(call, "arm/"), sent).content.decode()
    assert page.count("The page is incomplete") == 1


def test_a_barge_that_is_refused_says_once_that_nothing_was_played(
    supervisor: Client, call: LiveCall, choice: Choice, settings: Any
):
    token = token_in(supervisor.post(at(call, "arm/"), choice()).content)
    settings.INJECT_ARMED_S = -2
    page = supervisor.post(at(call, "fire/"), {"token": token}).content.decode()
    assert page.count("Nothing was played.") == 1
    assert "You pressed Barge now after the armed time had run out." in page


def test_no_name_turns_the_armed_sentence(supervisor: Client, call: LiveCall, choice: Choice):
    LiveCall.objects.update(agent_name="\u202etsilqdniL \u2069yrevA")
    clip = AudioClipFactory(title="\u202elive")
    page = supervisor.post(at(call, "arm/"), choice(clip=str(clip.pk))).content.decode()
    assert "<bdi>live</bdi>" in page
    assert "\u202e" not in page
    assert "\u2069" not in page


def test_a_reason_in_any_script_is_taken(supervisor: Client, call: LiveCall, choice: Choice):
    assert supervisor.post(at(call, "arm/"), choice(reason="通知が必要です 🙂")).status_code == 200


def test_a_recording_that_lost_its_approval_cannot_be_armed(
    supervisor: Client, call: LiveCall, choice: Choice
):
    clip = AudioClipFactory(status=ClipStatus.DRAFT, decided_at=None, decided_by=None)
    assert supervisor.post(at(call, "arm/"), choice(clip=str(clip.pk))).status_code == 400
    assert records("barge.arm_refused")[0].reason_code == "clip_not_approved"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"consent_reason": "consent_denied"}, "consent_denied"),
        ({"is_held": True}, "on_hold"),
        ({"is_secure_paused": True}, "secure_pause"),
        ({"version": "v2"}, "call_changed"),
        ({"agent_participant_id": uuid.uuid4()}, "call_changed"),
        ({"seen_at": timezone.now() - timedelta(minutes=2)}, "call_changed"),
    ],
)
def test_a_forged_arming_of_a_blocked_call_is_refused_and_recorded(
    supervisor: Client, call: LiveCall, choice: Choice, changes: dict[str, Any], code: str
):
    sent = choice()
    LiveCall.objects.update(**changes)
    answer = supervisor.post(at(call, "arm/"), sent)
    assert answer.status_code == 409
    assert "Nothing was played." in answer.content.decode()
    assert records("barge.arm_refused")[0].reason_code == code


def test_the_record_of_a_refused_arming_names_the_call_also_without_an_agent(
    supervisor: Client, call: LiveCall, choice: Choice
):
    sent = choice()
    LiveCall.objects.update(agent_name="", agent_participant_id=None)
    supervisor.post(at(call, "arm/"), sent)
    assert " into a call without an agent: " in records("barge.arm_refused")[0].summary


def test_a_call_with_a_recording_in_it_cannot_be_armed(supervisor: Client, call: LiveCall, choice: Choice):
    InjectionFactory(conversation_id=call.pk)
    sent = choice()
    assert supervisor.post(at(call, "arm/"), sent).status_code == 409
    record = records("barge.arm_refused")[0]
    assert (record.reason_code, str(record.clip_id)) == ("call_busy", sent["clip"])
    assert json.loads(record.body)["details"]["reason_given"] == sent["reason"]


def test_cancelling_brings_back_what_was_filled_in(supervisor: Client, call: LiveCall, choice: Choice):
    sent = choice(reason="A very special reason")
    token = token_in(supervisor.post(at(call, "arm/"), sent).content)
    page = supervisor.post(at(call, "disarm/"), {"token": token}).content.decode()
    assert "A very special reason" in page
    assert re.search(rf'value="{sent["clip"]}" required checked', page)


def test_cancelling_what_was_played_already_shows_it_and_does_not_deny_it(
    supervisor: Client, call: LiveCall, choice: Choice
):
    token = token_in(supervisor.post(at(call, "arm/"), choice()).content)
    LiveCall.objects.update(version="v2")
    fired = supervisor.post(at(call, "fire/"), {"token": token})
    for ran_out in ({}, {"ran_out": "1"}):
        answer = supervisor.post(at(call, "disarm/"), {"token": token} | ran_out)
        assert answer["Location"] == fired["Location"]


def test_cancelling_what_nobody_armed_claims_nothing(supervisor: Client, call: LiveCall):
    page = supervisor.post(at(call, "disarm/"), {"token": "forged"}).content.decode()
    assert 'id="arm"' in page
    assert "Nothing was played." not in page


def test_a_barge_after_the_session_has_ended_is_recorded_and_leads_to_the_login(
    client: Client, supervisor: Client, call: LiveCall, choice: Choice
):
    token = token_in(supervisor.post(at(call, "arm/"), choice()).content)
    answer = client.post(at(call, "fire/"), {"token": token})
    assert answer["Location"].startswith("/login/")
    assert "nothing was played by it" in client.get(answer["Location"]).content.decode()
    (record,) = records("barge.fire_refused")
    assert (record.reason_code, record.conversation_id) == ("not_permitted", call.pk)
    assert not InjectionRequest.objects.exists()


@pytest.mark.parametrize("token", [None, "", "forged", "x" * 5000, "a:b:c", "\x00"])
def test_a_forged_barge_is_refused_and_recorded(supervisor: Client, call: LiveCall, token: str | None):
    answer = supervisor.post(at(call, "fire/"), {} if token is None else {"token": token})
    assert answer.status_code == 400
    assert "This barge was not armed" in answer.content.decode()
    assert len(records("barge.fire_refused")) == 1
    assert not InjectionRequest.objects.exists()


def test_one_supervisor_cannot_fire_what_another_armed(
    supervisor: Client, browser_of: Any, call: LiveCall, choice: Choice
):
    token = token_in(supervisor.post(at(call, "arm/"), choice()).content)
    other = browser_of(Role.SUPERVISOR, queues=[call.queue])
    assert other.post(at(call, "fire/"), {"token": token}).status_code == 400


def test_a_barge_after_the_armed_time_is_safe_again(
    supervisor: Client, call: LiveCall, choice: Choice, settings: Any
):
    token = token_in(supervisor.post(at(call, "arm/"), choice(reason="Kept")).content)
    settings.INJECT_ARMED_S = -2
    answer = supervisor.post(at(call, "fire/"), {"token": token})
    assert answer.status_code == 409
    assert "Kept" in answer.content.decode()
    assert not InjectionRequest.objects.exists()
    assert records("barge.fire_refused")[0].reason_code == "deadline_passed"


def test_a_call_that_changed_after_arming_is_refused_with_the_reason(
    supervisor: Client, call: LiveCall, choice: Choice
):
    token = token_in(supervisor.post(at(call, "arm/"), choice()).content)
    LiveCall.objects.update(version="v2")
    answer = supervisor.post(at(call, "fire/"), {"token": token}, follow=True)
    assert InjectionRequest.objects.get().reason_code == "call_changed"
    page = answer.content.decode()
    assert "Refused" in page
    assert "Nothing was played. Agent and caller noticed nothing." in page


def test_a_resent_barge_is_the_same_injection(supervisor: Client, call: LiveCall, choice: Choice):
    token = token_in(supervisor.post(at(call, "arm/"), choice()).content)
    LiveCall.objects.update(version="v2")  # refused without asking the platform: enough to have a row
    first = supervisor.post(at(call, "fire/"), {"token": token})
    second = supervisor.post(at(call, "fire/"), {"token": token})
    assert first["Location"] == second["Location"]
    assert InjectionRequest.objects.count() == 1


def test_a_resend_after_the_armed_time_shows_what_was_done_in_time(
    supervisor: Client, call: LiveCall, choice: Choice, settings: Any
):
    token = token_in(supervisor.post(at(call, "arm/"), choice()).content)
    LiveCall.objects.update(version="v2")
    first = supervisor.post(at(call, "fire/"), {"token": token})
    settings.INJECT_ARMED_S = -2
    assert supervisor.post(at(call, "fire/"), {"token": token})["Location"] == first["Location"]


def test_htmx_gets_the_result_in_the_panel_with_its_address(
    supervisor: Client, call: LiveCall, choice: Choice
):
    token = token_in(supervisor.post(at(call, "arm/"), choice(), headers=HTMX).content)
    LiveCall.objects.update(version="v2")
    answer = supervisor.post(at(call, "fire/"), {"token": token}, headers=HTMX)
    assert answer.content.decode().strip().startswith('<aside id="panel"')
    assert answer["HX-Push-Url"] == f"{at(call)}?injection={InjectionRequest.objects.get().pk}"


def test_a_result_of_another_call_is_not_shown_here(supervisor: Client, call: LiveCall):
    other = InjectionFactory(queue=call.queue)
    page = supervisor.get(at(call, f"?injection={other.pk}")).content.decode()
    assert 'id="arm"' in page


@pytest.mark.parametrize("step", ["arm/", "fire/", "disarm/"])
def test_looking_is_not_acting(supervisor: Client, call: LiveCall, step: str):
    answer = supervisor.get(at(call, step))
    page = answer.content.decode()
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "Nothing happens by opening this address" in page
    assert f'href="{at(call)}">Back to the call' in page


@pytest.mark.parametrize("step", ["", "facts/"])
def test_compliance_does_not_barge(browser_of: Any, call: LiveCall, step: str):
    assert browser_of(Role.COMPLIANCE).get(at(call, step)).status_code == 403
    assert records("access.refused")[0].reason_code == "not_permitted"


@pytest.mark.django_db(transaction=True)
def test_a_barge_reaches_the_platform_once_and_is_told_as_accepted(
    supervisor: Client, cards: Any, simulator: Any, choice: Choice, call: LiveCall
):
    made = simulator.create_call(consent="true")
    LiveCall.objects.all().delete()
    there = LiveCallFactory(
        conversation_id=made["conversationId"], agent_participant_id=made["agentParticipantId"], queue=cards
    )
    sent = choice(participant_id=made["agentParticipantId"], seen_version=there.version)
    token = token_in(supervisor.post(f"/calls/{made['conversationId']}/arm/", sent).content)
    for _ in range(2):
        answer = supervisor.post(f"/calls/{made['conversationId']}/fire/", {"token": token}, follow=True)
    injection = InjectionRequest.objects.get()
    assert injection.interaction_id in answer.content.decode()
    assert injection.reason == "Recording notice was not given"
