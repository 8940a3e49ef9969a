"""Who makes a request, and where it comes from."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.test import RequestFactory

from audit.entry import Actor, Source
from audit.provenance import actor_of, source_of


def test_a_user_is_named_with_their_roles(django_user_model: Any, db: None):
    user = django_user_model.objects.create_superuser("ada", password="ada")
    user.groups.add(Group.objects.create(name="zebra keepers"), Group.objects.create(name="aardvarks"))
    request = RequestFactory().get("/")
    request.user = user
    assert actor_of(request) == Actor(
        kind="user", id=str(user.pk), name="ada", role="aardvarks, superuser, zebra keepers"
    )


@pytest.mark.parametrize("given", [{}, {"user": AnonymousUser()}])
def test_whoever_has_not_logged_in_is_anonymous(given: dict[str, Any]):
    request = RequestFactory().get("/")
    request.__dict__.update(given)
    assert actor_of(request) == Actor(kind="anonymous")


def test_the_source_holds_address_program_request_and_path():
    request = RequestFactory().post("/inject?token=secret", HTTP_USER_AGENT="curl/8", REMOTE_ADDR="192.0.2.1")
    request.request_id = "r-1"  # type: ignore[attr-defined]
    assert source_of(request) == Source(
        ip="192.0.2.1", user_agent="curl/8", request_id="r-1", where="POST /inject"
    )


def test_an_address_that_was_only_claimed_stands_before_the_one_that_connected():
    request = RequestFactory().get("/", HTTP_X_FORWARDED_FOR="203.0.113.9, 10.0.0.4", REMOTE_ADDR="192.0.2.1")
    assert source_of(request).ip == "203.0.113.9, 10.0.0.4, 192.0.2.1"


def test_a_long_claim_does_not_push_the_true_address_out():
    claims = ", ".join(f"2001:db8:{n:04x}:1111:2222:3333:4444:5555" for n in range(100))
    request = RequestFactory().get("/", HTTP_X_FORWARDED_FOR=claims, REMOTE_ADDR="192.0.2.1")
    assert source_of(request).ip.endswith("192.0.2.1")
