"""Whatever acts is here, is on record in the same transaction, and its record answers the six questions."""

import inspect
import pkgutil
import sys
from importlib import import_module
from typing import Any

import pytest
from django.core.management import get_commands

import injections.services
from audit.models import AuditRecord
from bargeportal.rights import seed_roles
from tests.coverage_of_the_log import acts_behind, acts_in_the_admin, acts_of_people  # noqa: F401  their acts
from tests.coverage_of_the_log.acts import ACTS, World
from tests.coverage_of_the_log.test_addresses import ADDRESSES
from tests.coverage_of_the_log.watch import watched
from tests.support.simulator_process import SimulatorProcess

pytestmark = pytest.mark.django_db(transaction=True)

# What neither acts nor refuses: it shows, or it leads elsewhere.
SHOWS = {
    "address None": "leads to another address, or says that nothing is here",
    "address index": "shows the admin's tables",
    "address app_list": "shows tables",
    "address autocomplete": "shows rows of tables that the asker may see",
    "address jsi18n": "words for scripts",
    "address view_on_site": "leads elsewhere",
    "address password_change_done": "says that it was done",
    "address injections_queue_changelist": "shows queues",
    "address injections_queue_history": "shows what an administrator did to a queue",
    "address injections_queue_delete": "nobody may: calls and people hang on it",
    "address auth_user_changelist": "shows people",
    "address auth_user_history": "shows what an administrator did to a person",
    "address auth_user_delete": "nobody may: the log names them",
    "address auth_group_changelist": "shows roles",
    "address auth_group_add": "nobody may: roles are the program's",
    "address auth_group_history": "shows nothing that is not in the log",
    "address auth_group_delete": "nobody may",
    "address auth_group_change": "nobody may",
    "address audit_auditrecord_add": "nobody may",
    "address audit_auditrecord_history": "leads to the record",
    "address audit_auditrecord_delete": "nobody may",
    "address knox_authtoken_changelist": "nobody may",
    "address knox_authtoken_add": "nobody may: manage.py create_api_client",
    "address knox_authtoken_history": "nobody may",
    "address knox_authtoken_delete": "nobody may",
    "address knox_authtoken_change": "nobody may",
    "address api_injection": "shows a client its own injection",
    "address api_events": "shows events that were announced",
    "address api_audit_inclusion": "hashes, which tell nothing of anybody",
    "address api_audit_consistency": "hashes",
    "address api_audit_checkpoints": "what is published anyway",
    "address api_audit_checkpoint": "what is published anyway",
    "address api_audit_keys": "what is published anyway",
    "address clip_media": "the platform fetches what it was told to play: that is on record",
    "address clip_audio": "plays a recording to those who may see it",
    "address live_calls": "shows calls, numbers masked",
    "address live_calls_rows": "the same",
    "address barge_panel": "shows a call",
    "address barge_facts": "the same",
    "address barge_arm": "sends nothing; what was armed is recorded when it is fired, and each refusal at once",
    "address barge_disarm": "shows the call again",
    "address barge_pressed": "shows what became of a press",
    "address injections": "shows injections",
    "address doubts": "shows injections",
    "address injection": "shows an injection",
    "address clips": "shows recordings",
    "address clip": "shows a recording",
    "address deliveries": "shows deliveries",
    "address status": "shows how things stand",
    "address breaker": "shows the breaker",
    "address strip": "shows how things stand",
    "address metrics": "numbers for a monitor",
    "command audit_roles": "needs PostgreSQL with two roles: tests/audit/test_roles.py shows its record",
    "command curl_example": "prints a command",
    "command createsuperuser": "refuses: there are no superusers",
    "command simulator": "stands in for the platform",
    "command up": "starts the other processes",
    "command watch": "keeps what the platform says of its calls",
    "command work": "does what the services below do",
    "service qa.deliver_event": "sends what is in the outbox; the status page tells of failures",
    "service completion.match_event": "as completion.record_completion, by the same move",
    "service completion.match_recent_events": "the same",
    "service completion.settle_from_events": "the same",
    "service sweep.match_events": "the same",
    "service sweep.free_calls": "lets others into a call whose doubt can no longer be heard; the doubt stays",
    "service transitions.announce": "the event beside a move, which is on record",
    "service handover.hand_back": "leases of a process that ends: nothing that anybody asked for changes",
    "service live_calls.store_calls": "what the platform says",
    "service live_calls.forget_calls": "the same",
    "service live_calls.keep_only": "the same",
    "service live_calls.note_feed": "the same",
    "service rehearsal.rehearse": "rolled back",
    "service refusals.count_in_minute": "a counter",
}
_READS = {
    "admission.is_fresh", "admission.objection", "dispatch.requests_a_try", "handover.holding", "qa.due_events",
    "qa.shown_event", "qa.signature", "registration.receiver_address", "sweep.due_injections",
    "sweep.is_any_waiting", "transitions.explained", "transitions.longest_playing", "tries.injection_checked",
    "tries.is_free", "tries.is_lapsed",
}  # fmt: skip
_OURS = ("audit", "bargeportal", "injections")


def _services() -> dict[str, Any]:
    """Return the public functions of all services, under `module.name`."""
    modules = [
        import_module(f"{injections.services.__name__}.{found.name}")
        for found in pkgutil.iter_modules(injections.services.__path__)
    ]
    return {
        f"{module.__name__.rpartition('.')[2]}.{name}": function
        for module in modules
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__module__ == module.__name__
        and not name.startswith("_")
    }


def _everything() -> set[str]:
    addresses = {f"address {name.rpartition(' ')[2]}" for name in ADDRESSES.values()}
    commands = {f"command {name}" for name, app in get_commands().items() if app in _OURS}
    return addresses | commands | {f"service {name}" for name in _services().keys() - _READS}


def test_everything_is_known_to_act_or_to_show() -> None:
    named = {name for name in ACTS if name.startswith(("address ", "command ", "service "))}
    assert _everything() == named | SHOWS.keys()
    assert named & SHOWS.keys() == set()


@pytest.fixture
def world(
    browser_of: Any,
    simulator: SimulatorProcess,
    demo_clip: Any,
    settings: Any,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    seed_roles()
    settings.AUDIT_DIR = tmp_path / "audit"
    monkeypatch.setenv("DEMO_PASSWORD", "a-demo-password")
    return World(browser_of, simulator, demo_clip, monkeypatch)


@pytest.mark.parametrize("name", sorted(ACTS))
def test_an_act_is_on_record_in_its_own_transaction_and_the_record_says_all(world: World, name: str) -> None:
    act = ACTS[name]
    run = act.prepare(world)
    known = list(AuditRecord.objects.values_list("pk", flat=True))
    with watched() as writes:
        run()
    assert writes.unrecorded() == []
    found = AuditRecord.objects.exclude(pk__in=known).filter(action=act.action)
    assert found, [one.action for one in AuditRecord.objects.all()]
    for one in found:
        assert one.actor_kind == "anonymous" or one.actor_name  # who
        assert one.summary.endswith(".")  # what
        assert one.occurred_at <= one.recorded_at  # when
        assert one.source_where  # where from
        assert one.outcome in {"done", "refused", "failed", "unknown"}  # what came of it
        assert one.outcome == "done" or one.reason_code  # why


@pytest.mark.parametrize("name", sorted(name for name in ACTS if name.startswith("service ")))
def test_the_act_of_a_service_goes_through_it(world: World, name: str) -> None:
    code = _services()[name.removeprefix("service ")].__code__
    run = ACTS[name].prepare(world)
    entered: list[bool] = []
    sys.setprofile(lambda frame, event, _: entered.append(True) if frame.f_code is code else None)
    try:
        run()
    finally:
        sys.setprofile(None)
    assert entered
