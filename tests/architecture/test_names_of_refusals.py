"""A refused attempt has one form of name in the log, so that the filter finds an act and its refusals side by side."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"[a-z_]+\.([a-z_]+_)?refused")
RECORDERS = {"record_refusal", "append_refusal"}


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _actions() -> Iterator[tuple[str, str]]:
    for package in ("injections", "bargeportal"):
        for path in (ROOT / package).rglob("*.py"):
            calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
            for call in calls:
                if _called(call) in RECORDERS:
                    for name in _names(call):
                        yield name, f"{path.relative_to(ROOT)}:{call.lineno}"


def _names(call: ast.Call) -> Iterator[str]:
    for part in ast.walk(call):
        is_action = isinstance(part, ast.keyword) and part.arg == "action"
        if is_action and isinstance(part.value, ast.Constant):  # type: ignore[attr-defined]  # a keyword
            yield str(part.value.value)  # type: ignore[attr-defined]


def test_every_refusal_is_named_alike() -> None:
    found = list(_actions())
    assert len(found) > 10
    assert [(name, where) for name, where in found if NAME.fullmatch(name) is None] == []
