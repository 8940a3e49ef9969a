"""What the sealer left behind, as a test reads it."""

import threading
from collections.abc import Callable

import pytest

from audit.anchors import file as anchors
from audit.checkpoint import Checkpoint, open_checkpoint
from audit.models import AuditCheckpoint
from audit.notes import PublicKey, parse_public_key
from audit.places import Places


def key_of(places: Places) -> PublicKey:
    return parse_public_key(places.public_keys.read_text())


def stored(places: Places) -> list[Checkpoint]:
    notes = AuditCheckpoint.objects.order_by("size").values_list("note", flat=True)
    return [open_checkpoint(note, keys=[key_of(places)]) for note in notes]


def anchored(places: Places) -> list[Checkpoint | None]:
    end = anchors.whole_length(places.anchors)
    lines = anchors.read(places.anchors, keys=[key_of(places)], after=(0, 0), end=end)
    return [line.checkpoint for line in lines]


def wait_for(is_so: Callable[[], bool]) -> None:
    for _ in range(600):
        if is_so():
            return
        threading.Event().wait(0.05)
    pytest.fail("it did not come to pass within 30 s")
