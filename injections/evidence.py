"""Recordings for the evidence packs of the log, which asks by digest (AUDIT_RECORDINGS)."""

from django.core.files import File
from django.core.files.storage import default_storage
from django.db.models import Q

from injections.models import AudioClip


def open_recording(sha256: str) -> "File[bytes] | None":
    """Return the recording, as uploaded or levelled, that has this digest; None where there is none any more."""
    clip = AudioClip.objects.filter(Q(sha256=sha256) | Q(levelled_sha256=sha256)).first()
    if clip is None:
        return None
    name = clip.storage_name if clip.sha256 == sha256 else clip.levelled_storage_name
    try:
        return default_storage.open(name)
    except FileNotFoundError:
        return None
