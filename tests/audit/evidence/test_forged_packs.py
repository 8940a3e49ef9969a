"""Forging a pack: each kind of change is named, also where the forger put right all that he could."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit.canonical import encode
from audit.checkpoint import Checkpoint, open_checkpoint
from audit.entry import leaf_hash
from audit.evidence.verifier.report import Counts, pages, read_text
from audit.merkle import tree_of
from audit.models import AuditRecord
from audit.notes import SigningKey
from audit.places import Places
from audit.verification.witnesses import read_keys
from tests.audit.evidence.conftest import DIGEST
from tests.audit.evidence.packs import Made, faults, lines_of, with_right_sums
from tests.audit.forging import CALL

pytestmark = pytest.mark.django_db(transaction=True)
Change = Callable[[list[dict[str, Any]]], object]
RECORDING = f"recordings/{DIGEST}.wav"


@pytest.fixture
def made(call: list[AuditRecord], pack: Callable[..., Made]) -> Made:
    """Return the pack of one call: records 1, 3, … 17 of a log of 19, of which record 3 names a recording."""
    return pack("--conversation-id", str(CALL))


def _forged(made: Made, **changed: bytes | None) -> Path:
    """Return the pack with other files, or without them; all digests are right."""
    named = {name.replace("_DOT_", "."): content for name, content in changed.items()}
    return _with(made, named)


def _with(made: Made, changed: dict[str, bytes | None]) -> Path:
    files = {**made.files(), **changed}
    return made.with_files(
        with_right_sums({name: content for name, content in files.items() if content is not None})
    )


def _with_records(made: Made, records: list[dict[str, Any]]) -> Path:
    """Return the pack with other records; counts, report and digests are made anew for them."""
    files = made.files()
    counts = Counts()
    for record in records:
        counts.add(read_text(record["text"]))
    search = {**json.loads(files["search.json"]), "found": counts.found()}
    told = pages(
        search=search,
        checkpoint=files["checkpoint"].decode(),
        records=records,
        recordings={DIGEST: RECORDING},
    )
    return _with(
        made,
        {
            "search.json": json.dumps(search).encode(),
            "records.jsonl": lines_of(records),
            "report.html": b"".join(page for _, page in told),
        },
    )


def _set(number: int, **members: Any) -> Change:
    return lambda records: records[number].update(members)


def _retold(records: list[dict[str, Any]]) -> None:
    text = records[2]["text"].replace("asked for", "asked not")
    records[2].update(text=text, leaf_hash=leaf_hash(text))


def _other_text(records: list[dict[str, Any]]) -> None:
    records[2]["text"] = records[2]["text"].replace("asked for", "asked not")


def _other_proof(records: list[dict[str, Any]]) -> None:
    records[2]["proof"][1] = "0" * 64


def _swapped(records: list[dict[str, Any]]) -> None:
    records[3], records[4] = records[4], records[3]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_other_text, "Record 5: Its text does not fit its fingerprint."),
        (_set(2, leaf_hash="0" * 64), "Record 5: Its text does not fit its fingerprint."),
        (
            _retold,
            "Record 5: Its proof does not lead to the signed root: this text does not stand at this place in the log.",
        ),
        (_other_proof, "Record 5: Its proof does not lead to the signed root"),
        (lambda records: records[2]["proof"].pop(), "Record 5: Its proof does not lead to the signed root"),
        (lambda records: records[2]["proof"].append("0" * 64), "Record 5: Its proof is too long."),
        (_set(2, index=6), "Record 6: Its proof does not lead to the signed root"),
        (_set(2, index=19), "Record 19: A log of 19 records has no such place."),
        (_set(2, index=-1), "Record -1: A log of 19 records has no such place."),
        (_swapped, "Record 7: It stands twice, or not in its order."),
        (
            lambda records: records.insert(3, records[2]),
            "Record 5: It stands twice, or not in its order.",
        ),
        (lambda records: records.pop(2), "Record 7: Record 3 of its call, before it, is missing."),
        (lambda records: records.pop(0), "Record 3: Record 1 of its call, before it, is missing."),
    ],
)
def test_a_forged_record_is_named_by_its_place(change: Change, told: str, made: Made):
    records = made.records()
    change(records)
    assert faults(_with_records(made, records))[0].startswith(told)


def test_a_record_that_was_not_asked_for_is_named(made: Made, pack: Callable[..., Made]):
    all_of_them = pack("--action", "injection.requested", name="all.zip").records()
    stranger = next(line for line in all_of_them if line["index"] == 4)
    records = sorted([*made.records(), stranger], key=lambda line: line["index"])
    assert faults(_with_records(made, records)) == [
        f"Record 4: It is not one that was asked for: conversation_id is not “{CALL}”."
    ]


@pytest.mark.parametrize("change", [lambda lines: lines[:-1], lambda lines: [*lines, lines[-1]]])
def test_records_removed_or_added_at_the_end_are_counted(change: Any, made: Made):
    lines = made.files()["records.jsonl"].splitlines(keepends=True)
    assert any(
        "search.json counts 9 records" in fault or "stands twice" in fault
        for fault in faults(_forged(made, records_DOT_jsonl=b"".join(change(lines))))
    )


@pytest.mark.parametrize(
    "line", [b"{}\n", b"[]\n", b"nonsense\n", b"\xff\n", b'{"index":1,"index":1}\n', b"[" * 100_000 + b"\n"]
)
def test_a_line_that_is_no_record_is_named(line: bytes, made: Made):
    content = made.files()["records.jsonl"] + line
    assert any(
        fault.startswith("Line 10 of records.jsonl ")
        for fault in faults(_forged(made, records_DOT_jsonl=content))
    )


def test_a_text_that_says_the_same_in_another_form_is_no_record(made: Made):
    records = made.records()
    records[2]["text"] = records[2]["text"].replace('":"', '": "')
    assert faults(_with_records(made, records))[0].startswith("Record 5: ")


def test_a_signed_text_in_another_form_than_the_canonical_one_is_named(
    made: Made, log_places: Places, tmp_path: Path
):
    text = encode(json.loads(made.records()[0]["text"])).replace(",", ", ")
    key = SigningKey.parse(log_places.signing_key.read_text().strip())
    leaf = bytes.fromhex(leaf_hash(text))
    note = Checkpoint(key.name, 1, tree_of([leaf]).root(1)).signed(key)
    forged = _with(
        made,
        {
            "checkpoint": note.encode(),
            "records.jsonl": lines_of([{"index": 0, "leaf_hash": leaf.hex(), "proof": [], "text": text}]),
        },
    )
    assert faults(forged)[0] == "Record 0: Its text is not in the one form in which records are written."


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("\n19\n", "\n18\n", "its signature is wrong"),
        ("audit-log/", "audit-lag/", "its signature is wrong"),
        (
            "— audit-log/",
            "— audit-lag/",
            "The checkpoint was not signed by any of the keys that are trusted here",
        ),
        ("\n\n", "\n", "is not a signed note"),
    ],
)
def test_a_forged_checkpoint_is_named(old: str, new: str, told: str, made: Made):
    note = made.files()["checkpoint"].decode().replace(old, new, 1)
    assert told in faults(_forged(made, checkpoint=note.encode()))[0]


def test_a_pack_signed_by_the_forgers_own_key_is_found_by_the_key_that_one_was_given(
    made: Made, log_places: Places
):
    files = made.files()
    found = open_checkpoint(files["checkpoint"].decode(), keys=read_keys(log_places.public_keys))
    own = SigningKey.from_seed(found.origin, b"f" * 32)
    note = found.signed(own)
    told = pages(
        search=json.loads(files["search.json"]),
        checkpoint=note,
        records=made.records(),
        recordings={DIGEST: RECORDING},
    )
    forged = _with(
        made,
        {
            "checkpoint": note.encode(),
            "public_keys": f"{own.public}\n".encode(),
            "report.html": b"".join(page for _, page in told),
        },
    )
    assert faults(forged) == []
    assert faults(forged, pinned=log_places.public_keys.read_text()) == [
        "The checkpoint was not signed by any of the keys that are trusted here."
    ]


def test_another_recording_is_named_with_the_record_that_it_belongs_to(made: Made):
    assert faults(_with(made, {RECORDING: b"another"})) == [
        f"Record 3: The recording in {RECORDING} is not the one that it names."
    ]


def test_a_recording_that_no_record_names_is_named(made: Made):
    stranger = f"recordings/{hashlib.sha256(b'x').hexdigest()}.wav"
    assert f"No record names the recording in {stranger}." in faults(_with(made, {stranger: b"x"}))


def test_a_recording_that_was_taken_out_with_every_trace_is_told(made: Made):
    found = faults(_with(made, {RECORDING: None}))
    assert found == ["Record 3: report.html shows something else than what is in the pack."]


def test_a_forged_report_is_named_with_the_record_that_it_shows_otherwise(made: Made):
    report = made.files()["report.html"].decode()
    article = report.index('<article id="r5">')
    forged = report[:article] + report[article:].replace("asked for", "asked not", 1)
    assert faults(_forged(made, report_DOT_html=forged.encode())) == [
        "Record 5: report.html shows something else than what is in the pack."
    ]
    assert faults(_forged(made, report_DOT_html=report.encode() + b"<p>And more.")) == [
        "report.html shows more than what is in the pack."
    ]


def test_another_question_is_named(made: Made):
    search = made.files()["search.json"].replace(b'"conversation_id"', b'"injection_id"')
    assert "Record 1: It is not one that was asked for" in faults(_forged(made, search_DOT_json=search))[0]


@pytest.mark.parametrize(
    "name", ["search.json", "checkpoint", "public_keys", "key_rotations.json", "records.jsonl"]
)
def test_a_file_that_was_taken_out_is_missed(name: str, made: Made):
    assert f"The file {name} is missing." in faults(_with(made, {name: None}))


def test_a_file_changed_without_its_digest_is_named(made: Made):
    files = made.files()
    files["verify.py"] += b"#"
    assert faults(made.with_files(files)) == [
        "The file verify.py is not the one of which SHA256SUMS has the digest."
    ]


def test_a_file_too_many_is_a_fault_in_a_zip_and_told_of_in_a_folder(made: Made):
    assert faults(made.with_files({**made.files(), "more": b""})) == [
        "The file more does not belong to the pack."
    ]
    folder = made.unpacked()
    (folder / "more").touch()
    assert faults(folder) == []


def test_a_zip_with_two_files_of_one_name_is_refused(made: Made):
    forged = made.with_files(made.files())
    with zipfile.ZipFile(forged, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("report.html", "another")
    assert "The zip has two files of one name." in faults(forged)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("checkpoint", 3),
        ("public_keys", 3),
        ("key_rotations.json", 1),
        ("search.json", 11),
        ("records.jsonl", 331),
        ("report.html", 997),
        (RECORDING, 5),
        ("SHA256SUMS", 41),
    ],
)
def test_no_flipped_byte_goes_unnoticed(name: str, step: int, made: Made):
    files = made.files()
    content = files[name]
    unnoticed = []
    for at in range(0, len(content), step):
        changed = bytearray(content)
        changed[at] ^= 1
        forged = {**files, name: bytes(changed)}
        if name != "SHA256SUMS":
            forged = with_right_sums(forged)
        if not faults(made.with_files(forged)):
            unnoticed.append((at, content[max(at - 9, 0) : at + 9]))
    assert unnoticed == []


def test_a_broken_zip_is_a_fault_and_no_crash(made: Made):
    content = bytearray(made.path.read_bytes())
    path = made.path.with_name("broken.zip")
    with zipfile.ZipFile(made.path) as archive:
        end_of_first = archive.infolist()[0].compress_size
    for at in range(100, end_of_first, 211):
        content[at] ^= 0xFF
        path.write_bytes(content)
        assert faults(path), at
        content[at] ^= 0xFF


def test_nothing_that_a_forger_wrote_acts_in_the_terminal(made: Made, check: Callable[..., tuple[int, str]]):
    forged = made.with_files({**made.files(), "\x1b[2Jmore\n": b""})
    status, told = check(made.unpacked() / "verify.py", forged)
    assert (status, "FAULT  The file ?[2Jmore? does not belong to the pack." in told) == (1, True)
