"""What a machine may lack: the test is then left out with a word on what to install, but never in CI."""

import os
import shutil

import pytest


def binary(*names: str, install: str) -> str:
    """Return the path of the first of these programs that is here; `install` is the package that brings it."""
    found = next(filter(None, map(shutil.which, names)), None)
    return found if found is not None else lacking(names[0], install=install)


def lacking(what: str, *, install: str) -> str:
    """Leave the test out; in CI fail it."""
    advice = f"{what} is not installed: apt-get install {install}"
    if os.environ.get("CI"):
        pytest.fail(f"in CI no test may be left out; {advice}")
    pytest.skip(advice)
