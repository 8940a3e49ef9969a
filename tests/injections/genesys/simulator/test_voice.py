import uuid
from typing import Any

import pytest

from tests.injections.genesys.simulator.conftest import Api, interactions_path
from tests.support.simulator_process import SimulatorProcess


def voice(api: Api, call: dict[str, Any], tail: str = "") -> Any:
    return api.get(f"/api/v2/conversations/voice/{call['conversationId']}{tail}")


def agent(api: Api, call: dict[str, Any]) -> Any:
    return voice(api, call, f"/participants/{call['agentParticipantId']}").json()


def test_a_connected_call_is_active_and_shows_its_participants(api: Api, simulator: SimulatorProcess):
    shown = voice(api, simulator.create_call(agentName="Amara Okafor")).json()
    assert set(shown) == {"id", "state", "startTime", "participants"}
    assert shown["state"] == "active"
    assert [p["name"] for p in shown["participants"] if p["purpose"] == "agent"] == ["Amara Okafor"]


def test_one_participant_is_shown_as_in_the_call(api: Api, simulator: SimulatorProcess):
    call = simulator.create_call()
    shown = agent(api, call)
    assert set(shown) == {"id", "purpose", "name", "userId", "queueId", "state", "customAttributes"}
    assert shown in voice(api, call).json()["participants"]


@pytest.mark.parametrize(
    ("consent", "attribute"), [("true", "true"), ("false", "false"), ("TRUE", "TRUE"), ("missing", None)]
)
def test_consent_is_an_attribute_of_the_agent(
    api: Api, simulator: SimulatorProcess, consent: str, attribute: str | None
):
    shown = agent(api, simulator.create_call(consent=consent))
    assert shown["customAttributes"].get("supervision_consent") == attribute


def test_an_agent_without_attributes_has_none_shown(api: Api, simulator: SimulatorProcess):
    assert "customAttributes" not in agent(api, simulator.create_call(consent="none"))


def test_attributes_can_be_null(api: Api, simulator: SimulatorProcess):
    assert agent(api, simulator.create_call(consent="null"))["customAttributes"] is None


def test_consent_can_be_withdrawn_in_the_middle_of_a_call(api: Api, simulator: SimulatorProcess):
    call = simulator.create_call()
    simulator.patch_call(call["conversationId"], consent="false")
    assert agent(api, call)["customAttributes"]["supervision_consent"] == "false"


@pytest.mark.parametrize(
    ("state", "shown"), [("alerting", "queued"), ("ended", "ended"), ("disconnected", "disconnected")]
)
def test_a_call_that_is_not_active_says_so(api: Api, simulator: SimulatorProcess, state: str, shown: str):
    call = simulator.create_call()
    simulator.patch_call(call["conversationId"], state=state)
    assert voice(api, call).json()["state"] == shown


def test_a_forgotten_call_is_not_found(api: Api, simulator: SimulatorProcess):
    call = simulator.create_call()
    simulator.patch_call(call["conversationId"], state="gone")
    assert voice(api, call).status_code == 404


def test_a_participant_of_another_call_is_not_found(api: Api, simulator: SimulatorProcess):
    call, other = simulator.create_call(), simulator.create_call()
    assert voice(api, call, f"/participants/{other['agentParticipantId']}").status_code == 404


def test_a_transferred_call_keeps_its_first_agent_as_terminated(api: Api, simulator: SimulatorProcess):
    call = simulator.create_call()
    after = simulator.patch_call(call["conversationId"], transfer=True)
    states = {p["id"]: p["state"] for p in voice(api, call).json()["participants"]}
    assert states[call["agentParticipantId"]] == "terminated"
    assert states[after["agentParticipantId"]] == "connected"


def test_an_accepted_command_answers_201_with_its_interaction_id(api: Api, simulator: SimulatorProcess):
    answer = api.play(simulator.create_call())
    assert answer.status_code == 201
    assert str(uuid.UUID(answer.headers["X-Interaction-Id"])) == answer.headers["X-Interaction-Id"]


def test_consent_is_for_the_portal_to_check_and_the_ledger_shows_what_was_so(
    api: Api, simulator: SimulatorProcess
):
    api.play(simulator.create_call(consent="false", held=True, securePause=True))
    [entry] = simulator.interactions()
    assert entry["accepted"]
    assert (entry["call"]["consent"], entry["call"]["held"], entry["call"]["securePause"]) == (
        "false",
        True,
        True,
    )


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"state": "ended"}, 404),
        ({"state": "gone"}, 404),
        ({"state": "alerting"}, 409),
        ({"transfer": True}, 404),
    ],
)
def test_a_command_for_what_is_over_or_not_yet_is_refused(
    api: Api, simulator: SimulatorProcess, change: dict[str, Any], status: int
):
    call = simulator.create_call()
    simulator.patch_call(call["conversationId"], **change)
    assert api.play(call).status_code == status


def test_a_command_for_somebody_not_in_the_call_is_forbidden(api: Api, simulator: SimulatorProcess):
    call = {**simulator.create_call(), "agentParticipantId": str(uuid.uuid4())}
    assert api.play(call).status_code == 403


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("type", "stop"),
        ("sourceType", "file"),
        ("mute", "true"),
        ("mute", None),
        ("surplus", 1),
        ("sourceUrl", "http://example.com/clip.wav"),
        ("sourceUrl", "https://example.com/clip.wavX"),
        ("sourceUrl", "https://example.com/xmp3y"),
        ("sourceUrl", "https://example.com/clip?file=.wav"),
        ("sourceUrl", "https:///clip.wav"),
        ("sourceUrl", "https://example.com/\x01.wav"),
        ("sourceUrl", "https://[/clip.wav"),
        ("sourceUrl", "ftp://127.0.0.1/clip.wav"),
        ("sourceUrl", 7),
        ("maxDuration", "PT0S"),
        ("maxDuration", "PT30.001S"),
        ("maxDuration", "PT"),
        ("maxDuration", "15"),
        ("maxDuration", 15000),
        ("maxDuration", "PT1H"),
    ],
)
def test_a_refused_payload_names_its_field(api: Api, simulator: SimulatorProcess, name: str, value: object):
    answer = api.play(simulator.create_call(), **{name: value})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid.value")
    assert answer.json()["messageParams"]["fieldType"] == name


@pytest.mark.parametrize("duration", ["PT0.001S", "PT0.5S", "PT15S", "PT29.999S", "PT30S"])
def test_durations_to_the_millisecond_are_accepted(api: Api, simulator: SimulatorProcess, duration: str):
    assert api.play(simulator.create_call(), maxDuration=duration).status_code == 201


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:9/A.WAV?normalize=true&sig=1", "http://localhost:9/b.ogg"]
)
def test_recordings_come_by_https_or_from_this_machine(api: Api, simulator: SimulatorProcess, url: str):
    assert api.play(simulator.create_call(), sourceUrl=url).status_code == 201


def test_a_body_that_is_not_json_is_refused_and_written_down(api: Api, simulator: SimulatorProcess):
    answer = api.post(
        interactions_path(simulator.create_call()),
        data=b"{nonsense",
        headers={"Content-Type": "application/json"},
    )
    [entry] = simulator.interactions()
    assert (answer.status_code, entry["accepted"], entry["status"], entry["body"]) == (
        400,
        False,
        400,
        "{nonsense",
    )


def test_another_content_type_is_refused(api: Api, simulator: SimulatorProcess):
    answer = api.post(interactions_path(simulator.create_call()), data={"type": "play"})
    assert answer.status_code == 415


def test_requests_are_counted_by_kind_and_by_answer(api: Api, simulator: SimulatorProcess):
    call = simulator.create_call()
    simulator.clear_ledger()
    voice(api, call)
    simulator.plant("status", status=429)
    voice(api, call)
    assert simulator.ledger()["requests"] == {"GET /api/v2/conversations/voice/{conversationId}": 2}
    assert simulator.ledger()["answers"] == {"200": 1, "429": 1}


def test_a_text_that_no_encoding_can_hold_is_refused_and_written_down(api: Api, simulator: SimulatorProcess):
    answer = api.post(
        interactions_path(simulator.create_call()),
        data=b'{"type": "play", "sourceType": "\\ud800"}',
        headers={"Content-Type": "application/json"},
    )
    [entry] = simulator.interactions()
    assert (answer.status_code, answer.json()["messageParams"]["fieldValue"]) == (400, "\ud800")
    assert entry["body"]["sourceType"] == "\ud800"
