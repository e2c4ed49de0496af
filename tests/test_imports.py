"""Imports stand at the top of a file. Those that stand in a function are listed here, each with its reason; import-linter keeps the rest of the contract."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# file: function: why what it imports does not stand at the top of the file
DOOR = "the door is lazy: a name costs nothing before it is used"
FILES = "for traces that are files"
JSONSCHEMA = "41 ms: when a raw schema is first used"
PYTEST = "pytest loads the plug-in in every project where this package is installed; it costs those nothing"
WORKER = "where modules are looked for is known only when the first line has come in"
EXTRA = "an extra, which need not be installed"
HTTPX = "73 ms: when a page is first asked for"
NOTEBOOK = "views stand above; a notebook looks for this method here"
LATE = {
    "react_agent/__init__.py: __getattr__": DOOR,
    "react_agent/testing/__init__.py: __getattr__": DOOR,
    "tools/react_agent_tools/__init__.py: __getattr__": DOOR,
    "react_agent/accepting.py: as_backend": "for models that are given by name, or are functions",
    "react_agent/accepting.py: as_examples": "for examples that are given as text",
    "react_agent/agent.py: Agent._home": FILES,
    "react_agent/agent.py: _read": FILES,
    "react_agent/accepting.py: as_store": FILES,
    "react_agent/trace.py: Trace.save": FILES,
    "react_agent/trace.py: Trace.load": FILES,
    "react_agent/trace.py: Trace._repr_html_": NOTEBOOK,
    "react_agent/result.py: Result._repr_html_": NOTEBOOK,
    "react_agent/formats/__init__.py: get_format": "a dialect is loaded when it is asked for",
    "react_agent/backends/given.py: usable_format": "a dialect is loaded when it is asked for",
    "react_agent/backends/prices.py: _table": EXTRA,
    "react_agent/cli/serve.py: serve": EXTRA,
    "react_agent/cli/console.py: shell": "1 ms: when a path is shown that is to be pasted",
    "react_agent/cli/loading.py: _guess": "3 ms: when a name was wrong",
    "react_agent/mcp/serve.py: _version": "the package itself: at the top it would be a circle",
    "tools/react_agent_tools/sandbox.py: _run": EXTRA,
    "react_agent/backends/names.py: resolve": "a provider's wire is loaded when it is asked for",
    "react_agent/backends/leaf.py: LeafBackend._open": "httpx, 73 ms: when the first request is sent",
    "react_agent/backends/combine.py: RateLimited._pause": "asyncio, 22 ms: when a request has to wait",
    "react_agent/backends/retry.py: _again": "tenacity, 17 ms, and asyncio: when a request has failed",
    "react_agent/backends/retry.py: _asyncio_sleep": "asyncio, 22 ms: when a request has failed",
    "react_agent/backends/retry.py: retry_after": "5 ms: when a server gave a date",
    "react_agent/backends/template_worker.py: compiled": EXTRA,
    "react_agent/backends/template_worker.py: main": "not on every system",
    "react_agent/backends/wires/anthropic.py: Anthropic.options": "logging, for a warning that most never see",
    "react_agent/schema/raw.py: _registry": JSONSCHEMA,
    "react_agent/schema/raw.py: _dialect": JSONSCHEMA,
    "react_agent/schema/signature.py: _docstring": "7 ms: for docstrings with sections",
    "react_agent/mcp/pins.py: _alone": "not on every system",
    "react_agent/worker.py: _find": WORKER,
    "react_agent/worker.py: _raised": WORKER,
    "react_agent/worker.py: _shown": WORKER,
    "react_agent/testing/plugin.py: _shown": PYTEST,
    "react_agent/testing/plugin.py: agent_traces": PYTEST,
    "react_agent/testing/plugin.py: no_network": PYTEST,
    "react_agent/testing/plugin.py: recorded": PYTEST,
    "react_agent/testing/plugin.py: scripted_agent": PYTEST,
    "react_agent/mcp/client.py: McpServer._call": EXTRA,
    "react_agent/mcp/client.py: McpServer._failed": EXTRA,
    "react_agent/mcp/client.py: McpServer._listen": EXTRA,
    "react_agent/mcp/client.py: McpServer._look_again": EXTRA,
    "react_agent/mcp/link.py: opened": EXTRA,
    "react_agent/mcp/serve.py: serve_stdio.live": EXTRA,
    "react_agent/mcp/serve.py: served": EXTRA,
    "react_agent/telemetry/spans.py: _otel": EXTRA,
    "react_agent/telemetry/store.py: _tracer": EXTRA,
    "tools/react_agent_tools/download.py: ask": HTTPX,
    "tools/react_agent_tools/download.py: ask_json": HTTPX,
    "tools/react_agent_tools/download.py: tls": HTTPX,
    "tools/react_agent_tools/web.py: _Fetcher.ask": HTTPX,
    "tools/react_agent_tools/confined.py: Root.alone": "not on every system",
    "tools/react_agent_tools/memory.py: _wait_for_others": "not on every system",
    "tools/react_agent_tools/sqlite_worker.py: bound": "not on every system",
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

    for where, what in walk(ast.parse((ROOT / path).read_text("utf-8")), "", False):
        yield f"{path.as_posix()}: {where}: {what}"


def excused(late: str) -> bool:
    place, _, module = late.rpartition(": ")
    return place in LATE or (late.startswith(COMMANDS) and module.startswith(LATE_IN_COMMANDS))


@pytest.fixture(scope="module")
def found() -> set[str]:
    rooms = (ROOT / "react_agent", ROOT / "tools")
    return {late for room in rooms for path in room.rglob("*.py") for late in late_imports(path.relative_to(ROOT))}


def test_every_late_import_has_a_reason(found: set[str]) -> None:
    assert sorted(late for late in found if not excused(late)) == [], "put them at the top of the file, or into the list with a reason"


def test_no_reason_outlives_its_import(found: set[str]) -> None:
    assert sorted(LATE.keys() - {late.rpartition(": ")[0] for late in found}) == []


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
