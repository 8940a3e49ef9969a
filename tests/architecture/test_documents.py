import re
from pathlib import Path

import pytest

from tests.architecture.test_sizes_and_names import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def variables_read() -> set[str]:
    """Return the variables that the settings read."""
    source = (ROOT / "bargeportal" / "settings.py").read_text()
    return set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source))


def test_every_variable_is_described() -> None:
    described = set(re.findall(r"`([A-Z][A-Z_]+)`", (ROOT / "docs" / "configuration.md").read_text()))
    assert variables_read() - described == set()


def test_every_check_is_described() -> None:
    sources = [ROOT / "bargeportal" / "checks.py", ROOT / "audit" / "guards.py"]
    ids = set(re.findall(r'"((?:portal|audit)\.[EW]\d+)"', "".join(source.read_text() for source in sources)))
    described = set(re.findall(r"`(\w+\.[EW]\d+)`", (ROOT / "docs" / "configuration.md").read_text()))
    assert ids == described


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)\)", document.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (document.parent / link).exists()] == []


def test_every_command_of_the_readme_exists() -> None:
    readme = (ROOT / "README.md").read_text()
    commands = set(re.findall(r"manage\.py (\w+)", readme)) - {"check", "migrate"}  # Django's own
    found = {path.stem for path in ROOT.glob("*/management/commands/*.py")}
    assert commands - found == set()


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z-]+)", (ROOT / "README.md").read_text()))
    assert named - targets == set()


def test_no_promise_is_made_that_the_log_does_not_keep() -> None:
    texts = [path.read_text(encoding="utf-8").lower() for path in DOCUMENTS]
    assert not any("immutable" in text or "tamper-proof" in text for text in texts)
