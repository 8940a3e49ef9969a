"""Where a pack gets the recordings from that its records name. The log knows nothing of who keeps them.

AUDIT_RECORDINGS of the settings names a function of somebody else: it takes a SHA-256 in hexadecimal, and returns the
recording with that digest as an open file whose name ends in its format, or None.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from django.core.files import File

Opener = Callable[[str], "File[bytes] | None"]


def opener() -> Opener:
    """Return the function that the settings name; one that has no recordings where they name none."""
    name = getattr(settings, "AUDIT_RECORDINGS", "")
    return cast(Opener, import_string(name)) if name else lambda _: None
