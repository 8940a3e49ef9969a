from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from knox.models import AuthToken
from rest_framework.exceptions import AuthenticationFailed

from injections.api.authentication import ApiTokenAuthentication
from injections.callers import roles_of
from injections.roles import Role
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def _token(user: Any, **kept: Any) -> str:
    _, token = AuthToken.objects.create(user=user, **kept)
    return str(token)


def _holder(token: str) -> Any:
    return ApiTokenAuthentication().authenticate_credentials(token.encode())[0]


def test_token_user_and_roles_are_one_question(django_assert_num_queries: Any) -> None:
    user = UserFactory(role=Role.API_CLIENT)
    user.groups.add(Group.objects.create(name=Role.SUPERVISOR.value), Group.objects.create(name="choir"))
    token = _token(user)
    with django_assert_num_queries(1):
        holder = _holder(token)
        roles = roles_of(holder)
    assert (holder, roles) == (user, {Role.API_CLIENT, Role.SUPERVISOR})


def test_somebody_without_any_group_has_no_role() -> None:
    assert roles_of(_holder(_token(UserFactory()))) == frozenset()


def test_a_role_that_was_taken_away_is_gone_with_the_next_request() -> None:
    user = UserFactory(role=Role.API_CLIENT)
    token = _token(user)
    assert roles_of(_holder(token)) == {Role.API_CLIENT}
    user.groups.clear()
    assert roles_of(_holder(token)) == frozenset()


def test_an_expired_token_is_refused_and_stays() -> None:
    user = UserFactory(role=Role.API_CLIENT)
    token = _token(user, expiry=timedelta(seconds=-1))
    with pytest.raises(AuthenticationFailed):
        _holder(token)
    assert AuthToken.objects.filter(user=user).count() == 1


@pytest.mark.parametrize("change", ["another end", "inactive"])
def test_a_token_that_does_not_hold_is_refused(change: str) -> None:
    user = UserFactory(role=Role.API_CLIENT, is_active=change != "inactive")
    token = _token(user)
    if change == "another end":
        token = token[:-1] + ("0" if token[-1] != "0" else "1")
    with pytest.raises(AuthenticationFailed):
        _holder(token)
