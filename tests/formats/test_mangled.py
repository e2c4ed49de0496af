"""The benchmark's mangled outputs: ours reads them all, and they are the same each time."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def mangled() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("mangled")


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_read_wrong_and_nothing_readable_is_refused(mangled: ModuleType, seed: int) -> None:
    found = []
    for title, spelling in mangled.SPELLINGS.items():
        for name in mangled.OURS[title]:
            read = mangled.ours(name)
            judged = [(name, case.way, case.text, mangled.judge(case, read(case.text))) for case in mangled.cases(400, seed, spelling)]
            found.extend(row for row in judged if row[-1] != "right")
    assert found == []


def test_the_same_seed_gives_the_same_outputs(mangled: ModuleType) -> None:
    for spelling in mangled.SPELLINGS.values():
        made = list(mangled.cases(200, 5, spelling))
        assert made == list(mangled.cases(200, 5, spelling))
        assert {case.way for case in made} == {*spelling.kept, *spelling.lost, *spelling.answers}


def test_the_judge(mangled: ModuleType) -> None:
    call = mangled.Case("w", "t", ("add", {"a": 1, "b": 2}))
    answer, nothing = mangled.Case("w", "t", None, "42"), mangled.Case("w", "t")
    for case, found, verdict in (
        (call, {"kind": "act", "name": "add", "input": "{'a': 1, 'b': 2}"}, "right"),
        (call, {"kind": "act", "name": "add", "input": {"a": 1}}, "WRONG"),
        (call, {"kind": "act", "name": "add", "input": "one"}, "unread"),
        (call, {"kind": "answer", "text": "x"}, "WRONG"),
        (call, {"kind": "error"}, "complained"),
        (nothing, {"kind": "crash"}, "crashed"),
        (answer, {"kind": "answer", "text": " 42"}, "right"),
        (answer, {"kind": "act", "name": "add", "input": "x"}, "WRONG"),
        (nothing, {"kind": "error"}, "right"),
        (nothing, {"kind": "act", "name": "add", "input": {}}, "WRONG"),
        (nothing, {"kind": "answer", "text": ""}, "WRONG"),
    ):
        assert mangled.judge(case, found) == verdict
