import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("audit", "bargeportal", "injections")
BANNED = {"utils", "helpers", "common", "manager", "handler", "processor", "base", "misc"}
TOP_LEVEL = {
    *("manage.py", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "Makefile"),
    *("requirements.lock", "requirements-dev.lock"),
    *(".ci", ".gitignore", "docs", "audit", "bargeportal", "injections", "templates", "tests"),
}


def sources(*folders: str) -> list[Path]:
    """Return every Python file below the folders, migrations left out."""
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return [path for path in found if "migrations" not in path.parts]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Give the name and the lines of each function in `path`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path.relative_to(ROOT)}:{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def tracked() -> list[str]:
    """Return the paths that Git keeps, or would keep."""
    import subprocess

    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.fail("not a Git work tree: these tests read what Git keeps")
    return [line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_no_file_is_longer_than_400_lines() -> None:
    long = {
        str(path): n
        for path in sources(*PACKAGES, "tests")
        if (n := len(path.read_text().splitlines())) > 400
    }
    assert long == {}


def test_no_function_is_longer_than_60_lines() -> None:
    assert [(name, n) for path in sources(*PACKAGES, "tests") for name, n in functions(path) if n > 60] == []


def test_the_median_function_is_shorter_than_10_lines() -> None:
    assert statistics.median(n for path in sources(*PACKAGES) for _, n in functions(path)) < 10


def test_no_module_is_named_after_nothing() -> None:
    named = [
        path for path in sources(*PACKAGES, "tests") if path.stem in BANNED or path.parent.name in BANNED
    ]
    assert named == []


def test_the_top_level_is_fixed() -> None:
    assert {path.split("/")[0] for path in tracked()} <= TOP_LEVEL


def test_a_test_file_of_a_package_stands_under_its_name() -> None:
    folders = {
        path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"
    }
    of_the_whole = {"architecture", "benchmarks", "coverage_of_the_log", "resilience", "support"}
    assert folders <= {*PACKAGES, *of_the_whole}


def test_the_simulator_shares_no_code_with_the_client() -> None:
    own = "injections.genesys.simulator"
    foreign = [
        (str(path.relative_to(ROOT)), name)
        for path in sources("injections/genesys/simulator")
        for name in imported(path)
        if name.split(".")[0] in PACKAGES and not name.startswith(own)
    ]
    assert foreign == []


def test_nothing_of_the_product_uses_the_simulator() -> None:
    allowed = "injections/management/commands/simulator.py"
    users = [
        str(path.relative_to(ROOT))
        for path in sources(*PACKAGES)
        if "simulator" not in path.parts and any("genesys.simulator" in name for name in imported(path))
    ]
    assert users == [allowed]


def imported(path: Path) -> Iterator[str]:
    """Give the full name of each module that `path` imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield ("." * node.level) + (node.module or "")
