"""Logging in, failing to, and logging out are records of the log. Connected when the addresses are loaded."""

from typing import Any, Final

from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from audit import services as audit
from audit.canonical import clean_text
from audit.entry import Entry
from injections.callers import Caller, caller_of
from injections.services.refusals import record_refusal

_FAILURES_A_MINUTE: Final = 20  # on record, for each address that connects


@receiver(user_logged_in, dispatch_uid="injections.record_login")
def record_login(request: HttpRequest, user: User, **_: Any) -> None:
    """Record that somebody logged in. If this cannot be written, they are not."""
    _record(action="session.opened", summary="{name} logged in.", by=_caller(request, user))


@receiver(user_logged_out, dispatch_uid="injections.record_logout")
def record_logout(request: HttpRequest, user: User | None, **_: Any) -> None:
    """Record that somebody logged out."""
    if user is not None:
        _record(action="session.closed", summary="{name} logged out.", by=_caller(request, user))


@receiver(user_login_failed, dispatch_uid="injections.record_failed_login")
def record_failed_login(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """Record a failed login, under the name that was tried where an account bears it.

    Whatever else was typed is not repeated: people type a password where the name belongs, and the log keeps all.
    Of one address only the first few in a minute are on record, so that nobody can fill the log.
    """
    asked = HttpRequest() if request is None else request
    tried = str(credentials.get("username", ""))
    is_known = User.objects.filter(username=tried).exists()
    record_refusal(
        action="session.refused",
        code="not_permitted",
        summary=f"A login as “{clean_text(tried)}” failed."
        if is_known
        else "A login failed; no account bears the name that was typed.",
        details={"username": tried} if is_known else {},
        counted_for=asked.META.get("REMOTE_ADDR", ""),
        most_a_minute=_FAILURES_A_MINUTE,
        by=_caller(asked, None),
    )


def _record(*, action: str, summary: str, by: Caller) -> None:
    with transaction.atomic():
        audit.append(
            Entry(
                action=action,
                outcome="done",
                actor=by.actor,
                source=by.source,
                summary=summary.format(name=by.actor.name),
                occurred_at=timezone.now(),
            )
        )


def _caller(request: HttpRequest, user: User | None) -> Caller:
    if not hasattr(request, "user"):
        request.user = AnonymousUser() if user is None else user
    return caller_of(request)
