"""One live call out of the platform's words: the agent who is connected now, and what stands in the way."""

import copy
from datetime import UTC, datetime

import pytest

from injections.genesys.conversation import changes_between, parse_conversation

CARDS = "5e9d2c00-cccc-4d4d-8e8e-0000000000c3"


def leg(state="connected", **changes):
    body = {"id": "leg", "state": state, "direction": "inbound", "held": False, "confined": False}
    return body | {"securePause": False, "connectedTime": "2026-01-15T14:02:20.702Z"} | changes


def full(id_, purpose, *legs, **changes):
    body = {"id": id_, "purpose": purpose, "name": f"Name of {id_}", "attributes": {}}
    return body | {"calls": list(legs) or [leg()]} | changes


def customer(*legs, **changes):
    return full("caller", "customer", *legs, **{"address": "tel:+13175550142", "queueId": CARDS} | changes)


def agent(id_="agent", *legs, **changes):
    own = {
        "userId": "user-1",
        "queueId": CARDS,
        "queueName": "Cards",
        "attributes": {"supervision_consent": "true"},
    }
    return full(id_, "agent", *legs, **own | changes)


def conversation(*participants, **changes):
    return {"id": "call", "participants": list(participants), "securePause": False} | changes


def read(*participants, **changes):
    return parse_conversation(conversation(*participants, **changes))


def test_the_full_shape_is_read():
    call = read(customer(leg(connectedTime="2026-01-15T14:01:02.377Z")), agent())
    assert (call.conversation_id, call.agent_participant_id, call.customer_participant_id) == (
        "call",
        "agent",
        "caller",
    )
    assert (call.agent_name, call.agent_user_id) == ("Name of agent", "user-1")
    assert (call.queue_id, call.queue_name, call.direction) == (CARDS, "Cards", "inbound")
    assert (call.caller_name, call.caller_address) == ("Name of caller", "tel:+13175550142")
    assert call.connected_at == datetime(2026, 1, 15, 14, 1, 2, 377000, tzinfo=UTC)
    assert (call.state, call.held, call.confined, call.secure_pause) == ("connected", False, False, False)
    assert call.barged_by is None
    assert call.agent_attributes == {"supervision_consent": "true"}


def flat(participant):
    """The same participant as notification events show it."""
    body = {
        key: value
        for key, value in participant.items()
        if key not in {"calls", "userId", "queueId", "queueName"}
    }
    body |= {key: value for key, value in participant["calls"][-1].items() if key != "id"}
    if "userId" in participant:
        body["user"] = {"id": participant["userId"], "name": participant["name"]}
    if "queueId" in participant:
        body["queue"] = {"id": participant["queueId"], "name": participant.get("queueName", "")}
    return body


def test_both_shapes_of_one_call_read_the_same():
    participants = [customer(), agent()]
    assert read(*map(flat, participants)) == read(*participants)


def test_a_guest_of_a_flat_event_is_found_too():
    barging = full("boss", "user", name="Sam Supervisor", userId="u9", bargedParticipantId="agent")
    assert read(*map(flat, [customer(), agent(), barging])).barged_by == "Sam Supervisor"


def test_of_several_agents_the_connected_one_counts_and_never_the_first():
    first = agent("first", leg("terminated"), endTime="2026-01-15T14:03:00Z")
    call = read(customer(), first, agent("second", userId="user-2"))
    assert (call.agent_participant_id, call.agent_user_id) == ("second", "user-2")


def test_an_agent_who_was_asked_in_vain_does_not_count():
    ringing = agent("late", leg("alerting", connectedTime=None), startTime="2026-01-15T15:00:00Z")
    assert read(customer(), agent("speaking"), ringing).agent_participant_id == "speaking"


def test_of_two_connected_agents_the_latest_counts():
    early = agent("early", leg(connectedTime="2026-01-15T14:00:00Z"))
    late = agent("late", leg(connectedTime="2026-01-15T14:30:00Z"))
    assert read(customer(), late, early).agent_participant_id == "late"


def test_an_agent_s_connected_leg_counts_among_ended_ones():
    call = read(
        customer(), agent("agent", leg("disconnected", held=True), leg(), leg("terminated", held=True))
    )
    assert (call.state, call.held) == ("connected", False)


def test_a_call_that_rings_an_agent_shows_that_state():
    assert read(customer(), agent("agent", leg("alerting"))).state == "alerting"


def test_an_outbound_call_that_is_not_answered_yet_shows_the_caller_s_state():
    assert read(customer(leg("dialing")), agent()).state == "dialing"


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"id": "call"},
        {"id": 7, "participants": []},
        {"id": "call", "participants": "none"},
        {"id": "call", "participants": [None, 7, [], {}]},
        conversation(customer(), agent(), endTime="2026-01-15T14:09:00Z"),
        conversation(customer(leg("disconnected")), agent()),
        conversation(customer(endTime="2026-01-15T14:09:00Z"), agent()),
        conversation(customer(), agent("agent", leg("disconnected"))),
        conversation(customer()),
        conversation(agent()),
        conversation(customer(), agent(userId=None)),
        conversation(customer(), full("ivr", "ivr")),
        conversation(customer(), agent(calls=[])),
    ],
)
def test_what_is_no_live_call_of_an_agent_is_none(raw):
    assert parse_conversation(raw) is None


def test_an_external_party_is_a_caller_too():
    assert (
        read(full("them", "external", address="tel:+13175550100"), agent()).customer_participant_id == "them"
    )


@pytest.mark.parametrize("flag", ["held", "confined", "securePause"])
@pytest.mark.parametrize("who", ["caller", "agent"])
def test_what_blocks_the_agent_or_the_caller_blocks_the_call(flag, who):
    blocked = leg(**{flag: True})
    call = read(customer(blocked), agent()) if who == "caller" else read(customer(), agent("agent", blocked))
    assert {"held": call.held, "confined": call.confined, "securePause": call.secure_pause}[flag] is True


def test_a_secure_pause_of_the_whole_conversation_counts():
    assert read(customer(), agent(), securePause=True).secure_pause is True


def test_a_block_of_an_agent_who_has_left_does_not_count():
    gone = agent("gone", leg("terminated", held=True))
    assert read(customer(), gone, agent("here")).held is False


@pytest.mark.parametrize("key", ["bargedParticipantId", "monitoredParticipantId", "coachedParticipantId"])
def test_a_supervisor_in_the_call_is_never_taken_for_its_agent(key):
    guest = full("boss", "user", leg(connectedTime="2026-01-15T15:00:00Z"), userId="u9", **{key: "agent"})
    call = read(customer(), agent(), guest)
    assert call.agent_participant_id == "agent"
    assert (call.barged_by is not None) == (key == "bargedParticipantId")


def test_a_barge_that_is_over_is_none():
    left = full("boss", "user", leg("disconnected"), userId="u9", bargedParticipantId="agent")
    assert read(customer(), agent(), left).barged_by is None


def test_a_barger_without_a_name_is_still_somebody():
    barging = full("boss", "user", userId="u9", bargedParticipantId="agent", name=None)
    assert read(customer(), agent(), barging).barged_by == "another supervisor"


def version(*participants, **changes):
    return read(*participants, **changes).version


BASE = (customer(), agent())


@pytest.mark.parametrize(
    "changed",
    [
        conversation(customer(), agent("other")),
        conversation(*BASE, full("boss", "user", userId="u9", bargedParticipantId="agent")),
        conversation(customer(leg(held=True)), agent()),
        conversation(customer(), agent("agent", leg(confined=True))),
        conversation(*BASE, securePause=True),
        conversation(customer(), agent(attributes={"supervision_consent": "false"})),
        conversation(customer(), agent(attributes={})),
        conversation(customer(), agent("agent", leg("alerting"))),
    ],
    ids=["agent", "barge", "hold", "confined", "secure pause", "denied", "no consent", "state"],
)
def test_the_version_changes_with_what_a_decision_rests_on(changed):
    assert parse_conversation(changed).version != version(*BASE)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            conversation(*BASE, full("boss", "user", userId="u9", bargedParticipantId="agent")),
            ("who takes part",),
        ),
        (conversation(customer(), agent("agent", leg(held=True))), ("hold or secure pause",)),
        (conversation(customer(), agent(attributes={})), ("consent",)),
        (conversation(customer(), agent("other")), ("who takes part", "the agent")),
    ],
    ids=["barge", "hold", "no consent", "agent"],
)
def test_two_versions_tell_what_changed(changed, told):
    seen = version(*BASE)
    assert changes_between(seen, parse_conversation(changed).version) == told
    assert changes_between(seen, seen) == ()
    assert len(seen) <= 32


def test_the_version_stays_when_nothing_that_matters_changed():
    other = copy.deepcopy(list(BASE))
    other[0]["name"] = "Corrected Name"
    other[1]["attributes"]["crm.note"] = "called before"
    other.insert(0, full("ivr", "ivr", leg("terminated")))
    other.reverse()
    assert version(*other) == version(*BASE)


def test_the_version_follows_the_configured_consent_attribute():
    given = conversation(customer(), agent(attributes={"may_listen": "true"}))
    withdrawn = conversation(customer(), agent(attributes={"may_listen": "false"}))
    assert len({parse_conversation(one, consent_key="may_listen").version for one in (given, withdrawn)}) == 2


def test_attributes_that_are_no_texts_are_left_out():
    assert read(customer(), agent(attributes={"supervision_consent": True, "a": "b"})).agent_attributes == {
        "a": "b"
    }


def test_a_call_outside_of_every_queue_has_none():
    call = read(customer(queueId=None), agent(queueId=None))
    assert (call.queue_id, call.queue_name) == (None, "")
