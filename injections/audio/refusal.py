"""Why a file is not taken: one code and one plain sentence, with what the uploader can do about it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SENTENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "empty": "The file holds no sound. Export the recording again and check that it plays.",
        "too_big": "The file is larger than {limit_mb} MB. Shorten it, or export it as mp3 or ogg.",
        "too_long": "The recording lasts longer than {limit_min} minutes. Cut out the part that is needed.",
        "too_short": "The recording is shorter than {limit_ms} ms: no caller would notice it. Record again.",
        "not_audio": "The file is not a recording. Choose a wav, mp3 or ogg file.",
        "unsupported_format": "{found} is not a format that can be used here. Export the recording as "
        "wav, mp3 or ogg (Vorbis or Opus).",
        "unsupported_codec": "The sound is stored as {found}, which cannot be used here. Export the "
        "recording as PCM wav, mp3 or ogg (Vorbis or Opus).",
        "truncated": "The file ends before its recording does ({found}). Export or copy it again.",
        "damaged": "The file is damaged ({found}). Export the recording again from its source.",
        "polyglot": "The file holds something other than the recording ({found}). Export the recording "
        "again, so that it holds the sound only.",
        "decompression_bomb": "The file unpacks to far more sound than a notice can have. Export it again.",
        "drm": "The recording is encrypted or copy-protected. Use one without protection.",
        "video": "The file holds a video. Export its sound alone as wav, mp3 or ogg.",
        "silent": "Nothing can be heard in the recording. Check the microphone level and record it again.",
        "clipped": "{found} of the recording is overdriven, beyond repair. Record it again with less gain.",
        "wrong_extension": "The file is named {named}, but what it holds is {found}. Rename it to end in "
        ".{right}, or choose the right file.",
        "duplicate": "This very recording is in the library already, as “{title}”.",
        "analysis_timeout": "The recording took too long to examine. Export it as PCM wav and try again.",
        "analysis_failed": "The recording could not be examined. Export it again as PCM wav and retry.",
    }
)

LONGEST_MESSAGE: Final = 400


class AudioRefused(Exception):
    """A recording that must not be used. `code` is one of `SENTENCES`; `message` is for the uploader."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def refused(code: str, **details: object) -> AudioRefused:
    """Make the refusal of this code; `details` fill the gaps of its sentence."""
    return AudioRefused(code, SENTENCES[code].format(**details)[:LONGEST_MESSAGE])
