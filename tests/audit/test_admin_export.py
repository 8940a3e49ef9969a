"""Files of a search: what they hold, that nobody has one without a record, and that others cannot have them."""

import csv
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from audit.models import AuditRecord
from tests.audit.desk import LIST

pytestmark = pytest.mark.django_db(transaction=True)
Record = Callable[..., AuditRecord]
Log = list[AuditRecord]


def _get(client: Client, kind: str, **asked: str) -> Any:
    return client.get(f"{LIST}export/{kind}/", asked)


def _bytes(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def _exports() -> list[AuditRecord]:
    return list(AuditRecord.objects.filter(action="audit.exported"))


def test_a_csv_has_a_line_for_each_record_with_its_place_and_text(log: Log, officer: Client) -> None:
    answer = _get(officer, "csv", action=log[0].action)
    lines = list(csv.DictReader(io.StringIO(_bytes(answer).decode())))
    assert [line["id"] for line in lines] == [str(one.pk) for one in reversed(log)]
    assert [line["index"] for line in lines] == ["", "", *map(str, range(11, -1, -1))]
    assert (lines[2]["body"], lines[2]["leaf_hash"]) == (log[11].body, log[11].leaf_hash)
    assert "attachment" in answer["Content-Disposition"]


def test_json_lines_hold_the_text_as_it_was_hashed(log: Log, officer: Client) -> None:
    lines = [
        json.loads(line)
        for line in _bytes(_get(officer, "jsonl", action=log[0].action)).decode().splitlines()
    ]
    assert [(line["id"], line["body"]) for line in lines] == [
        (str(one.pk), one.body) for one in reversed(log)
    ]


def test_a_file_has_what_the_search_finds_however_many_pages_that_are(
    record: Record, officer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.admin.exporting.PAGE", 2)
    wanted = [str(record(action="clip.uploaded").pk) for _ in range(5)]
    record(action="other.thing")
    lines = [json.loads(line) for line in _bytes(_get(officer, "jsonl", action="clip.uploaded")).splitlines()]
    assert [line["id"] for line in lines] == wanted[::-1]


def test_a_name_is_no_formula_in_a_spreadsheet(record: Record, officer: Client) -> None:
    record(action="clip.uploaded", summary='=HYPERLINK("https://evil.example")')
    (line,) = csv.DictReader(io.StringIO(_bytes(_get(officer, "csv", action="clip.uploaded")).decode()))
    assert line["summary"] == '\'=HYPERLINK("https://evil.example")'


def test_an_evidence_pack_of_the_search_proves_itself(log: Log, officer: Client, tmp_path: Path) -> None:
    (tmp_path / "pack.zip").write_bytes(_bytes(_get(officer, "pack", action=log[0].action)))
    with zipfile.ZipFile(tmp_path / "pack.zip") as pack:
        pack.extract("verify.py", tmp_path)
        assert len(pack.read("records.jsonl").splitlines()) == 12
    run = subprocess.run(
        [sys.executable, "-I", "verify.py", "pack.zip"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("kind", ["csv", "jsonl", "pack"])
def test_who_has_a_file_is_on_record(log: Log, officer: Client, kind: str) -> None:
    _bytes(_get(officer, kind, action=log[0].action))
    (written,) = _exports()
    assert (written.outcome, written.actor_name) == ("done", "grace")
    assert written.summary.startswith("grace: ")
    details = json.loads(written.body)["details"]
    assert details["records"] == (12 if kind == "pack" else 14)
    assert log[0].action in str(details["asked"])


def test_without_the_record_nobody_has_the_file(
    log: Log, officer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no disk")

    monkeypatch.setattr("audit.services.append", fail)
    officer.raise_request_exception = False
    for kind in ("csv", "jsonl", "pack"):
        assert _get(officer, kind).status_code == 500


def test_a_pack_of_a_log_without_a_signature_is_refused_with_a_reason(
    record: Record, log_places: Any, officer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.evidence.export.SEAL_AWAITED_S", 0.0)
    record()
    answer = _get(officer, "pack")
    assert (answer.status_code, "There is no evidence pack." in answer.content.decode()) == (409, True)
    assert [one.outcome for one in _exports()] == ["failed"]


def test_a_search_that_cannot_be_understood_gives_no_file(officer: Client) -> None:
    assert _get(officer, "csv", since="yesterday").status_code == 400
    assert _exports() == []


def test_there_is_no_other_kind_of_file(officer: Client) -> None:
    assert _get(officer, "docx").status_code == 404


def test_others_are_refused_on_record(client: Client, person: Callable[..., Any]) -> None:
    from injections.roles import Role

    client.force_login(person("adrian", Role.ADMINISTRATOR))
    assert _get(client, "csv").status_code == 403
    assert [(one.outcome, one.reason_code) for one in _exports()] == [("refused", "not_permitted")]


def test_a_search_with_hidden_characters_is_exported_on_record(log: Log, officer: Client) -> None:
    assert _get(officer, "csv", q="\u202eab").status_code == 200
    assert "\\u{202E}" in _exports()[0].summary


def test_asking_for_the_head_alone_gives_and_records_nothing(log: Log, officer: Client) -> None:
    assert officer.head(f"{LIST}export/csv/").status_code == 403
    assert _exports() == []
