"""The testing kit: sentences about traces, recorded replies, a network that is not there, and the plug-in in a test suite of its own."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from _stories import tell
from _world import World

from react_agent import Agent, ConfigError, Diverged, MockBackend, OpenAIChatBackend, Result, Trace, call
from react_agent import testing as kit
from react_agent.backends.base import Backend
from react_agent.testing import (
    Cassette,
    CassetteMiss,
    NetworkBlocked,
    ScriptedAgents,
    TraceAssertion,
    assert_trace,
    network_blocked,
    scripted,
    step_table,
)
from react_agent.testing.cassette import Mode
from react_agent.testing.scripting import AgentOptions

pytest_plugins = ["pytester"]


def run(*script: object, question: str = "Go?") -> Result:
    return Agent(MockBackend(script), tools=World().tools()).run_sync(question)  # type: ignore[arg-type]


WHOLE = [
    call("lookup", key="a", thought="Look."),
    [call("add", a=1, b=2), call("nope")],
    call("lookup", key="b"),
    call("boom"),
    "it is done",
]

# ------------------------------------------------------------------------------------------------------------ sentences

Sentence = Callable[[TraceAssertion], TraceAssertion]

TRUE: dict[str, Sentence] = {
    "called": lambda t: t.called("lookup"),
    "called with": lambda t: t.called("lookup", key="a").times(1).called("lookup", key="b").times(1),
    "called with something like": lambda t: t.called("lookup", key=lambda key: key > "a").times(1),
    "times": lambda t: t.called("lookup").times(2),
    "never called": lambda t: t.never_called("wipe").never_called("nope"),
    "tried": lambda t: t.tried("nope").ended("unknown_tool"),
    "before a tool": lambda t: t.called("lookup", key="a").before("add"),
    "before the answer": lambda t: t.called("lookup").before("answer"),
    "after": lambda t: t.called("lookup", key="b").after("add"),
    "ended": lambda t: t.called("boom").ended("error"),
    "returned": lambda t: t.called("add").returned("3"),
    "outcome": lambda t: t.outcome("answered"),
    "answered": lambda t: t.answered("it is done").answered(holds="done").answered(),
    "bounds": lambda t: t.steps(at_most=5).tokens(at_most=0),
    "anything": lambda t: t.satisfies(lambda trace: len(trace) > 1),
}
FALSE: dict[str, tuple[Sentence, str]] = {
    "called": (lambda t: t.called("wipe"), "expected 'wipe' to be called"),
    "called with": (lambda t: t.called("lookup", key="c"), "expected 'lookup' with key='c' to be called; it was, with other arguments"),
    "an argument it has not": (lambda t: t.called("lookup", limit=1), "with limit=1"),
    "what never ran was not called": (lambda t: t.called("nope"), "expected 'nope' to be called"),
    "tried": (lambda t: t.tried("wipe"), "expected 'wipe' to be asked for"),
    "times": (lambda t: t.called("lookup").times(3), "expected 'lookup' to be called 3 times; it was twice"),
    "never called": (lambda t: t.never_called("lookup"), "expected 'lookup' never to be called; it was twice"),
    "before a tool": (lambda t: t.called("lookup").before("add"), "before 'add'; not so in step 2"),
    "before what never came": (lambda t: t.called("lookup").before("wipe"), "before 'wipe', which never came"),
    "after": (lambda t: t.called("lookup").after("add"), "after 'add'; not so in step 0"),
    "after what never came": (lambda t: t.called("lookup").after("wipe"), "after 'wipe', which never had a result"),
    "ended": (lambda t: t.called("lookup").ended("error"), "one ended as 'ok'"),
    "returned": (lambda t: t.called("add").returned("4"), "to hold '4'"),
    "outcome": (lambda t: t.outcome("limit"), "expected the outcome 'limit'; it is 'answered'"),
    "answered": (lambda t: t.answered("no"), "expected the answer 'no'; it is 'it is done'"),
    "answer holds": (lambda t: t.answered(holds="no"), "expected the answer to hold 'no'"),
    "steps": (lambda t: t.steps(at_most=4), "at most 4 steps; there are 5"),
    "anything": (lambda t: t.satisfies(lambda trace: False, "magic"), "to satisfy magic"),
}


@pytest.mark.parametrize("name", TRUE)
def test_true_sentences(name: str) -> None:
    TRUE[name](assert_trace(run(*WHOLE)))


@pytest.mark.parametrize("name", FALSE)
def test_false_sentences(name: str) -> None:
    sentence, words = FALSE[name]
    with pytest.raises(AssertionError) as caught:
        sentence(assert_trace(run(*WHOLE)))
    assert words in str(caught.value)


def test_side_by_side_is_not_before() -> None:
    trace = tell("parallel", "native").trace
    with pytest.raises(AssertionError, match="before 'second'"):
        assert_trace(trace).called("first").before("second")


def test_a_failure_shows_the_steps_and_where_the_trace_lies(tmp_path: Path) -> None:
    result = run(*WHOLE)
    with pytest.raises(AssertionError) as caught:
        assert_trace(result).called("wipe")
    message = str(caught.value)
    assert step_table(result.trace) in message
    assert Trace.load(message.rsplit("trace: ", 1)[1]) == result.trace
    path = result.trace.save(tmp_path / "x.jsonl")
    with pytest.raises(AssertionError, match=r"trace: .*x\.jsonl$"):
        assert_trace(path).called("wipe")


def test_a_sentence_without_a_subject() -> None:
    with pytest.raises(TypeError, match="say first which calls are meant"):
        assert_trace(run("done")).times(1)


def test_step_table() -> None:
    lines = step_table(run(*WHOLE).trace).splitlines()
    assert lines[0].split() == ["step", "thought", "action", "status", "result"]
    assert lines[1].split() == ["0.0", "Look.", 'lookup(key="a")', "ok", "value", "of", "a"]
    assert [line.split()[0] for line in lines[1:]] == ["0.0", "1.0", "1.1", "2.0", "3.0", "4", "→"]
    assert lines[-1] == "→ answered"
    assert len(step_table(Trace()).splitlines()) == 1


# ------------------------------------------------------------------------------------------------------------- scripted


def test_scripted_leaves_the_agent_as_it_is() -> None:
    world = World()
    real = MockBackend(["real"])
    agent = Agent(real, tools=world.tools())
    assert_trace(scripted(agent, [call("lookup", key="a"), "scripted"]).run_sync("Go?")).answered("scripted")
    assert world.names == ["lookup"]
    assert agent.run_sync("Go?").answer == "real"


def test_scripted_by_a_trace() -> None:
    agent = Agent(MockBackend([call("lookup", key="a"), "done"]), tools=World().tools(), instructions="Be brief.")
    trace = agent.run_sync("Go?").trace
    assert scripted(agent, trace).run_sync("Go?").answer == "done"
    with pytest.raises(Diverged, match="asked something else"):
        scripted(agent, trace).run_sync("Something else?")


# ------------------------------------------------------------------------------------------------------------- cassettes


def record(path: Path, mode: Mode, model: Backend | None, *questions: str) -> list[str | None]:
    def source() -> Backend:
        assert model is not None, "a model was made though nothing is to be recorded"
        return model

    cassette = Cassette(path, mode)
    agent = Agent(cassette.backend(source), tools=World().tools())
    answers = [agent.run_sync(question).answer for question in questions]
    cassette.save()
    return answers


def test_record_once_and_play(tmp_path: Path) -> None:
    path = tmp_path / "cassettes" / "x.jsonl"
    model = MockBackend([call("lookup", key="a"), "one", "two"])
    assert record(path, "once", model, "First?", "Second?") == ["one", "two"]
    before = path.read_bytes()
    for mode in ("once", "none"):
        assert record(path, mode, None, "First?", "Second?") == ["one", "two"]  # type: ignore[arg-type]
    assert path.read_bytes() == before
    assert record(path, "all", MockBackend(["new"]), "First?") == ["new"]
    assert record(path, "none", None, "First?") == ["new"]


def test_the_same_request_again_gets_the_next_reply(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    assert record(path, "all", MockBackend(["one", "two"]), "Same?", "Same?") == ["one", "two"]
    assert record(path, "none", None, "Same?", "Same?") == ["one", "two"]
    with pytest.raises(CassetteMiss, match="recorded as request 1, and played already"):
        record(path, "none", None, "Same?", "Same?", "Same?")


def test_a_miss_shows_the_nearest_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.jsonl"
    record(path, "all", MockBackend(["a", "b"]), "How many people live in Paris?", "What is the weather like?")
    with pytest.raises(CassetteMiss) as caught:
        record(path, "none", None, "How many people live in Rome?")
    message = str(caught.value)
    assert "Nearest is request 1" in message
    assert "-user text: How many people live in Paris?" in message
    assert "+user text: How many people live in Rome?" in message
    assert "--react-agent-record=all" in message
    monkeypatch.setenv("REACT_AGENT_REDACT", "Par*")
    with pytest.raises(CassetteMiss, match=r"live in \[redacted\]"):
        record(path, "none", None, "How many people live in Rome?")


def test_the_secrets_of_a_recorded_model_are_masked(tmp_path: Path) -> None:
    model = OpenAIChatBackend("m", base_url="http://localhost:9/v1", api_key="key-of-the-model")
    recording = Cassette(tmp_path / "x.jsonl", "all").backend(model)
    agent = scripted(Agent(recording), ["It is key-of-the-model."])
    assert agent.run_sync("What is the key?").answer == "It is [secret]."


def test_no_cassette(tmp_path: Path) -> None:
    with pytest.raises(CassetteMiss, match=r"there is no cassette .*x\.jsonl: record one with --react-agent-record=once"):
        record(tmp_path / "x.jsonl", "none", None, "Go?")


def test_a_cassette_says_each_thing_once(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    record(path, "all", MockBackend([*[call("lookup", key=str(n)) for n in range(20)], "done"]), "Go?")
    assert path.read_text().count("user text: Go?") == 1
    takes = Cassette(path).takes
    assert all("user text: Go?" in take.lines for take in takes)
    assert len(takes) == 21


@pytest.mark.parametrize(
    "text",
    [
        "not json\n",
        '{"other": 1}\n',
        '{"cassette": 1, "backend": "x", "format": "native"}\n{"request": 1}\n',
        "[]\n",
        '{"cassette": 9}\n',
        "\x00",
    ],
    ids=["words", "other", "edited", "a list", "newer", "bytes"],
)
def test_a_file_that_is_no_cassette(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"x\.jsonl"):
        Cassette(path)


def test_a_cut_cassette(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    record(path, "all", MockBackend([call("lookup", key="a"), "done"]), "Go?")
    whole = path.read_bytes()
    for at in range(1, len(whole), 37):
        path.write_bytes(whole[:at])
        try:
            cassette = Cassette(path)
        except ConfigError:
            continue
        assert len(cassette.takes) <= 2


# --------------------------------------------------------------------------------------------------------------- network


def test_the_network_is_blocked_and_back_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with network_blocked():
            for attempt in (lambda: socket.create_connection(address, 1), lambda: socket.getaddrinfo("example.com", 80)):
                with pytest.raises(NetworkBlocked, match="the network is blocked"):
                    attempt()
            with socket.socket() as one, pytest.raises(NetworkBlocked):
                one.connect_ex(address)
        with network_blocked("loopback"):
            socket.create_connection(address, 1).close()
            with pytest.raises(NetworkBlocked):
                socket.getaddrinfo("example.com", 80)
        socket.create_connection(address, 1).close()


def test_event_loops_and_their_pipes_work_without_a_network() -> None:
    async def main() -> str:
        return await asyncio.to_thread(lambda: "done")

    with network_blocked():
        assert asyncio.run(main()) == "done"
        one, other = socket.socketpair()
        one.close()
        other.close()


def test_a_real_model_without_a_network_is_a_lost_backend() -> None:
    with network_blocked() as tried:
        result = Agent("http://192.0.2.1:1/v1#model", format="native").run_sync("Go?")
    assert (result.outcome.kind, "the network is blocked" in result.outcome.detail) == ("failed", True)
    assert tried == ["192.0.2.1"]


# --------------------------------------------------------------------------------------------------------------- plug-in


def test_a_scripted_agent_takes_what_an_agent_takes(tmp_path: Path) -> None:
    agents = ScriptedAgents(tmp_path / "of the test")
    agents(
        ["done"], store=tmp_path / "own", secrets={"key": "sk-123456"}, output=None, examples=["Question: 1?\nFinal Answer: 1"]
    ).run_sync("Go?")
    agents(["done"]).run_sync("Go?")
    assert [len(list((tmp_path / folder).glob("*.jsonl"))) for folder in ("own", "of the test")] == [1, 1]
    known = {*inspect.signature(ScriptedAgents.__call__).parameters, *AgentOptions.__annotations__}
    assert {*inspect.signature(Agent).parameters} - known == {"backend"}


SUITE = """
import socket
import pytest
from react_agent import Agent, MockBackend, call, tool
from react_agent.testing import assert_trace

@tool(read_only=True)
def search(query: str) -> str:
    "Search."
    return f"found {query}"

def test_plain():
    with socket.create_server(("127.0.0.1", 0)) as server:  # other tests have their network
        socket.create_connection(server.getsockname(), 1).close()

def test_good(scripted_agent):
    result = scripted_agent([call("search", query="x"), "done"], tools=[search]).run_sync("Go?")
    assert_trace(result).called("search").times(1).before("answer")

def test_bad(scripted_agent):
    result = scripted_agent([call("search", query="x"), "done"], tools=[search]).run_sync("Go?")
    assert result.answer == "other"

def test_reaching_out(scripted_agent):
    with pytest.raises(RuntimeError):
        socket.create_connection(("192.0.2.1", 9), 1)
    assert not "reached"

def test_left_over(scripted_agent):
    scripted_agent(["done", "never asked for"]).run_sync("Go?")

def test_skipped(scripted_agent):
    scripted_agent(["never asked for"])
    pytest.skip("not today")

@pytest.mark.xfail
def test_known_to_fail(scripted_agent):
    scripted_agent(["never asked for"])
    assert not "mended yet"

def test_blocked(scripted_agent):
    with pytest.raises(RuntimeError, match="blocked"):
        socket.create_connection(("127.0.0.1", 9), 1)

@pytest.mark.react_agent(network="loopback")
def test_loopback(no_network):
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), 1).close()

@pytest.mark.parametrize("word", ["a/b", "a b", "c"])
def test_recorded(recorded, agent_traces, word):
    agent = Agent(recorded(lambda: MockBackend([f"said {word}"])), store=agent_traces)
    assert agent.run_sync(word).answer == f"said {word}"

class TestClass:
    def test_recorded(self, recorded):
        assert Agent(recorded(lambda: MockBackend(["in a class"]))).run_sync("Where?").answer == "in a class"
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(test_it=SUITE)
    pytester.makeini("[pytest]\naddopts = --strict-markers\nfilterwarnings = error\n")
    return pytester


def suite_run(suite: pytest.Pytester, *options: str) -> pytest.RunResult:
    return suite.runpytest_inprocess("-p", "react_agent.testing.plugin", "-p", "no:cacheprovider", *options)


def test_the_plug_in(suite: pytest.Pytester) -> None:
    result = suite_run(suite, "--react-agent-record=once")
    result.assert_outcomes(passed=9, failed=2, errors=1, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["*It is blocked in this test, which tried 192.0.2.1.*"])
    result.stdout.fnmatch_lines(["*trace *traces*jsonl*", '*0.0*search(query="x")*found x*'])
    result.stdout.fnmatch_lines(["*ScriptError*1 of the mock's 2 replies were never asked for*"])


def test_recording_and_playing_in_a_suite(suite: pytest.Pytester) -> None:
    only = ("-k", "test_recorded")
    suite_run(suite, *only).assert_outcomes(failed=4)
    suite_run(suite, *only, "--react-agent-record=once").assert_outcomes(passed=4)
    made = sorted(path.name for path in (suite.path / "cassettes" / "test_it").iterdir())
    names = r"TestClass\.test_recorded test_recorded_a_b_-\w{8} test_recorded_a_b_-\w{8} test_recorded_c_"
    assert re.fullmatch(names, " ".join(name.removesuffix(".jsonl") for name in made)), made
    suite_run(suite, *only).assert_outcomes(passed=4)
    head = json.loads((suite.path / "cassettes" / "test_it" / made[0]).read_text().splitlines()[0])
    assert head == {"cassette": 1, "backend": "mock", "format": "native"}


def test_the_plug_in_loads_nothing_by_itself(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile(
        "import sys\n\ndef test_it():\n    assert 'pydantic' not in sys.modules and 'react_agent.trace' not in sys.modules\n"
    )
    done = pytester.run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:anyio")
    assert done.ret == 0, done.outlines


@pytest.mark.parametrize("name", kit.__all__)
def test_every_name_of_the_kit_opens(name: str) -> None:
    assert getattr(kit, name).__name__ == name


def test_a_name_that_the_kit_has_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'asert'"):
        kit.asert  # type: ignore[attr-defined]  # noqa: B018 - looking it up is the test
