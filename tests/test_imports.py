"""Imports stand at the top of a file. Those that stand in a function are listed here, each with its reason; import-linter keeps the rest of the contract."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# file: function: what it imports, and why not at the top of the file
LATE = {
    "react_agent/__init__.py: __getattr__: import_module": "the door is lazy",
    "react_agent/agent.py: as_backend: react_agent.backends.names": "for models that are given by name",
    "react_agent/agent.py: as_backend: react_agent.backends.function": "for models that are functions",
    "react_agent/agent.py: Agent._home: react_agent.stores.jsonl": "for traces that are files",
    "react_agent/agent.py: _as_store: react_agent.stores.jsonl": "for traces that are files",
    "react_agent/trace.py: Trace.save: react_agent.stores.jsonl": "stores stand above traces; this is where a user looks for the way to them",
    "react_agent/trace.py: Trace.load: react_agent.stores.jsonl": "as above",
    "react_agent/formats/__init__.py: get_format: import_module": "a dialect is loaded when it is asked for",
    "react_agent/backends/leaf.py: LeafBackend._open: react_agent.backends.http": "httpx, 73 ms: when the first request is sent",
    "react_agent/backends/retry.py: _again: tenacity": "17 ms, and asyncio: when a request has failed",
    "react_agent/backends/retry.py: _asyncio_sleep: asyncio": "22 ms: when a request has failed",
    "react_agent/schema/raw.py: _registry: jsonschema_specifications": "jsonschema, 41 ms: when a raw schema is first used",
    "react_agent/schema/raw.py: _dialect: attrs": "as above",
    "react_agent/schema/raw.py: _dialect: jsonschema": "as above",
    "react_agent/schema/raw.py: _dialect: jsonschema.validators": "as above",
    "react_agent/schema/signature.py: _docstring: docstring_parser": "7 ms: for docstrings with sections",
    "react_agent/stores/jsonl.py: _lock: fcntl": "not on every system",
    "tools/react_agent_tools/__init__.py: __getattr__: import_module": "the tools' door is lazy",
}
# Commands import only when they are called what only they need, so help and completion cost no more than the parser. Light modules of the
# standard library have no such excuse.
COMMANDS = "react_agent/cli/"
LATE_IN_COMMANDS = ("react_agent", "httpx", "import_module")


def late_imports(path: Path) -> Iterator[str]:
    """``file: function: module`` for each import that runs when its function does."""

    def walk(node: ast.AST, where: str, inside: bool) -> Iterator[tuple[str, str]]:
        for child in ast.iter_child_nodes(node):
            here, within = where, inside
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                here = f"{where}.{child.name}".lstrip(".")
                within = inside or not isinstance(child, ast.ClassDef)
            elif within and isinstance(child, ast.Import):
                yield from ((where, alias.name) for alias in child.names)
            elif within and isinstance(child, ast.ImportFrom):
                yield where, child.module or "."
            elif within and isinstance(child, ast.Call) and ast.unparse(child.func).split(".")[-1] in ("import_module", "__import__"):
                yield where, "import_module"
            yield from walk(child, here, within)

    for where, what in walk(ast.parse(path.read_text("utf-8")), "", False):
        yield f"{path.as_posix()}: {where}: {what}"


def excused(late: str) -> bool:
    return late in LATE or (late.startswith(COMMANDS) and late.split(": ")[2].startswith(LATE_IN_COMMANDS))


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def found() -> set[str]:
    rooms = (Path("react_agent"), Path("tools"))
    return {late for room in rooms for path in room.rglob("*.py") for late in late_imports(path)}


def test_every_late_import_has_a_reason() -> None:
    assert sorted(late for late in found() if not excused(late)) == [], "put them at the top of the file, or into the list with a reason"


def test_no_reason_outlives_its_import() -> None:
    assert sorted(LATE.keys() - found()) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import json", []),
        ("def f():\n    import json", ["f: json"]),
        ("class C:\n    import json\n    async def f(self):\n        from a.b import c", ["C.f: a.b"]),
        ("def f():\n    def g():\n        if x:\n            from . import a, b", ["f.g: ."]),
        ("def f():\n    return importlib.import_module('json')", ["f: import_module"]),
    ],
    ids=["at the top", "in a function", "in a method", "nested", "by name"],
)
def test_late_imports_are_found(source: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "room.py"
    path.write_text(source)
    assert list(late_imports(path)) == [f"{path.as_posix()}: {each}" for each in expected]
