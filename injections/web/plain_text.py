"""Text that people and platforms send: what a form refuses in it, and how a name is shown whatever it holds.

Characters that nobody sees can turn the direction of writing, so that “live” stands where “evil” was written.
"""

import unicodedata
from collections.abc import Callable
from typing import Final

from django.core.exceptions import ValidationError

# Unicode, Bidi_Control: marks, embeddings, overrides and isolates.
_TURNING: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_CONTROLS: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_OF_LINES: Final = frozenset("\n\r\t")


def plain_text(field: str, *, has_lines: bool = False) -> Callable[[str], None]:
    """Return a validator that refuses control characters in `field` (as in "The title"), naming the first of them.

    `has_lines` lets line breaks and tabs pass.
    """

    def validate(text: str) -> None:
        allowed = _OF_LINES if has_lines else frozenset()
        for place, character in enumerate(text, start=1):
            kind = _kind(character)
            if kind and character not in allowed:
                raise ValidationError(
                    f"{field} holds {kind} (U+{ord(character):04X}, character {place}). "
                    "Take it out, or type the text anew instead of pasting it.",
                    code="control_character",
                )

    return validate


def shown_name(name: str) -> str:
    """Return `name` without what could change how anything beside it is read."""
    return "".join(character for character in name if not _kind(character))


def _kind(character: str) -> str:
    if character in _TURNING:
        return "a hidden character that turns the direction of writing"
    return "a control character" if unicodedata.category(character) in _CONTROLS else ""
