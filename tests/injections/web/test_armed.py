import time
import uuid
from dataclasses import replace
from typing import Any

import pytest
from django.core import signing

from injections.web.armed import Armed, NotArmed, is_safe_again, seal, unseal

CALL = uuid.uuid4()
ARMED = Armed(
    user_id=7,
    conversation_id=str(CALL),
    participant_id=str(uuid.uuid4()),
    clip_id=str(uuid.uuid4()),
    agent_mute=True,
    caller_mute=False,
    normalize_level=True,
    max_duration_ms=4200,
    reason="Notice — „Hinweis“",
    seen_version="v1",
    key="page-1",
)


def test_what_was_armed_comes_back_whole():
    assert unseal(seal(ARMED), conversation_id=CALL, user_id=7) == ARMED


@pytest.mark.parametrize("damage", [lambda t: t[:-1], lambda t: "x" + t, lambda t: "", lambda t: "a:b:c"])
def test_a_changed_token_is_not_armed(damage: Any):
    with pytest.raises(NotArmed):
        unseal(damage(seal(ARMED)), conversation_id=CALL, user_id=7)


def test_another_persons_token_is_not_armed():
    with pytest.raises(NotArmed):
        unseal(seal(ARMED), conversation_id=CALL, user_id=8)


def test_a_token_for_another_call_is_not_armed():
    with pytest.raises(NotArmed):
        unseal(seal(ARMED), conversation_id=uuid.uuid4(), user_id=7)


def test_another_signed_thing_of_this_portal_is_not_armed():
    other = signing.dumps({"user_id": 7}, salt="injections.web.armed")
    with pytest.raises(NotArmed):
        unseal(other, conversation_id=CALL, user_id=7)


def test_a_token_of_yesterday_still_tells_what_was_armed(monkeypatch: pytest.MonkeyPatch):
    yesterday = time.time() - 24 * 3600
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: yesterday)
        token = seal(ARMED)
    assert unseal(token, conversation_id=CALL, user_id=7) == ARMED


def test_a_fresh_token_is_not_safe_yet():
    assert not is_safe_again(seal(ARMED), armed_s=15)


def test_an_old_token_is_safe_again():
    assert is_safe_again(seal(ARMED), armed_s=-2)


def test_the_fingerprint_tells_two_agreements_apart():
    assert ARMED.fingerprint != replace(ARMED, reason="another").fingerprint
    assert ARMED.fingerprint == replace(ARMED).fingerprint
