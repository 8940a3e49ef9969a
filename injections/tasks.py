"""What Celery does: find due work in the tables and do it. Three lines round a service each.

On one machine `manage.py work` does the same without a broker (docs/decisions).
"""

from typing import Any
from uuid import UUID

from celery import shared_task

from injections.callers import system_caller
from injections.services import dispatch, qa, registration, sweep


@shared_task(name="injections.dispatch", ignore_result=True, soft_time_limit=60, time_limit=90)
def dispatch_injection(injection_id: str, **_: Any) -> None:
    """Try one waiting injection; a repeated or late message finds nothing to do."""
    dispatch.dispatch_injection(injection_id=UUID(injection_id), by=system_caller(where="worker"))


@shared_task(name="injections.sweep", ignore_result=True, soft_time_limit=60, time_limit=90, expires=5)
def sweep_table(**_: Any) -> None:
    """Settle what was left behind, then nudge each due injection by its id."""
    sweep.sweep(by=system_caller(where="sweep"))
    for injection_id in sweep.due_injections():
        dispatch_injection.apply_async(args=(str(injection_id),), expires=5)


@shared_task(name="injections.deliver_qa", ignore_result=True, soft_time_limit=60, time_limit=90, expires=5)
def deliver_qa_events(**_: Any) -> None:
    """Deliver what is due for the QA system."""
    for number in qa.due_events():
        qa.deliver_event(number=number)


@shared_task(name="injections.register", ignore_result=True, soft_time_limit=60, time_limit=90, expires=30)
def register_completion_webhook(**_: Any) -> None:
    """See to it that completion events come to the portal."""
    registration.register_completion_webhook(by=system_caller(where="worker"))
