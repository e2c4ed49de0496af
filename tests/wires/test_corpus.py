"""Real exchanges with providers, read as they were recorded (`benchmarks/wires_report.py` reads them all)."""

from __future__ import annotations

import gzip
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

REPORT = Path(__file__).resolve().parents[2] / "benchmarks" / "wires_report.py"


@pytest.fixture(scope="module")
def report() -> ModuleType:
    spec = importlib.util.spec_from_file_location("wires_report", REPORT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_fourth_recording(corpora: Path, report: ModuleType) -> None:
    with gzip.open(corpora / "provider_traffic.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for number, line in enumerate(lines) if number % 4 == 0]
    verdicts = [(row["id"], *report.judge(row)) for row in rows]
    echoes = [(row["id"], *(report.echo(row) or ("left out", ""))) for row in rows]
    assert [verdict for verdict in (*verdicts, *echoes) if verdict[1] == "WRONG"] == []
    assert sum(verdict[1] == "right" for verdict in verdicts) > 250
