"""What becomes verify.py: one file that needs Python 3.8 or newer and nothing else.

It is written as modules, which are typed and tested here, and joined by `source`. They use the standard library alone.
"""

import re
from functools import cache
from pathlib import Path

_PARTS = ("ed25519", "signed", "files", "report", "checks")  # each uses only those before it
_FUTURE = "from __future__ import annotations\n"
_OWN_IMPORTS = re.compile(r"^from audit\.[^(\n]*(\([^)]*\))?\n", re.MULTILINE)
_HEAD = f'''#!/usr/bin/env python3
"""Verify an evidence pack of an audit log, offline and without the software that made it.

    python3 -I verify.py [FOLDER OR ZIP] [--key FILE] [--since FILE]

Exit status 0: nothing is wrong. 1: something is; the first fault comes first, with the record's place in the log.
"""

{_FUTURE}'''


@cache
def source() -> str:
    """Return verify.py: the modules one after the other, without the imports of each other."""
    here = Path(__file__).parent
    parts = (here.joinpath(f"{name}.py").read_text(encoding="utf-8") for name in _PARTS)
    return "\n".join(
        [
            _HEAD,
            *(
                _OWN_IMPORTS.sub("", part.replace(_FUTURE, "")).replace("\n\n\n\n", "\n\n\n")
                for part in parts
            ),
        ]
    )
