"""What is checked of a pack, in which order, and how it is told."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from audit.evidence.verifier.files import HASH, Files, canonical, read_hashes, read_json, read_record
from audit.evidence.verifier.report import Counts, pages, read_text, recording_of
from audit.evidence.verifier.signed import (
    Checkpoint,
    Fault,
    Key,
    check_consistency,
    check_inclusion,
    leaf_hash,
    with_successors,
)

FORMAT = 1
SUMS = "SHA256SUMS"
_MOST_SHOWN = 20
_LONGEST_LINE = 1 << 20  # bytes


class Verification:
    """One look at a pack. `faults` are found with the place of a record or None, `notes` are what has to be said."""

    def __init__(self, files: Files, *, pinned: str | None, since: str | None) -> None:
        self.files = files
        self.faults: list[tuple[int | None, str]] = []
        self.notes: list[str] = []
        self.records = 0
        self.size = 0
        self._pinned = pinned
        self._since = since
        self._counts = Counts()
        self._last_id = ""
        self._seen: set[int] = set()
        # Call -> number of the record within it -> its fingerprint, that of the one before it, its place.
        self._chains: dict[str, dict[int, tuple[str, str | None, int]]] = {}
        self._named: dict[str, int] = {}  # digest of a recording -> the first record that names it

    def run(self) -> None:
        """Check all that can be checked."""
        self._attempt(self._check_content)
        self._attempt(self._check_sums)
        self.faults.sort(key=lambda fault: (fault[0] is None, fault[0] or 0))

    def _check_content(self) -> None:
        search, note = self._search(), self.files.text("checkpoint")
        checkpoint = self._checkpoint(note)
        self.size = checkpoint.size
        self._attempt(self._check_since, checkpoint)
        self._attempt(self._check_records, checkpoint, search)
        self._attempt(self._check_counts, search)
        self._attempt(self._check_chains, search)
        self._attempt(self._check_recordings)
        self._attempt(self._check_report, search, note)

    def _attempt(self, check: Callable[..., None], *given: Any) -> None:
        """Do one check. What it raises is a fault, and the next one is done all the same."""
        try:
            check(*given)
        except Fault as fault:
            self._fault(fault)
        except Exception as error:  # noqa: BLE001  whatever a forged pack provokes is a fault, and no crash
            self._fault(Fault(f"The pack cannot be read any further: {error}."))

    def _fault(self, fault: Fault) -> None:
        self.faults.append((fault.index, str(fault)))

    def _search(self) -> dict[str, Any]:
        search = self.files.json("search.json")
        if not isinstance(search, dict) or search.get("format") != FORMAT:
            raise Fault(f"This verify.py knows packs of format {FORMAT}; search.json says otherwise.")
        waiting = search.get("not_yet_sealed")
        asked, found = search.get("asked"), search.get("found")
        if (
            not (isinstance(waiting, dict) and isinstance(asked, dict) and isinstance(found, dict))
            or not all(isinstance(value, str) for value in asked.values())
            or type(waiting.get("count")) is not int
        ):
            raise Fault("search.json does not say what was asked and found.")
        if waiting["count"]:
            self.notes.append(
                "{} more were found that had no place in the log yet: they are not in the pack.".format(
                    waiting["count"]
                )
            )
        if "text" in asked or "actor" in asked:
            self.notes.append(
                "Whether each record fits the words or the person asked for is not checked: the portal also looks at"
                " its list of users for that."
            )
        return search

    def _checkpoint(self, note: str) -> Checkpoint:
        lines = (self.files.text("public_keys") if self._pinned is None else self._pinned).splitlines()
        keys = [Key(line) for line in lines if line.strip()]
        if self._pinned is None:
            self.notes.append(
                "The keys came with the pack, so who forged the one could have forged the other. Compare: "
                + "; ".join(key.text for key in keys)
                + " with what you were given, or use --key."
            )
        else:
            for line in self.files.text("public_keys").splitlines():
                Key(line)
        statements = self.files.json("key_rotations.json")
        if not isinstance(statements, list):
            raise Fault("key_rotations.json is not a list.")
        self._keys = with_successors(keys, [str(each) for each in statements])
        return Checkpoint(note, self._keys, "The checkpoint")

    def _check_since(self, checkpoint: Checkpoint) -> None:
        """Prove that the log continues the checkpoint that the pack was made for, and the one that the reader holds."""
        proof: list[bytes] = []
        proved: int | None = None
        if "consistency.json" in self.files.names:
            given = self.files.json("consistency.json")
            if not isinstance(given, dict) or sorted(given) != ["checkpoint", "proof"]:
                raise Fault("consistency.json does not hold a checkpoint and a proof.")
            old = Checkpoint(str(given["checkpoint"]), self._keys, "The earlier checkpoint in the pack")
            proof = read_hashes(given["proof"])
            check_consistency(old, checkpoint, proof)
            proved = old.size
        if self._since is None:
            self.notes.append(
                "No earlier checkpoint was compared (--since): a log rewritten as a whole and signed anew with"
                " its own key looks whole without one."
            )
            return
        mine = Checkpoint(self._since, self._keys, "The checkpoint that you hold")
        if mine.size > checkpoint.size:
            raise Fault(
                f"The checkpoint that you hold knows {mine.size} records, that of the pack {checkpoint.size}:"
                " ask for a pack made with --since."
            )
        if mine.size not in (0, proved, checkpoint.size):
            raise Fault(
                f"The pack does not prove that the log continues the checkpoint of {mine.size} records that you hold:"
                " ask for one made with --since."
            )
        check_consistency(mine, checkpoint, proof if mine.size == proved else [])

    def _lines(self) -> Iterator[dict[str, Any]]:
        """Give the records of the pack. Raises Fault at a line that is none."""
        with self.files.open("records.jsonl") as file:
            for number, raw in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), start=1):
                yield read_record(raw, f"Line {number} of records.jsonl")

    def _check_records(self, checkpoint: Checkpoint, search: dict[str, Any]) -> None:
        for record in self._lines():
            content = read_text(record["text"])
            self.records += 1
            self._counts.add(content)
            try:
                self._note_recording(content, record["index"])
                self._note_link(content, record)
                _check_place(record, checkpoint)
                self._check_order(content, record["index"])
                _check_asked(content, search["asked"])
            except Fault as fault:
                self._fault(Fault(str(fault), record["index"]))

    def _note_recording(self, content: dict[str, Any], index: int) -> None:
        digest = recording_of(content)
        if digest:
            self._named.setdefault(digest, index)

    def _note_link(self, content: dict[str, Any], record: dict[str, Any]) -> None:
        number, subject = content.get("number_in_conversation"), content.get("subject")
        if isinstance(number, int) and isinstance(subject, dict):
            chain = self._chains.setdefault(str(subject.get("conversation_id")), {})
            chain.setdefault(
                number, (record["leaf_hash"], content.get("previous_in_conversation"), record["index"])
            )

    def _check_order(self, content: dict[str, Any], index: int) -> None:
        if index in self._seen or str(content.get("id")) <= self._last_id:
            raise Fault("It stands twice, or not in its order.")
        self._seen.add(index)
        self._last_id = str(content.get("id"))

    def _check_counts(self, search: dict[str, Any]) -> None:
        if self._counts.found() != search["found"]:
            raise Fault(
                "search.json counts {} records with their times, outcomes and actions; those in records.jsonl are"
                " others: some were removed, added or changed.".format(search["found"].get("records"))
            )

    def _check_chains(self, search: dict[str, Any]) -> None:
        """Find what is missing within a call. A search for calls and nothing else must have every record."""
        must_be_whole = list(search["asked"]) == ["conversation_id"] or not search["asked"]
        must_be_whole = must_be_whole and not search["not_yet_sealed"]["count"]
        with_gaps = []
        for call, chain in self._chains.items():
            for number in sorted(chain):
                before, (_, previous, index) = chain.get(number - 1), chain[number]
                if before is not None and before[0] != previous:
                    self._fault(Fault(f"It does not continue record {number - 1} of its call.", index))
                if before is None and number > 1:
                    with_gaps.append(call)
                    if must_be_whole:
                        self._fault(Fault(f"Record {number - 1} of its call, before it, is missing.", index))
        if with_gaps and not must_be_whole:
            self.notes.append(
                f"Of {len(set(with_gaps))} of {len(self._chains)} calls not every record up to the last one in the"
                f" pack is in it, since more than the call was asked for. First: call {with_gaps[0]}."
            )
        if self._chains:
            self.notes.append(
                "Whether a call went on after its last record in the pack cannot be seen from the pack."
            )

    def _recordings(self) -> dict[str, str]:
        """Return the path in the pack of each recording, by the digest in its name."""
        names = [name for name in self.files.names if name.startswith("recordings/")]
        return {name[len("recordings/") :].split(".")[0]: name for name in names}

    def _check_recordings(self) -> None:
        there = self._recordings()
        for digest, index in sorted(self._named.items(), key=lambda named: named[1]):
            if digest not in there:
                self.notes.append(f"The recording {digest}, named by record {index}, is not in the pack.")
            elif self.files.sha256(there[digest]) != digest:
                self._fault(Fault(f"The recording in {there[digest]} is not the one that it names.", index))
        for digest in sorted(there.keys() - self._named.keys()):
            self._fault(Fault(f"No record names the recording in {there[digest]}."))

    def _check_report(self, search: dict[str, Any], note: str) -> None:
        """Make the report again and compare."""
        with self.files.open("report.html") as file:
            again = pages(
                search={**search, "found": self._counts.found()},
                checkpoint=note,
                records=self._lines(),
                recordings=self._recordings(),
            )
            for index, expected in again:
                if file.read(len(expected)) != expected:
                    raise Fault("report.html shows something else than what is in the pack.", index)
            if file.read(1):
                raise Fault("report.html shows more than what is in the pack.")

    def _check_sums(self) -> None:
        """Compare each file with its digest: what no other check looks at is compared here."""
        expected = self._sums()
        names = [name for name in self.files.names if name != SUMS]
        if len(set(names)) != len(names):
            raise Fault("The zip has two files of one name.")
        for name in sorted(set(names) - set(expected)):
            stray = f"The file {name} does not belong to the pack."
            if self.files.is_zip:
                self._fault(Fault(stray))
            else:
                self.notes.append(stray)
        for name, digest in expected.items():
            if self.files.sha256(name) != digest:
                self._fault(Fault(f"The file {name} is not the one of which {SUMS} has the digest."))

    def _sums(self) -> dict[str, str]:
        expected: dict[str, str] = {}
        for line in self.files.text(SUMS).split("\n")[:-1]:
            digest, _, name = line.partition("  ")
            if HASH.fullmatch(digest) is None or not name or name in expected:
                raise Fault(f"{SUMS} has a line that is no digest of a file.")
            expected[name] = digest
        return expected


def _check_place(record: dict[str, Any], checkpoint: Checkpoint) -> None:
    """Compare a record with its fingerprint, its place under the checkpoint, and the form of all records."""
    text, leaf = record["text"], leaf_hash(record["text"])
    if leaf.hex() != record["leaf_hash"]:
        raise Fault("Its text does not fit its fingerprint.")
    proof = read_hashes(record["proof"])
    check_inclusion(index=record["index"], size=checkpoint.size, leaf=leaf, proof=proof, root=checkpoint.root)
    content = read_json(text, "Its text")
    if not isinstance(content, dict) or canonical(content) != text:
        raise Fault("Its text is not in the one form in which records are written.")


def _check_asked(content: dict[str, Any], asked: dict[str, str]) -> None:
    """Compare a record with what was asked, as far as its own text can tell it.

    Words and persons are also looked for in the portal's list of users, which nobody else has.
    """
    subject, at = content.get("subject"), str(content.get("recorded_at"))
    for name, value in asked.items():
        is_met = True
        if name in ("action", "outcome", "reason_code"):
            is_met = content.get(name) == value
        elif name in ("conversation_id", "clip_id", "injection_id"):
            is_met = isinstance(subject, dict) and subject.get(name) == value
        elif name in ("since", "until"):
            is_met = (at >= value) is (name == "since")
        if not is_met:
            raise Fault(f"It is not one that was asked for: {name} is not “{value}”.")


def main() -> int:
    """Verify a pack, tell what was found; return the exit status."""
    parser = argparse.ArgumentParser(
        description="Verify an evidence pack of an audit log: offline, with nothing but Python.",
    )
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument(
        "pack", nargs="?", default=here, help="its folder or zip (default: where this file stands)"
    )
    parser.add_argument(
        "--key", metavar="FILE", help="the public keys that you were given, to trust these alone"
    )
    parser.add_argument("--since", metavar="FILE", help="an earlier checkpoint that you hold")
    given = parser.parse_args()
    try:
        pinned, since = _content(given.key), _content(given.since)
        verification = Verification(Files(given.pack), pinned=pinned, since=since)
        verification.run()
    except Exception as error:  # noqa: BLE001  as above
        _write([f"FAULT  The pack cannot be read: {error}."])
        return 1
    return _tell(verification)


def _content(path: str | None) -> str | None:
    if path is None:
        return None
    with open(path, encoding="utf-8") as file:
        return file.read()


def _tell(verification: Verification) -> int:
    told = []
    for index, text in verification.faults[:_MOST_SHOWN]:
        told.append("FAULT  " + text if index is None else f"FAULT  Record {index}: {text}")
    if len(verification.faults) > _MOST_SHOWN:
        told.append(f"FAULT  and {len(verification.faults) - _MOST_SHOWN} more")
    told += ["note   " + text for text in verification.notes]
    result = "No fault." if not verification.faults else f"Faults: {len(verification.faults)}."
    told.append(
        f"Verified {verification.records} records against the signed checkpoint of {verification.size}. {result}"
    )
    _write(told)
    return 1 if verification.faults else 0


def _write(lines: list[str]) -> None:
    """Write lines to whatever the terminal can show; nothing that a forger wrote may act in it."""
    encoding = sys.stdout.encoding or "ascii"
    for line in lines:
        shown = "".join(letter if letter.isprintable() else "?" for letter in line)
        sys.stdout.write(shown.encode(encoding, "replace").decode(encoding) + "\n")


if __name__ == "__main__":
    sys.exit(main())
