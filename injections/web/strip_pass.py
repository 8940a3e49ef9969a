"""The pass with which an open page asks for its strip: no session and no user has to be looked up each second.

It opens nothing else: whoever has one learns whether requests to the platform are held back, for as long as a
session may last.
"""

from typing import Final

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner

_SALT: Final = "injections.web.strip"
_WORD: Final = "strip"


def new_pass() -> str:
    """Return a pass for a page that is being shown to somebody who is logged in."""
    return TimestampSigner(salt=_SALT).sign(_WORD)


def is_valid_pass(given: str) -> bool:
    """Tell whether the portal gave `given` out, no longer ago than a session lasts."""
    try:
        return TimestampSigner(salt=_SALT).unsign(given, max_age=settings.SESSION_COOKIE_AGE) == _WORD
    except BadSignature:
        return False
