"""Imports stand at the top of a file. Those that stand in a function are listed here, each with its reason; import-linter keeps the rest of the contract."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

LATE = {
    # file, function, what it imports: why not at the top
    ("react_agent/__init__.py", "__getattr__", "import_module"): "the door is lazy",
    ("react_agent/agent.py", "as_backend", "react_agent.backends.names"): "wires and profiles, for models that are named only",
    ("react_agent/agent.py", "as_backend", "react_agent.backends.function"): "for functions only",
    ("react_agent/agent.py", "Agent._home", "react_agent.stores.jsonl"): "files, where some are used",
    ("react_agent/agent.py", "_as_store", "react_agent.stores.jsonl"): "files, where some are used",
    ("react_agent/trace.py", "Trace.save", "react_agent.stores.jsonl"): "stores are above traces; this is the way to them that a user looks for",
    ("react_agent/trace.py", "Trace.load", "react_agent.stores.jsonl"): "stores are above traces; this is the way to them that a user looks for",
    ("react_agent/formats/__init__.py", "get_format", "import_module"): "a dialect is loaded when it is asked for",
    ("react_agent/backends/leaf.py", "LeafBackend._open", "react_agent.backends.http"): "httpx: 73 ms",
    ("react_agent/backends/retry.py", "_again", "tenacity"): "loads asyncio and more; only a failed request needs it",
    ("react_agent/backends/retry.py", "_asyncio_sleep", "asyncio"): "so that naming a backend loads no event loop",
    ("react_agent/schema/raw.py", "_registry", "jsonschema_specifications"): "jsonschema: 41 ms",
    ("react_agent/schema/raw.py", "_dialect", "attrs"): "jsonschema: 41 ms",
    ("react_agent/schema/raw.py", "_dialect", "jsonschema"): "jsonschema: 41 ms",
    ("react_agent/schema/raw.py", "_dialect", "jsonschema.validators"): "jsonschema: 41 ms",
    ("react_agent/schema/signature.py", "_docstring", "docstring_parser"): "14 ms; only a docstring with sections needs it",
    ("react_agent/stores/jsonl.py", "_lock", "fcntl"): "not on every system",
    ("tools/react_agent_tools/__init__.py", "__getattr__", "import_module"): "the tools' door is lazy",
}
# Commands import when they are called what only they need: help and completion cost no more than the parser. Light modules of the standard
# library have no such excuse.
LATE_IN_COMMANDS = ("react_agent", "httpx", "import_module")


def late_imports(path: Path) -> Iterator[tuple[str, str, str]]:
    """(file, function, module) of each import that runs when its function does."""
    name = path.relative_to(ROOT).as_posix()

    def walk(node: ast.AST, where: str, inside: bool) -> Iterator[tuple[str, str, str]]:
        for child in ast.iter_child_nodes(node):
            here, within = where, inside
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                here = f"{where}.{child.name}".lstrip(".")
                within = inside or not isinstance(child, ast.ClassDef)
            elif within and isinstance(child, ast.Import):
                yield from ((name, where, alias.name) for alias in child.names)
            elif within and isinstance(child, ast.ImportFrom):
                yield name, where, child.module or "."
            elif within and isinstance(child, ast.Call) and ast.unparse(child.func).split(".")[-1] in ("import_module", "__import__"):
                yield name, where, "import_module"
            yield from walk(child, here, within)

    yield from walk(ast.parse(path.read_text("utf-8")), "", False)


FOUND = {late for room in ("react_agent", "tools") for path in sorted((ROOT / room).rglob("*.py")) for late in late_imports(path)}


def test_every_late_import_has_a_reason() -> None:
    commands = {(file, _, what) for file, _, what in FOUND if file.startswith("react_agent/cli/")}
    excused = {late for late in commands if late[2].startswith(LATE_IN_COMMANDS)}
    assert sorted(FOUND - excused - LATE.keys()) == [], "put them at the top of the file, or into the list above with a reason"


def test_no_reason_outlives_its_import() -> None:
    assert sorted(LATE.keys() - FOUND) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import json", []),
        ("def f():\n    import json", [("f", "json")]),
        ("class C:\n    import json\n    async def f(self):\n        from a.b import c", [("C.f", "a.b")]),
        ("def f():\n    def g():\n        if x:\n            from . import a, b", [("f.g", ".")]),
        ("def f():\n    return importlib.import_module('json')", [("f", "import_module")]),
    ],
    ids=["at the top", "in a function", "in a method", "nested", "by name"],
)
def test_late_imports_are_found(source: str, expected: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / "room.py"
    path.write_text(source)
    assert [(where, what) for _, where, what in late_imports(path)] == expected
