import asyncio
import hashlib
import random
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from injections.genesys.simulator.centre import Centre
from injections.genesys.simulator.commands import PlayOrder
from injections.genesys.simulator.ledger import Entry
from injections.genesys.simulator.outgoing import NotFetched, fetch
from injections.genesys.simulator.playback import Player
from injections.genesys.simulator.webhooks import Webhooks
from tests.injections.genesys.simulator.conftest import Api, LocalServer, recording
from tests.support.scripted_server import Script, drop, raw, scripted_server, trickle
from tests.support.simulator_process import SimulatorProcess


def now() -> datetime:
    return datetime.now(UTC)


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


WHOLE = recording(seconds=0.1)
HEAD = f"HTTP/1.1 200 OK\r\nContent-Length: {len(WHOLE)}\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (raw(b"this is not HTTP\r\n\r\n"), "could not be fetched"),
        (raw(HEAD + WHOLE[:1000]), "did not come"),
        (drop, "could not be fetched"),
    ],
    ids=["garbage", "cut", "dropped"],
)
def test_what_a_broken_host_sends_fails(
    api: Api, simulator: SimulatorProcess, completions: LocalServer, script: Script, reason: str
):
    with scripted_server() as host:
        host.on("GET", "/clip.wav", script)
        api.play(simulator.create_call(), sourceUrl=host.url + "/clip.wav")
        [event] = completions.wait_for_posts(1)
    assert event["outcome"] == "failed"
    failure = simulator.interactions()[0]["failure"]
    assert reason in failure
    assert len(failure.splitlines()) == 1


def test_a_host_that_dribbles_is_given_up():
    with scripted_server() as host:
        host.on("GET", "/clip.wav", trickle(b"HTTP/1.1 200 OK\r\n\r\n", b"x", every_s=0.01))
        with pytest.raises(NotFetched, match=r"did not come within 0\.2 seconds"):
            fetch(host.url + "/clip.wav", longest_s=0.2)


def test_a_recording_lasts_as_long_as_what_can_be_decoded_of_it(
    api: Api, simulator: SimulatorProcess, local_server: LocalServer
):
    content = recording(seconds=4, container="MP3", subtype=None)
    url = local_server.serve("/cut.mp3", content[: len(content) // 2])
    api.play(simulator.create_call(), sourceUrl=url, maxDuration="PT0.1S")
    assert outcome_of_the_only_command(simulator)["clipMs"] < 2500


def test_a_call_that_ends_in_the_same_moment_is_not_played_into(local_server: LocalServer):
    url = local_server.serve("/clip.wav", recording(seconds=20))
    centre = Centre(rng=random.Random(1), clock=now, size=0)
    player = Player(webhooks=Webhooks(), clock=now, speed=1)
    centre.subscribe(player.on_change)
    call = centre.add()
    entry = Entry("", call.id, call.agent.id, body=None, correlation_id="", call=None)

    async def play_and_hang_up() -> None:
        player.start(entry, PlayOrder(source_url=url, mute=True, max_duration_ms=20_000))
        call.end(now())
        centre.announce(call)
        async with asyncio.timeout(5):
            while entry.outcome is None:
                await asyncio.sleep(0.01)

    asyncio.run(play_and_hang_up())
    assert entry.outcome == "call_ended"


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
