"""Real model output, where the corpora are: what is read right, and that nothing is read silently wrong."""

from __future__ import annotations

import importlib.util
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ._say import corpora

SHARES = {
    "react_completions": 0.99,
    "react_trajectories": 0.99,
    "peer_parser_cases": 0.99,
    "dialect_llamacpp": 0.98,
    "dialect_vllm": 0.94,
    "dialect_ollama": 0.99,
    "dialect_llamacpp as auto": 0.98,
    "dialect_vllm as auto": 0.94,
    "dialect_ollama as auto": 0.99,
}


@cache
def report() -> Any:
    """The command that shows the same figures."""
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "formats_report.py"
    spec = importlib.util.spec_from_file_location("formats_report", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", SHARES)
def test_rows_are_read_right_and_never_silently_wrong(name: str) -> None:
    directory = corpora()
    if not (directory / f"{name.split()[0]}.jsonl.gz").is_file():
        pytest.skip(f"no corpora at {directory}: set REACT_AGENT_CORPORA")
    found = list(report().JUDGES[name](directory))
    wrong = [(row["id"], reason) for row, (verdict, reason) in found if verdict == "WRONG"]
    assert not wrong
    count = Counter(verdict for _, (verdict, _) in found)
    assert count["right"] / (len(found) - count["left out"]) >= SHARES[name], count


def test_mangled_replies_raise_nothing() -> None:
    kinds, failed, _ = report().generated(3_000)
    assert not failed
    assert set(kinds) == {"act", "answer", "malformed"}
