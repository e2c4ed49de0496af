"""Traces as spans: the same spans live and afterwards, nothing that was said unless it is asked for, and runs beneath their callers."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from _stories import STORIES, tell
from _world import World

from react_agent import Agent, ConfigError, JsonlStore, MockBackend, Settings, Trace, Usage, call, semconv, tool
from react_agent.errors import BackendRejected
from react_agent.events import Called, Replied
from react_agent.telemetry import TelemetryStore, export_traces
from react_agent.view.redact import Redactor

sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed")
export = pytest.importorskip("opentelemetry.sdk.trace.export")
memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
api = pytest.importorskip("opentelemetry.trace")


class Spans:
    """A provider and what it was given."""

    def __init__(self) -> None:
        self.exporter = memory.InMemorySpanExporter()
        self.provider = sdk.TracerProvider()
        self.provider.add_span_processor(export.SimpleSpanProcessor(self.exporter))

    @property
    def all(self) -> list[object]:
        return sorted(self.exporter.get_finished_spans(), key=lambda span: (span.start_time, span.name))

    def one(self, name: str) -> object:
        [span] = [span for span in self.all if span.name == name]  # type: ignore[attr-defined]
        return span

    def shape(self) -> list[tuple[str, str | None, dict[str, object]]]:
        """Name, the parent's name, attributes."""
        names = {span.context.span_id: span.name for span in self.all}  # type: ignore[attr-defined]
        made = [(s.name, names.get(s.parent.span_id) if s.parent else None, dict(s.attributes)) for s in self.all]  # type: ignore[attr-defined]
        return sorted(made, key=str)


@pytest.fixture
def spans() -> Iterator[Spans]:
    made = Spans()
    yield made
    made.provider.shutdown()


SECRETS = ("The question?", "Be brief", "value of", "Look a key up", "done", "secret thought", "lookup_typo")
SCRIPT = [call("lookup", key="a", thought="secret thought"), [call("add", a=1, b="x"), call("lookup_typo")], "done"]


def run(store: TelemetryStore | None = None) -> Trace:
    backend = MockBackend(SCRIPT, usage=Usage(10, 5, 3, 0, 2), name="openai:gpt-5")
    agent = Agent(backend, tools=World().tools(), instructions="Be brief.", store=store, name="helper", settings=Settings(temperature=0.5))
    return agent.run_sync("The question?").trace


def test_tokens_that_nobody_counted_are_not_reported_as_none(spans: Spans) -> None:
    export_traces(Agent(MockBackend(["done"])).run_sync("Go.").trace, tracer_provider=spans.provider)
    assert not [name for _, _, attributes in spans.shape() for name in attributes if "usage" in name]


def test_the_spans_of_a_run(spans: Spans) -> None:
    trace = run()
    export_traces(trace, tracer_provider=spans.provider)
    root = spans.one("invoke_agent helper")
    assert dict(root.attributes) == {  # type: ignore[attr-defined]
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.agent.name": "helper",
        "gen_ai.conversation.id": trace.run_id,
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 15,
        "gen_ai.usage.cache_read.input_tokens": 9,
        "gen_ai.usage.reasoning.output_tokens": 6,
        "react_agent.outcome": "answered",
        "react_agent.steps": 3,
    }
    assert [(name, parent) for name, parent, _ in spans.shape()] == [
        ("chat gpt-5", "invoke_agent helper"),
        ("chat gpt-5", "invoke_agent helper"),
        ("chat gpt-5", "invoke_agent helper"),
        ("execute_tool _OTHER", "invoke_agent helper"),
        ("execute_tool add", "invoke_agent helper"),
        ("execute_tool lookup", "invoke_agent helper"),
        ("invoke_agent helper", None),
    ]
    first = next(attributes for name, _, attributes in spans.shape() if name.startswith("chat") and attributes["react_agent.step"] == 0)
    assert first["gen_ai.request.temperature"] == 0.5
    assert first["gen_ai.response.finish_reasons"] == ("tool_call",) or first["gen_ai.response.finish_reasons"] == ("stop",)
    assert spans.one("execute_tool add").status.status_code is api.StatusCode.ERROR  # type: ignore[attr-defined]
    assert spans.one("execute_tool add").attributes["error.type"] == "invalid"  # type: ignore[attr-defined]
    assert spans.one("execute_tool lookup").attributes["gen_ai.tool.call.id"] == f"{trace.run_id}/0.0"  # type: ignore[attr-defined]
    assert spans.one("execute_tool lookup").kind is api.SpanKind.INTERNAL  # type: ignore[attr-defined]


def test_times_are_those_of_the_record(spans: Spans) -> None:
    trace = run()
    export_traces(trace, tracer_provider=spans.provider)
    root, replied = spans.one("invoke_agent helper"), next(event for event in trace if isinstance(event, Replied))
    assert root.start_time == int(trace.started.at * 1e9)  # type: ignore[attr-defined]
    assert root.end_time == int(trace[-1].at * 1e9)  # type: ignore[attr-defined]
    chat = next(span for span in spans.all if span.name == "chat gpt-5")  # type: ignore[attr-defined]
    assert (chat.start_time, chat.end_time) == (int((replied.at - replied.seconds) * 1e9), int(replied.at * 1e9))  # type: ignore[attr-defined]


def test_nothing_that_was_said_unless_asked_for(spans: Spans) -> None:
    export_traces(run(), tracer_provider=spans.provider)
    shown = str([(span.to_json()) for span in spans.all])  # type: ignore[attr-defined]
    assert [word for word in SECRETS if word in shown] == []
    assert not any(name in attributes for _, _, attributes in spans.shape() for name in semconv.CONTENT)


def test_content(spans: Spans) -> None:
    export_traces(run(), tracer_provider=spans.provider, content=True)
    shown = str([span.to_json() for span in spans.all])  # type: ignore[attr-defined]
    assert [word for word in SECRETS if word not in shown] == []
    lookup = spans.one("execute_tool lookup").attributes  # type: ignore[attr-defined]
    assert json.loads(lookup["gen_ai.tool.call.arguments"]) == {"key": "a"}
    assert lookup["gen_ai.tool.call.result"] == "value of a"
    chats = [attributes for name, _, attributes in spans.shape() if name.startswith("chat")]
    last = max(chats, key=lambda attributes: attributes["react_agent.step"])
    said = json.loads(str(last["gen_ai.input.messages"]))
    assert [message["role"] for message in said] == ["system", "user", "assistant", "tool", "assistant", "tool"]
    assert said[2]["parts"][0] == {"type": "reasoning", "content": "secret thought"}
    assert json.loads(str(last["gen_ai.output.messages"]))[0]["parts"] == [{"type": "text", "content": "done"}]


def test_live_and_afterwards_are_the_same(spans: Spans, tmp_path: Path) -> None:
    trace = run(TelemetryStore(tmp_path, tracer_provider=spans.provider, content=True))
    later = Spans()
    export_traces(trace, tracer_provider=later.provider, content=True)
    assert spans.shape() == later.shape()
    assert JsonlStore(tmp_path).load(trace.run_id) == trace


def test_live_spans_stand_beneath_the_current_one(spans: Spans) -> None:
    with spans.provider.get_tracer("test").start_as_current_span("request"):
        run(TelemetryStore(tracer_provider=spans.provider))
    assert ("invoke_agent helper", "request") in [(name, parent) for name, parent, _ in spans.shape()]


def test_a_sub_agent_stands_beneath_its_call(spans: Spans, tmp_path: Path) -> None:
    store = TelemetryStore(tmp_path, tracer_provider=spans.provider)
    child = Agent(MockBackend(["42"]), store=store, name="child")

    @tool(read_only=True)
    async def ask(question: str) -> str:
        """Ask a helper."""
        return (await child.run(question)).partial

    parent = Agent(MockBackend([call("ask", question="x"), "done"]), tools=[ask], store=store, name="parent")
    trace = parent.run_sync("Go?").trace
    expected = [("execute_tool ask", "invoke_agent parent"), ("invoke_agent child", "execute_tool ask")]
    assert [pair for pair in ((n, p) for n, p, _ in spans.shape()) if pair in expected] == expected
    later = Spans()
    files = JsonlStore(tmp_path)
    sub = next(files.load(path.stem.replace("~", "/")) for path in files.runs() if path.stem != trace.run_id)
    export_traces(trace, sub, tracer_provider=later.provider)
    apart = [(n, p) for n, p, _ in later.shape()]
    assert ("invoke_agent child", "execute_tool ask") in apart


def test_a_lost_backend(spans: Spans) -> None:
    agent = Agent(MockBackend([BackendRejected("no such model", status=404)]), store=TelemetryStore(tracer_provider=spans.provider))
    agent.run_sync("Go?")
    chat, root = spans.one("chat mock"), spans.one("invoke_agent agent")
    for span in (chat, root):
        assert span.status.status_code is api.StatusCode.ERROR  # type: ignore[attr-defined]
        assert span.attributes["error.type"] == "BackendRejected"  # type: ignore[attr-defined]
        assert "no such model" not in span.to_json()  # type: ignore[attr-defined]


def test_a_run_taken_up_again(spans: Spans, tmp_path: Path) -> None:
    store = TelemetryStore(tmp_path, tracer_provider=spans.provider)
    world = World()
    rest = Agent(MockBackend([call("wipe", path="x")]), tools=world.tools(), store=store).run_sync("Wipe?")
    assert [name for name, _, _ in spans.shape()] == ["chat mock", "invoke_agent agent"]
    again = Agent(MockBackend(["done"]), tools=world.tools(), store=store)
    again.resume_sync(rest.trace, reviews=[rest.pending[0].approve()])
    shape = spans.shape()
    assert [name for name, _, _ in shape].count("invoke_agent agent") == 2
    assert {attributes["gen_ai.conversation.id"] for name, _, attributes in shape if name.startswith("invoke")} == {rest.trace.run_id}
    assert [attributes["react_agent.step"] for name, _, attributes in shape if name.startswith("chat")] == [0, 1]


def test_several_questions_are_counted_once_each(spans: Spans) -> None:
    backend = MockBackend([call("lookup", key="a"), "one", "two"], usage=Usage(10, 5))
    agent = Agent(backend, tools=World().tools())
    first = agent.run_sync("First?").trace
    trace = agent.resume_sync(first, "Second?").trace
    export_traces(trace, tracer_provider=spans.provider, content=True)
    roots = [span.attributes for span in spans.all if span.name.startswith("invoke")]  # type: ignore[attr-defined]
    assert [(root["gen_ai.usage.input_tokens"], root["react_agent.steps"]) for root in roots] == [(20, 2), (10, 1)]
    assert [("First?" in root["gen_ai.input.messages"], "Second?" in root["gen_ai.input.messages"]) for root in roots] == [
        (True, False),
        (False, True),
    ]


def test_a_fork_is_one_span_with_what_was_done_in_it(spans: Spans) -> None:
    agent = Agent(MockBackend([call("lookup", key="a"), "one", "other"], usage=Usage(10, 5)), tools=World().tools())
    trace = agent.run_sync("Which?").trace
    fork = agent.fork_sync(trace, at=trace.after_step(1)).trace
    export_traces(fork, tracer_provider=spans.provider)
    root = spans.one("invoke_agent agent").attributes  # type: ignore[attr-defined]
    assert (root["gen_ai.usage.input_tokens"], root["react_agent.steps"], root["react_agent.outcome"]) == (10, 1, "answered")


def test_a_typed_answer_is_called_by_its_name(spans: Spans) -> None:
    agent = Agent(MockBackend([call("finish", value=3)]), output={"type": "object", "properties": {"value": {"type": "integer"}}})
    export_traces(agent.run_sync("Which?").trace, tracer_provider=spans.provider)
    assert [name for name, _, _ in spans.shape() if name.startswith("execute")] == ["execute_tool finish"]


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("content", [False, True], ids=["plain", "content"])
def test_every_story_and_every_cut_of_it(name: str, content: bool) -> None:
    trace = tell(name, "native").trace
    for at in {1, 2, len(trace) // 2, len(trace) - 1, len(trace)} - {0}:
        spans, part = Spans(), trace.cut(at)
        export_traces(part, tracer_provider=spans.provider, content=content)
        names = [span for span, _, _ in spans.shape()]
        copied = part.started.parent.at or 0 if part.started.parent else 0
        part = part[copied:]  # type: ignore[assignment]
        lost = any(event.kind == "stopped" and event.cause != "cancelled" for event in part)
        assert sum(span.startswith("chat") for span in names) - sum(isinstance(event, Replied) for event in part) in (
            (0, 1) if lost else (0,)
        )
        assert sum(span.startswith("execute_tool") for span in names) >= sum(isinstance(event, Called) for event in part)
        assert all(span.end_time is not None for span in spans.all)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("backend", "provider", "model"),
    [
        ("openai:gpt-5", "openai", "gpt-5"),
        ("gemini:pro", "gcp.gemini", "pro"),
        ("ollama:qwen3:8b", "ollama", "qwen3:8b"),
        ("http://localhost:8080/v1#m", "openai_compatible", "m"),
        ("mock", "mock", "mock"),
    ],
)
def test_providers_and_models(spans: Spans, backend: str, provider: str, model: str) -> None:
    trace = Agent(MockBackend(["done"], name=backend)).run_sync("Go?").trace
    export_traces(trace, tracer_provider=spans.provider)
    assert (spans.one(f"chat {model}").attributes["gen_ai.provider.name"]) == provider  # type: ignore[attr-defined]


def test_the_names_are_those_of_the_conventions() -> None:
    known = pytest.importorskip("opentelemetry.semconv._incubating.attributes.gen_ai_attributes")
    theirs = {value for name, value in vars(known).items() if name.startswith("GEN_AI_") and isinstance(value, str)}
    ours = {value for value in vars(semconv).values() if isinstance(value, str) and re.match(r"gen_ai\.", value)}
    assert ours - theirs == set()
    assert len(ours) > 20


def test_without_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigError, match=r"pip install \"react_agent\[otel\]\""):
        TelemetryStore()


def test_a_store_that_keeps_nothing(spans: Spans) -> None:
    store = TelemetryStore(tracer_provider=spans.provider)
    trace = run(store)
    assert not store.exists(trace.run_id)


def test_patterns_and_fields_are_masked_in_the_spans_and_nowhere_else(spans: Spans, tmp_path: Path) -> None:
    store = TelemetryStore(tmp_path, tracer_provider=spans.provider, content=True, redactor=Redactor(["value*"], ["key"]))
    trace = run(store)
    export_traces(trace, tracer_provider=spans.provider, content=True, redactor=Redactor(["value*"], ["key"]))
    told = str(spans.shape())
    assert "[redacted]" in told
    assert "value of" not in told
    assert '"key": "a"' not in told
    assert b"value of a" in (tmp_path / f"{trace.run_id}.jsonl").read_bytes()


def test_what_is_no_trace_is_said(spans: Spans) -> None:
    trace = Agent(MockBackend(["42"])).run_sync("Go?").trace
    with pytest.raises(ConfigError, match=r"export_traces\(\*traces\); not list"):
        export_traces([trace], tracer_provider=spans.provider)  # type: ignore[arg-type]  # what a user may pass
