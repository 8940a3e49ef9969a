from typing import Any

import pytest

from tests.injections.genesys.simulator.conftest import Api
from tests.support.simulator_process import SimulatorProcess

CARDS = "5e9d2c00-cccc-4d4d-8e8e-0000000000c3"
MORTGAGES = "5e9d2c00-cccc-4d4d-8e8e-0000000000c4"
VOICE = {"type": "dimension", "dimension": "mediaType", "operator": "matches", "value": "voice"}
QUERY = {
    "metrics": [{"metric": "oInteracting", "details": True}, {"metric": "oAlerting", "details": True}],
    "groupBy": ["queueId"],
    "filter": {"type": "and", "predicates": [VOICE]},
}


@pytest.fixture
def empty(simulator: SimulatorProcess) -> SimulatorProcess:
    for call in simulator.calls():
        simulator.patch_call(call["conversationId"], state="gone")
    return simulator


def query(api: Api, document: dict[str, Any], **pages: int) -> Any:
    return api.post("/api/v2/analytics/conversations/activity/query", params=pages, json=document)


def entities(answer: Any) -> list[dict[str, Any]]:
    return [entity for result in answer.json()["results"] for entity in result["entities"]]


def test_activity_groups_calls_by_queue_with_counts_and_details(api: Api, empty: SimulatorProcess):
    talking = empty.create_call()
    ringing = empty.create_call(state="alerting", queueId=MORTGAGES)
    answer = query(api, QUERY)
    by_queue = {result["group"]["queueId"]: result for result in answer.json()["results"]}
    assert answer.json()["entityIdDimension"] == "conversationId"
    assert {"metric": "oInteracting", "count": 1} in by_queue[CARDS]["data"]
    assert {"metric": "oAlerting", "count": 1} in by_queue[MORTGAGES]["data"]
    shown = {e["conversationId"]: (e["metric"], e["userId"], e["participantName"]) for e in entities(answer)}
    assert shown == {
        call["conversationId"]: (metric, call["agentUserId"], call["agentName"])
        for call, metric in ((talking, "oInteracting"), (ringing, "oAlerting"))
    }


def test_activity_leaves_out_calls_that_have_ended(api: Api, empty: SimulatorProcess):
    call = empty.create_call()
    empty.patch_call(call["conversationId"], state="ended")
    assert entities(query(api, QUERY)) == []


def test_activity_can_be_asked_for_some_queues(api: Api, empty: SimulatorProcess):
    wanted = empty.create_call(queueId=MORTGAGES)
    empty.create_call()
    of_queue = {"type": "dimension", "dimension": "queueId", "operator": "matches", "value": MORTGAGES}
    clause = {"type": "or", "predicates": [of_queue]}
    answer = query(api, {**QUERY, "filter": {"type": "and", "clauses": [clause], "predicates": [VOICE]}})
    assert [entity["conversationId"] for entity in entities(answer)] == [wanted["conversationId"]]


def test_activity_comes_in_pages_and_says_when_it_is_cut(api: Api, empty: SimulatorProcess):
    made = {empty.create_call(queueId=queue)["conversationId"] for queue in (CARDS, CARDS, MORTGAGES)}
    pages = [query(api, QUERY, pageSize=2, pageNumber=number) for number in (1, 2)]
    cut = [any(result["truncated"] for result in page.json()["results"]) for page in pages]
    assert cut == [True, False]
    assert {entity["conversationId"] for page in pages for entity in entities(page)} == made
    assert [len(entities(page)) for page in pages] == [2, 1]


def test_details_come_only_where_they_are_asked_for(api: Api, empty: SimulatorProcess):
    empty.create_call()
    answer = query(api, {**QUERY, "metrics": [{"metric": "oInteracting"}]})
    assert entities(answer) == []
    assert answer.json()["results"][0]["data"] == [{"metric": "oInteracting", "count": 1}]


@pytest.mark.parametrize(
    "change",
    [
        {"metrics": []},
        {"metrics": [{"metric": "oEverything"}]},
        {"groupBy": ["colour"]},
        {"groupBy": "queueId"},
        {"filter": {"type": "xor"}},
        {"filter": {"type": "and", "predicates": ["voice"]}},
    ],
)
def test_a_query_that_makes_no_sense_is_refused(api: Api, empty: SimulatorProcess, change: dict[str, Any]):
    empty.create_call()
    assert query(api, {**QUERY, **change}).status_code == 400


def conversation(api: Api, call: dict[str, Any]) -> Any:
    return api.get(f"/api/v2/conversations/{call['conversationId']}").json()


def participant(shown: dict[str, Any], participant_id: str) -> Any:
    return next(p for p in shown["participants"] if p["id"] == participant_id)


def test_one_conversation_has_no_state_of_its_own(api: Api, simulator: SimulatorProcess):
    shown = conversation(api, simulator.create_call())
    assert "state" not in shown
    assert "endTime" not in shown
    assert shown["securePause"] is False


def test_one_conversation_shows_the_agents_communication(api: Api, simulator: SimulatorProcess):
    call = simulator.create_call(held=True, securePause=True)
    agent = participant(conversation(api, call), call["agentParticipantId"])
    assert (agent["purpose"], agent["userId"], agent["queueId"]) == ("agent", call["agentUserId"], CARDS)
    [communication] = agent["calls"]
    assert (communication["state"], communication["held"], communication["securePause"]) == (
        "connected",
        True,
        True,
    )
    assert agent["attributes"]["supervision_consent"] == "true"


def test_what_is_said_of_agents_alone_is_said_of_them(api: Api, simulator: SimulatorProcess):
    call = simulator.create_call(barged=True)
    said = {
        person["purpose"]: (
            person.get("wrapupPrompt"),
            person.get("alertingTimeoutMs"),
            person["calls"][0]["initialState"],
            "scriptId" in person["calls"][0],
            person["calls"][0].get("afterCallWork"),
            person["calls"][0].get("afterCallWorkRequired"),
        )
        for person in conversation(api, call)["participants"]
    }
    assert said["agent"] == ("mandatory", 20000, "alerting", True, {"state": "unknown"}, False)
    assert said["customer"] == (None, None, "connected", False, None, None)
    assert said["user"] == (None, None, "contacting", False, None, None)


def test_an_ended_conversation_has_an_end_and_everybody_terminated(api: Api, simulator: SimulatorProcess):
    call = simulator.create_call()
    simulator.patch_call(call["conversationId"], state="ended")
    shown = conversation(api, call)
    assert shown["endTime"]
    assert {p["calls"][0]["state"] for p in shown["participants"]} == {"terminated"}


def test_a_supervisor_who_barged_points_at_the_agent(api: Api, simulator: SimulatorProcess):
    call = simulator.create_call(barged=True)
    barging = [p for p in conversation(api, call)["participants"] if "bargedParticipantId" in p]
    assert [(p["purpose"], p["bargedParticipantId"]) for p in barging] == [
        ("user", call["agentParticipantId"])
    ]


def test_an_outbound_call_has_an_external_participant(api: Api, simulator: SimulatorProcess):
    call = simulator.create_call(direction="outbound")
    customer = participant(conversation(api, call), call["customerParticipantId"])
    assert (customer["purpose"], customer["calls"][0]["direction"]) == ("external", "outbound")


def test_the_customer_can_be_the_one_on_hold(api: Api, simulator: SimulatorProcess):
    call = simulator.create_call()
    simulator.patch_call(call["conversationId"], held="customer", confined="agent")
    shown = conversation(api, call)
    customer = participant(shown, call["customerParticipantId"])["calls"][0]
    agent = participant(shown, call["agentParticipantId"])["calls"][0]
    assert (customer["held"], customer["confined"], agent["held"], agent["confined"]) == (
        True,
        False,
        False,
        True,
    )


def test_queues_come_in_pages_by_name(api: Api):
    first = api.get("/api/v2/routing/queues", params={"pageSize": 3}).json()
    second = api.get(first["nextUri"]).json()
    names = [queue["name"] for page in (first, second) for queue in page["entities"]]
    assert names == ["Cards", "Collections", "Fraud desk", "Mortgages"]
    assert (first["total"], first["pageCount"], "nextUri" in second) == (4, 2, False)


@pytest.mark.parametrize("size", ["0", "501", "-1", "ten", "000000001000000"])
def test_a_page_size_that_makes_no_sense_is_refused(api: Api, size: str):
    assert api.get("/api/v2/routing/queues", params={"pageSize": size}).status_code == 400


def test_a_call_cannot_be_created_with_a_field_that_does_not_exist(api: Api):
    answer = api.post("/_simulator/calls", json={"hold": True})
    assert (answer.status_code, answer.json()["messageParams"]["fieldType"]) == (400, "hold")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("attributes", 5),
        ("attributes", {"a": 1}),
        ("agentName", 5),
        ("label", []),
        ("held", 1),
        ("barged", "no"),
    ],
)
def test_a_call_of_nonsense_is_refused_and_none_arrives(
    api: Api, simulator: SimulatorProcess, name: str, value: object
):
    before = simulator.calls()
    answer = api.post("/_simulator/calls", json={name: value})
    assert answer.status_code == 400
    assert name in answer.json()["message"]
    assert len(simulator.calls()) == len(before)


def test_a_change_of_nonsense_leaves_the_call_as_it_was(api: Api, simulator: SimulatorProcess):
    call = simulator.create_call()
    answer = api.patch(f"/_simulator/calls/{call['conversationId']}", json={"held": True, "attributes": 5})
    assert answer.status_code == 400
    assert call in simulator.calls()
