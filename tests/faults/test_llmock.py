"""The published chaos tool for LLM clients, started on loopback: a few rows of `benchmarks/chaos_report.py`, which runs them all."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

REPORT = Path(__file__).resolve().parents[2] / "benchmarks" / "chaos_report.py"
ROWS = [
    ("openai", "429 with Retry-After, twice", False),
    ("openai", "401", False),
    ("openai", "stream: ends early after 1", True),
    ("openai", "stream: a corrupted chunk after 1", True),
    ("openai-responses", "stream: connection dropped after 3", True),
    ("anthropic", "529 once", True),
    ("anthropic", "stream: ends early after 3", True),
    ("anthropic", "arguments that are no JSON", False),
    ("gemini", "stream: ends early after 1", True),
    ("gemini", "a tool that was never offered", False),
    ("mistral", "prompt too long", False),
    ("groq", "503 with Retry-After", False),
]


@pytest.fixture(scope="module")
def report() -> ModuleType:
    spec = importlib.util.spec_from_file_location("chaos_report", REPORT)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tool's, about what it is made of
        spec.loader.exec_module(module)
    if module.LLMockServer is None:
        pytest.skip(module.MISSING)
    return module


@pytest.fixture(scope="module")
def chaos(report: ModuleType) -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with report.chaos() as tried:
            yield tried


@pytest.mark.parametrize(("provider", "name", "streamed"), ROWS, ids=[f"{provider}: {name}" for provider, name, _ in ROWS])
def test_some_rows(report: ModuleType, chaos: Any, provider: str, name: str, streamed: bool) -> None:
    assert chaos.run(provider, report.scenarios()[name], streamed) == ""


@pytest.mark.slow
def test_every_row(report: ModuleType, chaos: Any, request: pytest.FixtureRequest) -> None:
    if "slow" not in (request.config.getoption("markexpr") or ""):
        pytest.skip("ten minutes; run with -m slow")
    wrong = {
        (provider, name, streamed): found
        for provider in report.BACKENDS
        for name, row in report.scenarios().items()
        for streamed in (False, True)
        if (streamed or not row.streamed) and (found := chaos.run(provider, row, streamed))
    }
    assert wrong == {}
