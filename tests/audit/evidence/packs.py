"""A pack on the disk: taken apart, changed, and put together again."""

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.evidence.verifier.checks import Verification
from audit.evidence.verifier.files import Files


@dataclass(frozen=True)
class Made:
    """A pack and what its maker was told."""

    path: Path
    told: str

    def files(self) -> dict[str, bytes]:
        """Return all files by name."""
        with zipfile.ZipFile(self.path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def records(self) -> list[dict[str, Any]]:
        """Return the lines of records.jsonl."""
        return [json.loads(line) for line in self.files()["records.jsonl"].splitlines()]

    def unpacked(self) -> Path:
        """Return the folder into which it is unpacked."""
        folder = self.path.with_suffix("")
        with zipfile.ZipFile(self.path) as archive:
            archive.extractall(folder)
        return folder

    def with_files(self, files: dict[str, bytes]) -> Path:
        """Return another zip of these files."""
        path = self.path.with_name("forged.zip")
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path


def with_right_sums(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files with the digests that a careful forger would put beside them."""
    others = {name: content for name, content in files.items() if name != "SHA256SUMS"}
    lines = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in others.items())
    return {**others, "SHA256SUMS": lines.encode()}


def lines_of(records: list[dict[str, Any]]) -> bytes:
    """Return records as the lines of records.jsonl."""
    return "".join(
        json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"
        for record in records
    ).encode()


def verdict(path: Path, *, pinned: str | None = None, since: str | None = None) -> Verification:
    """Return what verify.py finds in a pack; here within the process, since each test does it many times."""
    verification = Verification(Files(str(path)), pinned=pinned, since=since)
    verification.run()
    return verification


def faults(path: Path, **given: str | None) -> list[str]:
    """Return the faults as verify.py writes them."""
    return [
        text if index is None else f"Record {index}: {text}" for index, text in verdict(path, **given).faults
    ]
