"""The ways from a run to those beneath its calls, to the one above it, and to the one that a fork parted from."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from _stories import tell
from msgspec.structs import replace
from typer.testing import CliRunner

from react_agent import Agent, JsonlStore, MockBackend, Tool, Trace, Usage, call, tool
from react_agent.cli.app import app
from react_agent.events import Called, Parent, Returned
from react_agent.view import kin
from react_agent.view.redact import Redactor

from .test_html import data_of


@tool(read_only=True)
def shelf(topic: str) -> str:
    """What stands on a shelf."""
    return f"two books on {topic}"


def asking(name: str, store: JsonlStore, *script: object, tools: list[Tool]) -> Tool:
    """A tool that asks an agent of its own."""

    @tool(name=f"ask_{name}", idempotent=True)
    async def ask(question: str) -> str:
        """Ask."""
        agent = Agent(MockBackend(list(script), usage=Usage(10, 5)), tools=tools, name=name, store=store)  # type: ignore[arg-type]
        return (await agent.run(question)).answer or ""

    return ask


def family(folder: Path) -> JsonlStore:
    """``p`` asks a librarian in 0.0, who asks a keeper; and in 1.0 both of two. ``f`` is a fork of it, and ``g`` a fork of that."""
    store = JsonlStore(folder)
    keeper = asking("keeper", store, call("shelf", topic="bees"), "two books", tools=[shelf])
    librarian = asking("librarian", store, call("ask_keeper", question="bees?"), "we have two", tools=[keeper])

    @tool
    async def ask_both(question: str) -> str:
        """Ask two."""
        return " ".join([str(await each.function(question)) for each in (librarian, keeper)])  # type: ignore[misc]

    script = [call("ask_librarian", question="bees?"), [call("ask_both", question="a"), call("shelf", topic="x")], "done"]
    tools = [librarian, ask_both, shelf]
    whole = Agent(MockBackend(script, usage=Usage(10, 5)), tools=tools, store=store).run_sync("Which?", run_id="p").trace
    fork = whole.fork(whole.after_step(1), run_id="f", now=9.0)
    fork = Agent(MockBackend(["no more"]), tools=tools).resume_sync(fork).trace
    fork.save(store.path("f"))
    again = fork.fork(len(fork) - 1, run_id="g", now=10.0)
    Agent(MockBackend(["nor now"]), tools=tools).resume_sync(again, "And now?").trace.save(store.path("g"))
    return store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JsonlStore:
    monkeypatch.chdir(tmp_path)
    with ThreadPoolExecutor(1) as apart:  # where no event loop runs yet
        return apart.submit(family, Path("runs")).result()


def show(*words: object) -> str:
    result = CliRunner().invoke(app, ["trace", "show", *map(str, words)])
    assert result.exit_code == 0, result.output
    return result.stdout


def lines_of(text: str, label: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line[4:].startswith(label)]


def test_show_names_the_files_of_sub_agents_and_of_what_is_above(store: JsonlStore) -> None:
    answered = "answered · 2 steps"
    assert lines_of(show("p"), "sub-agent") == [
        f"sub-agent runs/p~0.0.jsonl librarian · {answered}",
        f"sub-agent runs/p~1.0.jsonl librarian · {answered}",
        f"sub-agent runs/p~1.0%2B2.jsonl keeper · {answered}",
    ]
    nested = show("p/0.0")
    assert lines_of(nested, "parent") == ["parent p (call p/0.0) runs/p.jsonl"]
    assert lines_of(nested, "sub-agent") == [f"sub-agent runs/p~0.0~0.0.jsonl keeper · {answered}"]


def test_what_is_said_of_a_sub_agent_is_masked(store: JsonlStore) -> None:
    text = show("p", "--redact", "libr*")
    assert lines_of(text, "sub-agent")[0] == "sub-agent runs/p~0.0.jsonl [redacted] · answered · 2 steps"


def test_show_says_where_a_fork_parted(store: JsonlStore) -> None:
    fork = show("f")
    assert lines_of(fork, "fork of") == ["fork of p (its first 4 events) runs/p.jsonl"]
    assert lines_of(fork, "sub-agent")[0].startswith("sub-agent runs/p~0.0.jsonl")  # that of its parent: the call is its parent's
    rows = fork.splitlines()
    parted = next(at for at, row in enumerate(rows) if "parted" in row)
    assert any("we have two" in row for row in rows[:parted])
    assert not any("we have two" in row for row in rows[parted:])
    assert lines_of(show("g"), "fork of")[0].startswith("fork of f (its first ")
    store.path("f").unlink()
    assert lines_of(show("g"), "fork of")[0].endswith("events)")


def test_show_says_of_a_trace_that_is_not_there_and_of_one_that_goes_on(store: JsonlStore) -> None:
    store.path("p/0.0").unlink()
    child = store.load("p/1.0")
    child.cut(3).save(store.path("p/1.0"))
    store.path("p/1.0+2").write_text("{}\n")
    first, second, third = lines_of(show("p"), "sub-agent")
    assert first == "sub-agent its trace is not beside this one: there is no runs/p~0.0.jsonl"
    assert second == "sub-agent runs/p~1.0.jsonl librarian · unfinished · 1 step"
    assert third == "sub-agent runs/p~1.0%2B2.jsonl unreadable"
    whole = store.load("p")
    at = next(at for at, event in enumerate(whole) if isinstance(event, Called) and event.step == 1 and event.index == 0)
    whole.cut(at + 1).save(store.path("p"))
    assert lines_of(show("p"), "sub-agent")[1:] == [second, third]  # beneath a call that is still open


def test_a_plain_call_has_nobody_beneath_it() -> None:
    assert kin.beneath(tell("one_call", "native").trace, lambda run_id: False) == {}


@pytest.mark.parametrize("key", ["../../etc/passwd", "x" * 5000, "a\0b", "p/0.0/" * 900])
def test_a_key_that_is_no_file_name(key: str, tmp_path: Path) -> None:
    assert not kin.is_file(kin.file_of(key, tmp_path / "p.jsonl"))
    assert kin.file_of(key, tmp_path / "p.jsonl").parent == tmp_path


def test_a_run_that_is_beneath_itself(tmp_path: Path) -> None:
    """Edited by hand: it is shown once."""
    trace = tell("one_call", "native").trace
    own = Trace([replace(event, key=trace.run_id) if isinstance(event, Called) else event for event in trace])
    path = own.save(JsonlStore(tmp_path).path(own.run_id))
    assert kin.descendants(own, path) == {}


@pytest.mark.parametrize(
    ("parent", "run_id", "above", "parted"),
    [
        (None, "r", None, None),
        (Parent("p", call="p/3.1"), "p/3.1", kin.Relative("p", 3), None),
        (Parent("p", at=1), "f", None, kin.Relative("p", None)),
        (Parent("p", at=3), "f", None, kin.Relative("p", 0)),
        (Parent("p/0.0", at=3, call="p/0.0"), "f/0.0", kin.Relative("f", 0), kin.Relative("p/0.0", 0)),
        (Parent("p", call="[redacted]"), "p/0.0", kin.Relative("p", None), None),
        (Parent("p", at=-5), "f", None, kin.Relative("p", None)),
        (Parent("p", call=f"p/{'9' * 5_000}.0"), "f", kin.Relative("p", None), None),
    ],
    ids=["none", "sub-agent", "fork at once", "fork", "beneath a fork", "masked", "edited by hand", "no number that can be read"],
)
def test_where_a_run_comes_from(parent: Parent | None, run_id: str, above: kin.Relative | None, parted: kin.Relative | None) -> None:
    trace = tell("one_call", "native").trace
    trace = Trace([replace(trace.started, run_id=run_id, parent=parent), *trace[1:]])
    assert (kin.above(trace), kin.parted(trace)) == (above, parted)


def test_only_what_may_have_changed() -> None:
    trace = tell("one_call", "native").trace
    at = next(at for at, event in enumerate(trace) if isinstance(event, Returned))
    everywhere = kin.beneath(trace, lambda run_id: "+" not in run_id)
    assert list(everywhere) == [(0, 0)]
    assert kin.beneath(trace, lambda run_id: "+" not in run_id, at) == everywhere
    assert kin.beneath(trace, lambda run_id: "+" not in run_id, at + 1) == {}


# --------------------------------------------------------------------------------------------------------------- the page


def test_a_page_holds_the_runs_beneath_it_masked_alike(store: JsonlStore) -> None:
    result = CliRunner().invoke(app, ["trace", "html", "p", "-o", "p.html", "--redact", "two"])
    assert result.exit_code == 0
    data = data_of(Path("p.html").read_text("utf-8"))
    assert sorted(data["runs"]) == ["p/0.0", "p/0.0/0.0", "p/1.0", "p/1.0+2", "p/1.0/0.0"]  # type: ignore[call-overload]
    assert "[redacted] books" in str(data["runs"])
    assert "two books" not in str(data)
    [child] = data["beneath"]["0.0"]  # type: ignore[index]
    assert child == {"run": "p/0.0", "there": True, "agent": "librarian", "outcome": "answered", "steps": 2}
    assert data["runs"]["p/0.0"]["above"] == {"run": "p", "step": 0, "call": "p/0.0"}  # type: ignore[index]


def test_descendants_that_cannot_be_read_are_left_out(store: JsonlStore) -> None:
    path = store.path("p")
    store.path("p/0.0").write_text("{}\n")
    store.path("p/1.0").write_bytes(store.path("p/1.0+2").read_bytes())  # another run under this name
    assert sorted(kin.descendants(store.load("p"), path, Redactor())) == ["p/1.0+2"]
