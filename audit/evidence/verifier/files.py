"""The files of a pack, and what their lines must look like."""

from __future__ import annotations

import hashlib
import json
import os
import re
import zipfile
from typing import IO, Any

from audit.evidence.verifier.signed import Fault

LARGEST_TEXT = 1 << 24  # bytes of a file that is read as a whole
HASH = re.compile("[0-9a-f]{64}")
_MEMBERS = ("index", "leaf_hash", "proof", "text")


class Files:
    """The files of a pack, in its folder or in its zip."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._zip = None if os.path.isdir(path) else zipfile.ZipFile(path)
        self.is_zip = self._zip is not None
        self.names = self._in_folder() if self._zip is None else self._zip.namelist()

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading. Raises Fault when it is not there."""
        if name not in self.names:
            raise Fault(f"The file {name} is missing.")
        return open(os.path.join(self._path, name), "rb") if self._zip is None else self._zip.open(name)

    def text(self, name: str) -> str:
        """Return a small file as text."""
        with self.open(name) as file:
            raw = file.read(LARGEST_TEXT + 1)
        if len(raw) > LARGEST_TEXT:
            raise Fault(f"The file {name} is too large.")
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise Fault(f"The file {name} is not text.") from None

    def json(self, name: str) -> Any:
        """Return the value of a file in JSON."""
        return read_json(self.text(name), f"The file {name}")

    def sha256(self, name: str) -> str:
        """Return the digest of a file."""
        digest = hashlib.sha256()
        with self.open(name) as file:
            for chunk in iter(lambda: file.read(1 << 18), b""):
                digest.update(chunk)
        return digest.hexdigest()

    def _in_folder(self) -> list[str]:
        found = []
        for folder, _, names in os.walk(self._path):
            for name in names:
                found.append(os.path.relpath(os.path.join(folder, name), self._path).replace(os.sep, "/"))
        return sorted(found)


def read_record(raw: bytes, what: str) -> dict[str, Any]:
    try:
        line = raw.decode()
    except UnicodeDecodeError:
        raise Fault(f"{what} is not text.") from None
    record = read_json(line, what)
    if not isinstance(record, dict) or tuple(sorted(record)) != _MEMBERS or canonical(record) + "\n" != line:
        raise Fault(f"{what} is not a record with its place, fingerprint, proof and text.")
    if type(record["index"]) is not int or type(record["text"]) is not str:
        raise Fault(f"{what} has no place or no text.")
    return record


def read_hashes(given: object) -> list[bytes]:
    if not isinstance(given, list) or not all(
        isinstance(each, str) and HASH.fullmatch(each) for each in given
    ):
        raise Fault("A proof is a list of SHA-256 digests.")
    return [bytes.fromhex(each) for each in given]


def read_json(text: str, what: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Fault(f"{what} is not JSON as it is written here.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name is given twice")
    return members


def _refuse(text: str) -> None:
    raise ValueError(text)


def canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
