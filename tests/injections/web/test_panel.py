"""The panel beside what the call tells: doubts, the recording, the platform; and what became of a lost press."""

import re
import time
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from injections.genesys.breaker import BreakerState
from injections.models import FeedState, InjectionRequest, LiveCall
from injections.models.audio_clip import ClipStatus
from tests.factories import AudioClipFactory, InjectionFactory
from tests.injections.web.conftest import HTMX, put_gate, records
from tests.injections.web.test_barge import Choice, at, token_in


def text_of(page: bytes) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.decode()))


def a_doubt(call: LiveCall, **values: Any) -> InjectionRequest:
    made: InjectionRequest = InjectionFactory(
        conversation_id=call.pk,
        queue=call.queue,
        status="unknown",
        clip__title="Recording notice",
        reason_code="outcome_unknown",
        error="the answer was lost",
        **values,
    )
    return made


def test_what_may_have_been_heard_is_said_on_row_panel_and_armed_sentence_and_above_the_board(
    supervisor: Client, call: LiveCall, choice: Choice
):
    a_doubt(call, occupies_call=False)
    said = "The outcome of “Recording notice”"
    page = supervisor.get(at(call))
    assert '<span class="tag unknown">' in page.content.decode()
    assert f"{said}, " in text_of(page.content)
    assert "is not known: it may have been heard" in text_of(page.content)
    assert "1 injection has an unclear outcome." in text_of(page.content)
    armed = text_of(supervisor.post(at(call, "arm/"), choice(), headers=HTMX).content)
    assert armed.count(said) == 2
    assert "Barge now plays a recording all the same." in armed


def test_nothing_can_be_armed_while_the_doubtful_recording_may_be_playing(
    supervisor: Client, call: LiveCall, choice: Choice
):
    a_doubt(call)
    assert supervisor.post(at(call, "arm/"), choice()).status_code == 409
    assert [record.reason_code for record in records("barge.arm_refused")] == ["call_busy"]


def facts(client: Client, call: LiveCall, **query: str) -> str:
    return text_of(client.get(at(call, "facts/"), query, headers=HTMX).content.replace(b"<", b" <"))


def test_the_checklist_follows_the_recording_that_is_chosen(supervisor: Client, call: LiveCall):
    approved, long = AudioClipFactory(), AudioClipFactory(duration_ms=39_600)
    gone = AudioClipFactory(status=ClipStatus.DRAFT, decided_at=None, decided_by=None)
    assert "Recording to be chosen" in facts(supervisor, call)
    assert "Recording to be chosen" in facts(supervisor, call, clip="nonsense")
    assert "Holds: Recording is approved" in facts(supervisor, call, clip=str(approved.pk))
    assert "Mind: Recording is approved, but cut off the first 30 s of 40 s" in facts(
        supervisor, call, clip=str(long.pk)
    )
    assert "Does not hold: The recording is not approved" in facts(supervisor, call, clip=str(gone.pk))


def test_the_checklist_says_whether_requests_go_out(supervisor: Client, call: LiveCall):
    assert "Holds: Genesys Cloud answers" in facts(supervisor, call)
    assert "Holds: Requests are left" in facts(supervisor, call)
    FeedState.objects.update(
        snapshot_at=timezone.now() - timedelta(seconds=11),
        heard_at=timezone.now(),
        problem="It is overloaded.",
    )
    assert "Genesys Cloud does not answer as it should It is overloaded." in facts(supervisor, call)


def test_a_call_that_was_not_read_while_held_back_is_promised_nothing(supervisor: Client, call: LiveCall):
    put_gate(BreakerState(opened_at=time.time(), forced_by="Ada Lovelace"))
    LiveCall.objects.update(seen_at=timezone.now() - timedelta(seconds=31))
    told = facts(supervisor, call)
    assert "Not read while requests are held back" in told
    assert "No barge into this call can be asked for until they are let through." in told
    assert "A barge now waits" not in told


def test_a_recording_that_is_cut_off_says_so_where_it_is_chosen_and_armed(
    supervisor: Client, call: LiveCall, choice: Choice
):
    long = AudioClipFactory(duration_ms=40_000)
    assert "Only the first 30 s of 40 s" in text_of(supervisor.get(at(call)).content)
    armed = text_of(supervisor.post(at(call, "arm/"), choice(clip=str(long.pk))).content)
    assert "(the first 30 s of 40 s) to" in armed


def test_the_title_follows_the_open_call(supervisor: Client, call: LiveCall, choice: Choice):
    assert 'data-title="Avery Lindqvist"' in supervisor.get(at(call), headers=HTMX).content.decode()
    armed = supervisor.post(at(call, "arm/"), choice(), headers=HTMX).content.decode()
    assert 'data-title="Armed: Avery Lindqvist"' in armed


# --- A press whose answer was lost ------------------------------------------------------------------------------


def test_a_press_that_may_still_arrive_is_not_denied(supervisor: Client, call: LiveCall, choice: Choice):
    token = token_in(supervisor.post(at(call, "arm/"), choice()).content)
    assert supervisor.post(at(call, "pressed/"), {"token": token}, headers=HTMX).status_code == 204


def test_a_press_that_arrived_is_shown_with_what_became_of_it(
    supervisor: Client, call: LiveCall, choice: Choice
):
    token = token_in(supervisor.post(at(call, "arm/"), choice()).content)
    LiveCall.objects.update(version="v2")  # refused without asking the platform: enough to have a row
    supervisor.post(at(call, "fire/"), {"token": token})
    answer = supervisor.post(at(call, "pressed/"), {"token": token}, headers=HTMX)
    assert "Your press arrived." in answer.content.decode()
    assert str(InjectionRequest.objects.get().pk) in answer["HX-Push-Url"]


def test_a_press_that_can_no_longer_arrive_is_said_to_have_played_nothing(
    supervisor: Client, call: LiveCall, choice: Choice, settings: Any
):
    address = at(call, "pressed/")
    token = token_in(supervisor.post(at(call, "arm/"), choice()).content)
    settings.INJECT_ARMED_S = -4
    said = "Your press of Barge now did not arrive. Nothing was played."
    assert said in text_of(supervisor.post(address, {"token": token}).content)
    call.delete()
    assert said in text_of(supervisor.post(address, {"token": token}).content)
    assert not InjectionRequest.objects.exists()
