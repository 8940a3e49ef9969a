"""What stands in the repository must stand alone: no address of a package index, no path of one machine."""

import re
import tomllib

import pytest

from tests.architecture.test_sizes_and_names import ROOT, tracked

# Put together here, so that this file does not find itself.
SHARED = "../" + "shared"
MACHINE_PATHS = re.compile("/" + r"(?:work|root|home|Users)/[a-z]")
OPEN_ENDS = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
TEXT = (".py", ".md", ".toml", ".html", ".css", ".js", ".txt", ".lock", ".json", ".yml", "Makefile", "run")


def texts() -> list[tuple[str, str]]:
    names = [name for name in tracked() if name.endswith(TEXT)]
    return [(name, (ROOT / name).read_text(encoding="utf-8")) for name in names]


def test_no_file_names_what_stands_outside() -> None:
    assert [name for name, text in texts() if SHARED in text] == []


def test_no_file_holds_a_path_of_one_machine() -> None:
    assert [(name, found[0]) for name, text in texts() if (found := MACHINE_PATHS.search(text))] == []


def test_nothing_is_left_open_in_the_code() -> None:
    assert [(name, found[0]) for name, text in texts() if (found := OPEN_ENDS.search(text))] == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_names_no_address(lock: str) -> None:
    assert re.search(r"https?://|file://|index-url", (ROOT / lock).read_text()) is None


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_pins_every_version_with_its_hash(lock: str) -> None:
    requirements = re.findall(r"^[a-z0-9][^\n]*(?:\n[ \t]+[^\n]*)*", (ROOT / lock).read_text(), re.MULTILINE)
    assert requirements != []
    assert [
        text.split()[0] for text in requirements if "==" not in text or "--hash=sha256:" not in text
    ] == []


def test_every_dependency_says_what_it_is_for() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    names = [re.split(r"[~><=\[]", entry)[0] for entry in tomllib.loads(project)["project"]["dependencies"]]
    lines = {
        name: next(line for line in project.splitlines() if line.strip().startswith(f'"{name}'))
        for name in names
    }
    assert [name for name, line in lines.items() if "#" not in line] == []


def test_every_silenced_rule_says_why() -> None:
    # [attr-defined] explains itself: an attribute that the stubs do not know.
    codes, kinds = r"(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?", r"(?:\[(?!attr-defined\])[a-z\-, ]+\])?"
    silent = re.compile(rf"#\s*(?:noqa{codes}|type:\s*ignore{kinds})\s*$", re.MULTILINE)
    python = [
        (name, text) for name, text in texts() if name.endswith(".py") and not name.startswith("tests/")
    ]
    assert [(name, found) for name, text in python for found in silent.findall(text)] == []
