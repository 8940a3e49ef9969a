"""The child process: reads one request on standard input, examines the recording, writes its result, ends.

Started by `child.analyse` and by nothing else. It imports no Django, sees no environment of the portal's
(so none of its secrets), and holds no database or connection.
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from injections.audio.confinement import confine
from injections.audio.limits import AudioLimits, Target
from injections.audio.refusal import AudioRefused, refused


def main() -> None:
    """Answer one request: the keys of `child.analyse`, as one JSON object."""
    request = json.load(sys.stdin)
    limits = AudioLimits(**request["limits"])
    confine(limits)
    result = json.dumps(_answer(request, limits), allow_nan=False)
    Path(request["result"]).write_text(result, encoding="utf-8")


def _answer(request: dict[str, Any], limits: AudioLimits) -> dict[str, Any]:
    # Imported behind the limits: the decoders' own start-up is bounded too.
    from injections.audio.analysis import examine

    try:
        analysis = examine(
            Path(request["path"]),
            declared_name=request["declared_name"],
            folder=Path(request["folder"]),
            limits=limits,
            target=Target(**request["target"]),
        )
    except AudioRefused as refusal:
        return {"refused": {"code": refusal.code, "message": refusal.message}}
    except MemoryError:
        bomb = refused("decompression_bomb")
        return {"refused": {"code": bomb.code, "message": bomb.message}}
    return {"analysis": dataclasses.asdict(analysis)}
