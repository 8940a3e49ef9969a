"""The log by the API: what an auditor's own tool asks for, and can prove with it."""

import base64
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from knox.models import AuthToken

from audit.checkpoint import open_checkpoint
from audit.merkle import leaf_hash, verify_consistency, verify_inclusion
from audit.models import AuditRecord
from audit.notes import PublicKey, parse_public_key
from audit.receipts import open_receipt
from injections.roles import Role
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
Get = Callable[..., Any]


@pytest.fixture
def get(db: None) -> Get:
    """Return what asks as a compliance officer's tool, or as another role."""

    def ask(path: str, role: Role = Role.COMPLIANCE) -> Any:
        _, plain = AuthToken.objects.create(UserFactory(role=role))
        return Client().get(f"/api/v1/audit/{path}", headers={"Authorization": f"Token {plain}"})

    return ask


def _hashes(proof: list[str]) -> list[bytes]:
    return [base64.b64decode(each) for each in proof]


def _keys(get: Get, kind: str) -> list[PublicKey]:
    return [parse_public_key(line) for line in get("keys").json()[kind]]


def test_a_record_is_proved_from_answers_alone(log: list[AuditRecord], get: Get) -> None:
    keys = _keys(get, "log")
    for written in log[:12]:
        shown = get(f"records/{written.pk}").json()
        proved = get(f"records/{written.pk}/inclusion").json()
        checkpoint = open_checkpoint(proved["checkpoint"], keys=keys)
        verify_inclusion(
            index=proved["index"],
            size=checkpoint.size,
            leaf=leaf_hash(shown["body"].encode()),
            proof=_hashes(proved["proof"]),
            root=checkpoint.root,
        )
        assert (shown["index"], shown["leafHash"]) == (proved["index"], proved["leafHash"])


def test_every_checkpoint_is_proved_to_begin_with_every_earlier_one(log: list[AuditRecord], get: Get) -> None:
    keys = _keys(get, "log")
    checkpoints = [open_checkpoint(note, keys=keys) for note in get("checkpoints").json()["checkpoints"]]
    assert [each.size for each in checkpoints] == [4, 8, 12]
    for old in checkpoints:
        for new in checkpoints[checkpoints.index(old) :]:
            proof = _hashes(get(f"consistency?from={old.size}&to={new.size}").json()["proof"])
            verify_consistency(
                old_size=old.size, new_size=new.size, old_root=old.root, new_root=new.root, proof=proof
            )


def test_the_newest_checkpoint_comes_alone(log: list[AuditRecord], get: Get) -> None:
    note = get("checkpoint").json()["checkpoint"]
    assert open_checkpoint(note, keys=_keys(get, "log")).size == 12


def test_a_record_comes_with_its_receipt(log: list[AuditRecord], get: Get) -> None:
    shown = get(f"records/{log[3].pk}").json()
    promised = open_receipt(shown["receipt"], keys=_keys(get, "receipts"))
    assert (promised.record_id, promised.leaf_hash) == (log[3].pk, log[3].leaf_hash)


def test_a_search_finds_what_the_admin_finds_and_goes_on_to_older_ones(
    record: Callable[..., AuditRecord],
    get: Get,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("injections.api.audit_log.PAGE", 2)
    written = [str(record(action="clip.uploaded").pk) for _ in range(3)]
    record(action="other.thing")
    first = get("records?action=clip.uploaded").json()
    second = get(f"records{first['next']}").json()
    assert [each["id"] for each in first["records"] + second["records"]] == written[::-1]
    assert (first["records"][0]["index"], second["next"]) == (None, None)


def test_each_reading_of_records_is_itself_on_record(log: list[AuditRecord], get: Get) -> None:
    get("records?action=clip.uploaded")
    get(f"records/{log[0].pk}")
    viewed, searched = AuditRecord.objects.filter(action__in=("audit.viewed", "audit.searched"))[:2]
    assert (viewed.action, viewed.subject_other) == ("audit.viewed", f"audit record {log[0].pk}")
    assert (searched.action, "clip.uploaded" in searched.summary) == ("audit.searched", True)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("records?since=yesterday", "since"),
        ("records?colour=red", "colour"),
        ("records?conversation_id=12", "conversation_id"),
        ("consistency", "from"),
        ("consistency?from=13", "from"),
        ("consistency?from=-1", "from"),
        ("consistency?from=4&to=5", "to"),
        ("checkpoints?after=x", "after"),
    ],
)
def test_a_bad_question_names_its_field(log: list[AuditRecord], get: Get, path: str, field: str) -> None:
    answer = get(path)
    assert (answer.status_code, answer.json()["field"], answer.json()["code"]) == (400, field, "bad_request")


def test_what_waits_to_be_sealed_has_no_proof_yet(log: list[AuditRecord], get: Get) -> None:
    answer = get(f"records/{log[13].pk}/inclusion")
    assert (answer.status_code, "waits to be sealed" in answer.json()["detail"]) == (400, True)


def test_a_checkpoint_before_the_record_proves_nothing_of_it(log: list[AuditRecord], get: Get) -> None:
    answer = get(f"records/{log[5].pk}/inclusion?size=4")
    assert (answer.status_code, answer.json()["field"]) == (400, "size")


def test_a_record_that_is_not_there_is_not_found(log: list[AuditRecord], get: Get) -> None:
    assert get(f"records/{uuid4()}").status_code == 404


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.COMPLIANCE])
def test_other_roles_are_refused_on_record(log: list[AuditRecord], get: Get, role: Role) -> None:
    for path in (
        "records",
        f"records/{log[0].pk}",
        "consistency?from=4",
        "checkpoints",
        "checkpoint",
        "keys",
    ):
        assert get(path, role=role).status_code == 403
    assert AuditRecord.objects.filter(action="access.refused").count() == 6


def test_without_token_or_login_nothing_is_told(log: list[AuditRecord]) -> None:
    assert Client().get("/api/v1/audit/records").status_code == 401


def test_whoever_is_logged_in_needs_no_token(log: list[AuditRecord]) -> None:
    browser = Client()
    browser.force_login(UserFactory(role=Role.COMPLIANCE))
    assert len(browser.get("/api/v1/audit/checkpoints").json()["checkpoints"]) == 3
