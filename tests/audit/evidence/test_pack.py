"""A pack: what stands in it, that the same search gives the same bytes, and that making it is a record."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError

from audit import services
from audit.models import AuditCheckpoint, AuditRecord
from audit.services import NotRecorded
from tests.audit.evidence.conftest import DIGEST, SOUND
from tests.audit.evidence.packs import Made
from tests.audit.forging import CALL

pytestmark = pytest.mark.django_db(transaction=True)
Check = Callable[..., tuple[int, str]]
Pack = Callable[..., Made]
OF_THE_CALL = ("--conversation-id", str(CALL))


def test_a_pack_is_whole_by_its_own_verifier_in_its_folder_and_as_a_zip(
    call: list[AuditRecord], pack: Pack, check: Check
):
    made = pack(*OF_THE_CALL)
    folder = made.unpacked()
    for arguments in ((), (folder,), (made.path,)):
        status, told = check(folder / "verify.py", *arguments)
        assert (status, "FAULT" in told) == (0, False), told
        assert "Verified 9 records against the signed checkpoint of 19. No fault." in told


def test_a_pack_holds_the_text_of_each_record_as_it_was_hashed(call: list[AuditRecord], pack: Pack):
    found = [(line["text"], line["leaf_hash"], line["index"]) for line in pack(*OF_THE_CALL).records()]
    assert found == [(record.body, record.leaf_hash, 2 * n + 1) for n, record in enumerate(call)]
