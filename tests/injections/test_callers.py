"""Who is asking: roles, name, origin; asked of the database once a request."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.http import HttpRequest
from django.test import RequestFactory

from injections.callers import anonymous_caller, caller_of, roles_of, source_of, system_caller
from injections.roles import Action, Role
from tests.factories import QueueFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_of(rf: RequestFactory) -> Callable[..., HttpRequest]:
    """Return a maker of requests of a user."""

    def make(user: User | AnonymousUser, path: str = "/calls/", **headers: str) -> HttpRequest:
        request = rf.post(path, headers=headers)
        request.user = user
        return request

    return make


def test_roles_are_the_groups_that_bear_the_name_of_one() -> None:
    user = UserFactory(role=Role.SUPERVISOR)
    user.groups.add(
        Group.objects.create(name="night shift"), Group.objects.get_or_create(name="compliance")[0]
    )
    assert roles_of(user) == {Role.SUPERVISOR, Role.COMPLIANCE}


def test_an_inactive_user_has_no_role() -> None:
    assert roles_of(UserFactory(role=Role.SUPERVISOR, is_active=False)) == frozenset()


def test_a_superuser_without_a_role_may_do_nothing(request_of: Callable[..., HttpRequest]) -> None:
    caller = caller_of(request_of(UserFactory(is_superuser=True, is_staff=True)))
    assert not any(caller.may(action) for action in Action)


def test_a_person_is_recorded_with_name_role_and_origin(request_of: Callable[..., HttpRequest]) -> None:
    user = UserFactory(role=Role.SUPERVISOR, first_name="Dana", last_name="Reyes")
    caller = caller_of(request_of(user, "/calls/7/", **{"User-Agent": "a browser"}))
    assert (caller.actor.kind, caller.actor.id, caller.actor.name) == ("user", str(user.pk), "Dana Reyes")
    assert caller.actor.role == "supervisor"
    assert caller.source.where == "POST /calls/7/"
    assert (caller.source.ip, caller.source.user_agent) == ("127.0.0.1", "a browser")


def test_a_person_without_a_name_goes_by_the_login(request_of: Callable[..., HttpRequest]) -> None:
    user = UserFactory(first_name="", last_name="", username="dreyes")
    assert caller_of(request_of(user)).label == "dreyes"


def test_several_roles_are_recorded_in_order(request_of: Callable[..., HttpRequest]) -> None:
    user = UserFactory(role=Role.SUPERVISOR)
    user.groups.add(Group.objects.get_or_create(name=Role.AUDIO_ADMIN)[0])
    assert caller_of(request_of(user)).actor.role == "audio_admin, supervisor"


def test_a_machine_is_recorded_as_one(request_of: Callable[..., HttpRequest]) -> None:
    assert caller_of(request_of(UserFactory(role=Role.API_CLIENT))).actor.kind == "api_client"


def test_whoever_is_not_logged_in_is_anonymous_and_may_nothing(
    request_of: Callable[..., HttpRequest],
) -> None:
    caller = caller_of(request_of(AnonymousUser()))
    assert (caller.user, caller.actor.kind, caller.roles) == (None, "anonymous", frozenset())
    assert caller.queue_ids == frozenset()
    assert caller.label == "Somebody who is not logged in"


def test_the_database_is_asked_once_a_request(
    request_of: Callable[..., HttpRequest], django_assert_num_queries: Any
) -> None:
    request = request_of(UserFactory(role=Role.SUPERVISOR))
    first = caller_of(request)
    with django_assert_num_queries(0):
        assert caller_of(request) is first


def test_a_login_during_the_request_is_noticed(request_of: Callable[..., HttpRequest]) -> None:
    request = request_of(AnonymousUser())
    caller_of(request)
    request.user = UserFactory(role=Role.COMPLIANCE)
    assert caller_of(request).roles == {Role.COMPLIANCE}


def test_a_logout_during_the_request_is_noticed(request_of: Callable[..., HttpRequest]) -> None:
    request = request_of(UserFactory(role=Role.COMPLIANCE))
    caller_of(request)
    request.user = AnonymousUser()
    assert caller_of(request).user is None


def test_a_supervisor_s_queues_are_those_assigned(request_of: Callable[..., HttpRequest]) -> None:
    user, mine, _ = UserFactory(role=Role.SUPERVISOR), QueueFactory(), QueueFactory()
    mine.supervisors.add(user)
    assert caller_of(request_of(user)).queue_ids == {mine.pk}


def test_hostile_headers_and_paths_are_bounded(request_of: Callable[..., HttpRequest]) -> None:
    source = source_of(request_of(AnonymousUser(), "/" + "x" * 2000, **{"User-Agent": "y" * 2000}))
    assert (len(source.where), len(source.user_agent)) == (300, 300)


def test_the_portal_itself_acts_as_the_system_without_a_role() -> None:
    caller = system_caller(where="worker")
    assert (caller.actor.kind, caller.source.where, caller.user) == ("system", "worker", None)
    assert not any(caller.may(action) for action in Action)


def test_an_anonymous_caller_keeps_where_it_came_from(request_of: Callable[..., HttpRequest]) -> None:
    caller = anonymous_caller(request_of(UserFactory(role=Role.SUPERVISOR), "/inject"))
    assert (caller.user, caller.roles, caller.source.where) == (None, frozenset(), "POST /inject")
