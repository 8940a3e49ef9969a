"""The portal asks the platform to report the end of each interaction; without that it knows only half."""

import logging
from typing import Final
from urllib.parse import quote

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from audit import services as audit
from audit.entry import Entry
from injections import gate, wiring
from injections.callers import Caller
from injections.genesys.errors import GenesysError
from injections.models import CompletionRegistration
from injections.reasons import reason
from injections.services.sweep import is_any_waiting

NAME = "qa-sync-injection"
log = logging.getLogger(__name__)
_REQUESTS: Final = 2  # what is registered, and what is missing


def receiver_address() -> str:
    """Return the address of the portal's own receiver; its secret tells that the caller is the platform.

    The secret may be any text: it is quoted whole, so that no proxy takes its slashes for the path's.
    """
    path = reverse("completion", args=["-"]).removesuffix("-")
    return f"{settings.PORTAL_BASE_URL}{path}{quote(settings.COMPLETION_SECRET, safe='')}"


def register_completion_webhook(*, by: Caller) -> bool:
    """Register the receiver unless it is already; return whether it is registered now.

    A failure is a warning on the status page, never fatal: it is tried again with the next sweep of this kind.
    It may be the probe that closes an open breaker where no queue is watched and nobody barges.
    """
    hold = gate.ask(requests=_REQUESTS, is_for_board=True, may_probe=not is_any_waiting())
    if hold is not None:
        _note_problem(reason(hold.code).sentence)
        return False
    try:
        was_missing = wiring.driver().register_completion_webhook(name=NAME, address=receiver_address())
    except GenesysError as error:
        gate.report_reading(error)
        log.warning("could not register for completion events: %s", error)
        _note_problem(str(error))
        return False
    gate.report_reading(None)
    with transaction.atomic(durable=True):
        now = timezone.now()
        CompletionRegistration.objects.update_or_create(pk=1, defaults={"problem": "", "confirmed_at": now})
        if was_missing:
            audit.append(
                Entry(
                    action="completion.registered",
                    outcome="done",
                    actor=by.actor,
                    source=by.source,
                    summary="The portal registered with the platform for completion events.",
                    details={"name": NAME},
                    occurred_at=now,
                )
            )
    return True


def _note_problem(problem: str) -> None:
    CompletionRegistration.objects.update_or_create(pk=1, defaults={"problem": problem[:300]})
