"""Every example runs, without a key and without a network, says nothing on stderr, and prints what its docstring promises."""

from __future__ import annotations

import os
import re
import runpy
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NOBODY = "http://127.0.0.1:9/v1"  # the port of the discard service, where no model answers


@dataclass(frozen=True)
class Run:
    """Lines that must be printed, in this order, and how the example is called."""

    lines: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    network: bool = False


RUNS = {
    "quickstart": Run(
        (
            "step 0: I need both figures.",
            "population({'city': 'Paris'}) -> 2102650",
            "Paris has 2.9 times as many people as Oslo.",
            "outcome: answered, 3 steps",
        )
    ),
    "custom_tools": Run(
        (
            "price [error] The catalogue has no 'coffee'; it has tea, cup.",
            "buy [invalid] The arguments do not fit the tool's schema; it was not run. - order.quantity: 0 was given",
            "picture [ok] (a picture)",
            "Two packets of tea are ordered, for 9 euros. [Order(item='tea', quantity=2)]",
        )
    ),
    "raw_schema_tools": Run(
        (
            "offered: ('weather_now',) of ('now', 'remove')",
            "{'town': 'Rome'} [invalid] The arguments do not fit the tool's schema; it was not run. - town: there is no such key.",
            "{'city': 'Rome', 'unit': 'kelvin'} [invalid]",
            "18 degrees in Rome.",
        )
    ),
    "own_backend": Run(("function:rule_based: It is 6.", "rule-based: It is 20.")),
    "router": Run(
        (
            "small: 2 of 4 right for $0.004",
            "large: 4 of 4 right for $0.080",
            "What is 6 times 7?     -> small: it has digits",
            "Who wrote Faust?       -> large: it needs to know things",
            "router: 4 of 4 right for $0.042",
        )
    ),
    "testing_with_the_mock": Run(("passed: the right call is made", "passed: a call that was cut off does not delete everything")),
    "replay_and_fork": Run(
        ("saved and loaded: True, 6 events", "replayed: Paris.", "-system text: Be brief.", "+system text: Be verbose.", "fork: Paris, and")
    ),
    "pause_and_review": Run(
        (
            "outcome: paused",
            "delete({'path': 'draft.txt'}) [ok]: draft.txt is deleted",
            "delete({'path': 'thesis.txt'}) [refused]: That is my life's work.",
        )
    ),
    "typed_answers": Run(("high: 'Site is down', for 20 minutes; after 3 tries", "it is a bug")),
    "streaming": Run(("I have t|o count |them.|", "  page 3 of 3 (100%)", "[finished]", "the model heard: ['How many words", "in French")),
    "parallel_tools": Run(("told to the model: text of a, result of b, text of c",)),
    "resume_after_a_crash": Run(
        (
            "the first process died with exit code 1",
            "events: started replied called resumed returned",
            "the bank's books: bill/0.0: 100 euros",
        )
    ),
    "limits_and_outcomes": Run(
        (
            "a well-behaved model: ANSWERED",
            "it never comes to an end: LIMIT",
            "it goes round in circles: LOOPED",
            "it writes nonsense: MALFORMED",
            "it will not: REFUSED",
            "its server is lost: FAILED",
            "it says nothing for too long: LIMIT",
            "a person has to decide: PAUSED",
            "goes on: 3 and 3.",
            "raised: the run ended with 'limit'",
        )
    ),
    "sub_agents": Run(
        (
            "I shall read The Hive.",
            "tokens, the librarian's included: 660",
            "the librarian's run essay/0.0 belongs to Parent(run_id='essay'",
        )
    ),
    "from_scratch": Run(("Observation: TypeError", "=> 2.1 million")),
    "local_model": Run((f"No OpenAI-compatible server answers at {NOBODY}", "Start one"), (NOBODY,), network=True),
}


def in_order(lines: tuple[str, ...], text: str) -> bool:
    return re.search(".*".join(map(re.escape, lines)), text, re.DOTALL) is not None


def test_every_example_is_in_the_table() -> None:
    assert sorted(path.stem for path in EXAMPLES.glob("*.py")) == sorted(RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_example(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def no_network(*_: object) -> None:
        pytest.fail(f"examples/{name}.py reached for the network")

    run = RUNS[name]
    path = EXAMPLES / f"{name}.py"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(path), *run.arguments])
    for variable in [each for each in os.environ if each.endswith(("_API_KEY", "_proxy", "_PROXY"))]:
        monkeypatch.delenv(variable)
    if not run.network:
        monkeypatch.setattr(socket.socket, "connect", no_network)
    code: object = None
    try:
        runpy.run_path(str(path), run_name="__main__")
    except SystemExit as ended:
        code = ended.code
    out, err = capfd.readouterr()
    assert (code or 0, err) == (0, "")
    assert in_order(run.lines, out), out
    assert list(tmp_path.iterdir()) == [], "an example leaves nothing behind"


@pytest.mark.parametrize("name", RUNS)
def test_example_says_what_it_teaches_and_how_to_run_it(name: str) -> None:
    source = (EXAMPLES / f"{name}.py").read_text("utf-8")
    assert source.startswith('"""')
    assert f"    python examples/{name}.py" in source or f"python examples/{name}.py)" in source
    assert len(source.splitlines()) <= 70, "one idea a file"


def test_as_a_user_runs_it(tmp_path: Path) -> None:
    """In a process of its own, to its very end, with warnings as errors."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / "quickstart.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert in_order(RUNS["quickstart"].lines, done.stdout)
