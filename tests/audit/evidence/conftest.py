"""Packs, as they are made by the command and verified by a Python without anything of ours."""

import hashlib
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile, File
from django.core.management import call_command

from audit.entry import Subject
from audit.models import AuditRecord
from tests.audit.evidence.packs import Made
from tests.audit.forging import CALL

SOUND = b"RIFF....WAVE, the bytes of a recording"
DIGEST = hashlib.sha256(SOUND).hexdigest()


def open_recording(sha256: str) -> "File[bytes] | None":
    """Stand in for whoever keeps the recordings."""
    return ContentFile(SOUND, name=f"{sha256}.wav") if sha256 == DIGEST else None


@pytest.fixture
def call(record: Callable[..., Any], seal: Callable[[], None], settings: Any) -> list[AuditRecord]:
    """Return the nine records of one call, between ten others; one of them names a recording."""
    settings.AUDIT_RECORDINGS = f"{__name__}.open_recording"
    records = []
    for number in range(19):
        details = {"recording": {"title": "Notice <1>", "sha256": DIGEST}} if number == 3 else {}
        subject = Subject(conversation_id=CALL if number % 2 else uuid4())
        records.append(record(subject=subject, details=details))
        if number in {4, 11}:
            seal()
    seal()
    return records[1::2]


@pytest.fixture
def pack(tmp_path: Path) -> Callable[..., Made]:
    """Return what makes a pack by the command."""

    def make(*options: str, name: str = "pack.zip") -> Made:
        out = io.StringIO()
        call_command("evidence_pack", "--out", str(tmp_path / name), *options, stdout=out)
        return Made(tmp_path / name, out.getvalue())

    return make


@pytest.fixture
def check() -> Callable[..., tuple[int, str]]:
    """Return what runs the verify.py of a pack, or another one, on a folder or zip."""

    def run(program: Path, *arguments: Any) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-I", str(program), *map(str, arguments)],
            check=False,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            cwd="/",
        )
        assert done.stderr == ""
        return done.returncode, done.stdout

    return run
