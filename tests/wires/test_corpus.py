"""Real exchanges with providers, read as they were recorded, and real conversations, replayed (`benchmarks/wires_report.py` tries them all)."""

from __future__ import annotations

import gzip
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def benchmarks() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield patch


@pytest.fixture(scope="module")
def report(benchmarks: pytest.MonkeyPatch) -> ModuleType:
    return importlib.import_module("wires_report")


@pytest.fixture(scope="module")
def rows(corpora: Path) -> list[dict[str, Any]]:
    with gzip.open(corpora / "provider_traffic.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def test_every_fourth_recording(rows: list[dict[str, Any]], report: ModuleType) -> None:
    some = rows[::4]
    verdicts = [(row["id"], *report.judge(row)) for row in some]
    echoes = [(row["id"], *(report.echo(row) or ("left out", ""))) for row in some]
    assert [verdict for verdict in (*verdicts, *echoes) if verdict[1] == "WRONG"] == []
    assert sum(verdict[1] == "right" for verdict in verdicts) > 250


def test_recorded_conversations_through_the_whole_loop(rows: list[dict[str, Any]], benchmarks: pytest.MonkeyPatch) -> None:
    """Each further request carries what was recorded: questions, calls with their ids, results, thinking with its signatures."""
    replay = importlib.import_module("conversations")
    verdicts = [(one.turns[0].row["id"], *verdict) for one in replay.conversations(rows) for verdict in replay.judge(one)]
    assert [verdict for verdict in verdicts if verdict[1] == "WRONG"] == []
    assert sum(verdict[1] == "right" for verdict in verdicts) > 300
