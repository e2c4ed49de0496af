"""The benchmark's mangled outputs: ours reads them all, and they are the same each time."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def mangled() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "mangled.py"
    spec = importlib.util.spec_from_file_location("mangled", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mangled"] = module  # its dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["react_text", "auto"])
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_read_wrong_and_nothing_readable_is_refused(mangled: ModuleType, name: str, seed: int) -> None:
    read = mangled.ours(name)
    found = [
        (case.way, case.text, verdict) for case in mangled.cases(400, seed) if (verdict := mangled.judge(case, read(case.text))) != "right"
    ]
    assert found == []


def test_the_same_seed_gives_the_same_outputs(mangled: ModuleType) -> None:
    assert list(mangled.cases(200, 5)) == list(mangled.cases(200, 5))
    assert len({case.way for case in mangled.cases(200, 5)}) == len({*mangled.KEPT, *mangled.LOST, *mangled.ANSWERS})


def test_the_judge(mangled: ModuleType) -> None:
    call = mangled.Case("w", "t", ("add", {"a": 1, "b": 2}))
    answer, nothing = mangled.Case("w", "t", None, "42"), mangled.Case("w", "t")
    for case, found, verdict in (
        (call, {"kind": "act", "name": "add", "input": "{'a': 1, 'b': 2}"}, "right"),
        (call, {"kind": "act", "name": "add", "input": {"a": 1}}, "WRONG"),
        (call, {"kind": "act", "name": "add", "input": "one"}, "unread"),
        (call, {"kind": "answer", "text": "x"}, "WRONG"),
        (call, {"kind": "error"}, "refused"),
        (answer, {"kind": "answer", "text": " 42"}, "right"),
        (answer, {"kind": "act", "name": "add", "input": "x"}, "WRONG"),
        (nothing, {"kind": "error"}, "right"),
        (nothing, {"kind": "act", "name": "add", "input": {}}, "WRONG"),
        (nothing, {"kind": "answer", "text": ""}, "WRONG"),
    ):
        assert mangled.judge(case, found) == verdict
