import hashlib
import time
from typing import Any

import pytest

from tests.injections.genesys.simulator.conftest import Api, LocalServer, recording
from tests.support.simulator_process import SimulatorProcess


def outcome_of_the_only_command(simulator: SimulatorProcess) -> Any:
    return simulator.wait_for(lambda s: [e for e in s.interactions() if e["outcome"] is not None])[0]


def test_a_recording_is_fetched_decoded_and_played_to_its_end(
    api: Api, simulator: SimulatorProcess, completions: LocalServer
):
    content = recording(seconds=0.25)
    began = time.monotonic()
    answer = api.play(simulator.create_call(), sourceUrl=completions.serve("/clip.wav", content))
    [event] = completions.wait_for_posts(1)
    assert time.monotonic() - began >= 0.25
    [entry] = simulator.interactions()
    assert entry["sha256"] == hashlib.sha256(content).hexdigest()
    assert (entry["clipMs"], entry["playedMs"], entry["decoded"]) == (
        250,
        250,
        "WAV/PCM_16 8000 Hz 1 ch 250 ms",
    )
    assert (event["outcome"], event["interactionId"]) == ("completed", answer.headers["X-Interaction-Id"])


def test_the_completion_event_has_the_form_of_the_contract(
    api: Api, simulator: SimulatorProcess, completions: LocalServer
):
    call = simulator.create_call()
    api.play(call, sourceUrl=completions.serve("/clip.wav", recording(seconds=0.02)))
    [event] = completions.wait_for_posts(1)
    assert event["event"] == "conversation:voice:interaction:completed"
    assert (event["conversationId"], event["participantId"]) == (
        call["conversationId"],
        call["agentParticipantId"],
    )
    assert set(event) == {
        "id",
        "event",
        "conversationId",
        "participantId",
        "interactionId",
        "outcome",
        "timestamp",
    }


def test_the_longest_duration_cuts_a_recording(
    api: Api, simulator: SimulatorProcess, local_server: LocalServer
):
    url = local_server.serve("/long.wav", recording(seconds=5))
    api.play(simulator.create_call(), sourceUrl=url, maxDuration="PT0.1S")
    entry = outcome_of_the_only_command(simulator)
    assert (entry["clipMs"], entry["playedMs"], entry["outcome"]) == (5000, 100, "completed")


@pytest.mark.parametrize(
    ("container", "subtype", "codec"),
    [("MP3", None, "MP3/MPEG_LAYER_III"), ("OGG", "VORBIS", "OGG/VORBIS"), ("WAV", "ULAW", "WAV/ULAW")],
)
def test_a_recording_is_known_by_its_bytes_and_not_by_its_name(
    api: Api,
    simulator: SimulatorProcess,
    local_server: LocalServer,
    container: str,
    subtype: str | None,
    codec: str,
):
    content = recording(seconds=0.1, container=container, subtype=subtype)
    api.play(simulator.create_call(), sourceUrl=local_server.serve("/name.wav", content))
    entry = outcome_of_the_only_command(simulator)
    assert entry["outcome"] == "completed"
    assert entry["decoded"].startswith(codec + " 8000 Hz")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "answered 404"), (b"not audio", "decoded"), (recording(seconds=0), "empty")],
)
def test_what_cannot_be_fetched_or_decoded_fails(
    api: Api, simulator: SimulatorProcess, completions: LocalServer, content: bytes | None, reason: str
):
    if content is not None:
        completions.serve("/clip.wav", content)
    api.play(simulator.create_call(), sourceUrl=completions.url + "/clip.wav")
    [event] = completions.wait_for_posts(1)
    [entry] = simulator.interactions()
    assert event["outcome"] == "failed"
    assert reason in entry["failure"]


def test_a_call_that_ends_meanwhile_ends_the_playing(
    api: Api, simulator: SimulatorProcess, completions: LocalServer
):
    call = simulator.create_call()
    api.play(call, sourceUrl=completions.serve("/clip.wav", recording(seconds=20)))
    simulator.wait_for(lambda s: s.interactions()[0]["decoded"])
    simulator.patch_call(call["conversationId"], state="ended")
    [event] = completions.wait_for_posts(1)
    assert event["outcome"] == "call_ended"
    assert simulator.interactions()[0]["playedMs"] < 5000


def test_two_commands_at_a_time_in_one_call_are_seen_to_overlap(
    api: Api, simulator: SimulatorProcess, local_server: LocalServer
):
    call, url = simulator.create_call(), local_server.serve("/clip.wav", recording(seconds=0.5))
    for _ in range(2):
        api.play(call, sourceUrl=url)
    assert [entry["overlapped"] for entry in simulator.interactions()] == [False, True]


def test_the_log_tells_each_playing_in_one_line(
    api: Api, simulator: SimulatorProcess, local_server: LocalServer
):
    content = recording(seconds=0.02)
    answer = api.play(simulator.create_call(), sourceUrl=local_server.serve("/clip.wav", content))
    interaction_id = answer.headers["X-Interaction-Id"]
    [line] = simulator.wait_for(lambda s: [line for line in s.log if interaction_id in line])
    for part in (
        f"fetched {len(content)} bytes",
        "WAV/PCM_16 8000 Hz",
        "sha256 ",
        "played 20 ms",
        "completed",
    ):
        assert part in line
