"""How numbers, times and telephone numbers are written for people. Pure."""

import math
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from injections.genesys.payload import MAX_DURATION_MS

_MASK: Final = "•••"
_NOT_A_DIGIT: Final = re.compile(r"\D")


def masked_number(address: str) -> str:
    """Return a caller's address so that a person can tell two callers apart, but cannot ring one up.

    `tel:+13175550142` becomes `+1 317 ••• 0142`; what is no telephone number is not shown at all.
    """
    number = address.strip().removeprefix("tel:")
    digits = _NOT_A_DIGIT.sub("", number)
    if not number or "@" in number or not 7 <= len(digits) <= 15:
        return "Number withheld"
    if len(digits) == 11 and digits.startswith("1"):
        return f"+1 {digits[1:4]} {_MASK} {digits[-4:]}"
    prefix = f"+{digits[:2]} " if number.startswith("+") else ""
    return f"{prefix}{_MASK} {digits[-4:]}"


def clock(seconds: float) -> str:
    """Return a running time as 04:12, from an hour on as 1:04:12."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def spoken(seconds: float) -> str:
    """Return a running time in words: 4 min 12 s."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def length(milliseconds: int) -> str:
    """Return the length of a recording as 0:07; never 0:00 for something that can be heard."""
    minutes, seconds = divmod(max(1, round(milliseconds / 1000)), 60)
    return f"{minutes}:{seconds:02}"


def cut_short(milliseconds: int) -> str:
    """Return "the first 30 s of 40 s" for a recording that is longer than may be played, else nothing."""
    if milliseconds <= MAX_DURATION_MS:
        return ""
    return f"the first {spoken(MAX_DURATION_MS / 1000)} of {spoken(math.ceil(milliseconds / 1000))}"


def milliseconds(value: float | None) -> str:
    """Return a measured time as 58 ms, from a second on as 3.2 s, or a dash where nothing was measured."""
    if value is None:
        return "–"
    return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms"


def size(count: int) -> str:
    """Return a number of bytes in the unit that a person would choose."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def seconds_since(then: datetime | None, *, now: datetime) -> float:
    """Return the seconds from `then` to `now`, never negative; nothing known counts as just now."""
    return 0.0 if then is None else max(0.0, (now - then).total_seconds())


def waveform_path(peaks: Sequence[int]) -> str:
    """Return the path of a waveform in a box of len(peaks) × 2 by 100, one upright stroke for each peak of 0 to 100."""
    strokes = []
    for place, peak in enumerate(peaks):
        half = max(2, min(100, int(peak)) // 2)
        strokes.append(f"M{place * 2 + 1} {50 - half}v{half * 2}")
    return "".join(strokes)


def sentence(text: str) -> str:
    """Return `text` with a capital at its beginning and a full stop at its end."""
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")
