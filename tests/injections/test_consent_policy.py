"""The consent decision: each reason, their order, and how exact "true" is."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injections.consent_policy import ConsentDecision, consent_reason, decide
from injections.genesys.types import CallState, Conversation, Participant
from injections.reasons import REASONS

KEY = "supervision_consent"


def _participant(state: str = "connected", attributes: Mapping[str, str] | None = None) -> Participant:
    return Participant(
        id="p", purpose="agent", name="Avery", user_id="u", queue_id="q", state=state,
        custom_attributes=attributes,
    )  # fmt: skip


def _state(
    *,
    conversation: str | None = "active",
    participant: str | None = "connected",
    attributes: Mapping[str, str] | None = None,
) -> CallState:
    return CallState(
        conversation=None if conversation is None else Conversation("c", conversation, None, ()),
        participant=None if participant is None else _participant(participant, attributes),
        correlation_ids=(),
    )


def _reasons(state: CallState) -> tuple[str, ...]:
    return decide(state, key=KEY).reasons


def test_an_active_call_with_consent_is_allowed() -> None:
    assert decide(_state(attributes={KEY: "true"}), key=KEY) == ConsentDecision(allowed=True, reasons=())


@pytest.mark.parametrize("state", ["queued", "disconnected", "ended", "", "Active", "active ", None])
def test_a_call_that_is_not_exactly_active_is_refused(state: str | None) -> None:
    assert _reasons(_state(conversation=state, attributes={KEY: "true"})) == ("call_not_active",)


def test_a_participant_who_is_not_there_is_the_only_reason_about_him() -> None:
    assert _reasons(_state(participant=None)) == ("participant_not_in_call",)


@pytest.mark.parametrize("state", ["alerting", "disconnected", "terminated", "Connected"])
def test_an_agent_who_is_not_connected_is_refused(state: str) -> None:
    assert _reasons(_state(participant=state, attributes={KEY: "true"})) == ("agent_not_connected",)


def test_a_gateway_that_leaves_the_participant_s_state_out_is_believed() -> None:
    assert decide(_state(participant="", attributes={KEY: "true"}), key=KEY).allowed


def test_without_attributes_there_is_no_consent() -> None:
    assert _reasons(_state(attributes=None)) == ("attributes_missing",)


@pytest.mark.parametrize("attributes", [{}, {"team": "Floor 2"}, {KEY.upper(): "true"}, {f"{KEY} ": "true"}])
def test_without_the_attribute_there_is_no_consent(attributes: dict[str, str]) -> None:
    assert _reasons(_state(attributes=attributes)) == ("consent_missing",)


@pytest.mark.parametrize(
    "value", ["True", "TRUE", "true ", " true", "1", "yes", "false", "", "trueish", "tru\u0435"]
)
def test_anything_but_exactly_true_is_a_denial(value: str) -> None:
    assert _reasons(_state(attributes={KEY: value})) == ("consent_denied",)


@pytest.mark.parametrize("value", [True, 1, ["true"], None])
def test_a_value_that_is_no_text_is_a_denial(value: object) -> None:
    assert consent_reason({KEY: value}, key=KEY) == "consent_denied"  # type: ignore[dict-item]


@given(st.text())
def test_no_other_text_than_true_is_consent(value: str) -> None:
    assert (consent_reason({KEY: value}, key=KEY) is None) == (value == "true")


def test_the_key_is_the_configured_one() -> None:
    attributes = {"other_key": "true"}
    assert consent_reason(attributes, key="other_key") is None
    assert consent_reason(attributes, key=KEY) == "consent_missing"


def test_all_reasons_are_told_the_gravest_first() -> None:
    state = _state(conversation="queued", participant="alerting", attributes={KEY: "false"})
    assert _reasons(state) == ("call_not_active", "agent_not_connected", "consent_denied")


def test_a_call_that_is_gone_is_told_before_its_participant() -> None:
    assert _reasons(_state(conversation=None, participant=None)) == (
        "call_not_active",
        "participant_not_in_call",
    )


@given(
    conversation=st.sampled_from(["active", "queued", None]),
    participant=st.sampled_from(["connected", "alerting", "", None]),
    attributes=st.one_of(
        st.none(), st.dictionaries(st.just(KEY), st.sampled_from(["true", "True", "false"]))
    ),
)
def test_it_is_allowed_exactly_when_nothing_speaks_against_it(
    conversation: str | None, participant: str | None, attributes: dict[str, str] | None
) -> None:
    decision = decide(
        _state(conversation=conversation, participant=participant, attributes=attributes), key=KEY
    )
    assert decision.allowed == (
        conversation == "active" and participant in {"connected", ""} and attributes == {KEY: "true"}
    )
    assert decision.allowed == (decision.reasons == ())
    assert set(decision.reasons) <= set(REASONS)
