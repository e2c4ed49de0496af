"""Spans sent over OTLP to a real receiver, and asked back from it: Phoenix, in an environment of its own.

pip install arize-phoenix, there; REACT_AGENT_PHOENIX=path/of/phoenix pytest -m slow tests/test_telemetry_receiver.py
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from react_agent import Agent, MockBackend, Trace, Usage, call, semconv, tool
from react_agent.telemetry import TelemetryStore, export_traces
from react_agent.view.redact import Redactor

pytestmark = pytest.mark.slow
SECONDS = 120.0  # for a start with a cold disk
SAID = ("The question?", "Be brief", "value of a", "secret thought", "all done")

Span = dict[str, object]


@tool(read_only=True)
def lookup(key: str) -> str:
    """Look a key up."""
    return f"value of {key}"


@tool
async def ask_helper(question: str) -> str:
    """Ask a helper."""
    return str((await Agent(MockBackend(["helped"], usage=Usage(3, 1)), name="helper").run(question)).answer)


class Phoenix:
    """The receiver, and what it holds."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def provider(self, project: str) -> object:
        export = pytest.importorskip("opentelemetry.exporter.otlp.proto.http.trace_exporter", reason='pip install "react_agent[otlp]"')
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider = TracerProvider(resource=Resource({"openinference.project.name": project}))
        provider.add_span_processor(BatchSpanProcessor(export.OTLPSpanExporter(f"{self.url}/v1/traces")))
        return provider

    def spans(self, project: str, number: int) -> list[Span]:
        """What it holds, once there are so many; it takes spans in with some delay."""
        until = time.monotonic() + SECONDS
        held: list[Span] = []
        while time.monotonic() < until and len(held) < number:
            answer = httpx.get(f"{self.url}/v1/projects/{project}/spans", params={"limit": 100})
            held = answer.json()["data"] if answer.status_code == 200 else []
            threading.Event().wait(0.2)
        return held


@pytest.fixture(scope="module")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phoenix]:
    program = os.environ.get("REACT_AGENT_PHOENIX") or shutil.which("phoenix")
    if program is None:
        pytest.skip("there is no phoenix: pip install arize-phoenix, and set REACT_AGENT_PHOENIX to the program")
    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as free:
            ports.append(free.getsockname()[1])
    mine = {"HOST": "127.0.0.1", "PORT": str(ports[0]), "GRPC_PORT": str(ports[1]), "TELEMETRY_ENABLED": "false"}
    folder = tmp_path_factory.mktemp("phoenix")
    environment = {**os.environ, "PHOENIX_WORKING_DIR": str(folder), **{f"PHOENIX_{name}": value for name, value in mine.items()}}
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen([program, "serve"], env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + SECONDS
        while b"Application startup complete" not in (folder / "log.txt").read_bytes():
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"phoenix did not start: {(folder / 'log.txt').read_text('utf-8', 'replace')[-2000:]}")
            threading.Event().wait(0.2)
        yield Phoenix(ports[0])
    finally:
        process.terminate()
        process.wait(30)


def agent(store: object = None) -> Agent:
    script = [
        call("lookup", key="a", thought="secret thought"),
        [call("lookup", key="b"), call("lookup", bad=1)],
        call("ask_helper", question="x"),
        "all done",
    ]
    return Agent(MockBackend(script, usage=Usage(10, 5)), tools=[lookup, ask_helper], store=store, instructions="Be brief", name="shop")  # type: ignore[arg-type]


def shape(spans: list[Span]) -> list[tuple[object, object, object, object]]:
    """Name, kind, status, and the parent's name."""
    names = {span["context"]["span_id"]: span["name"] for span in spans}  # type: ignore[index]
    return sorted(((s["name"], s["span_kind"], s["status_code"], names.get(s["parent_id"])) for s in spans), key=str)


RUN = [
    ("chat mock", "LLM", "UNSET", "invoke_agent shop"),
    ("chat mock", "LLM", "UNSET", "invoke_agent shop"),
    ("chat mock", "LLM", "UNSET", "invoke_agent shop"),
    ("chat mock", "LLM", "UNSET", "invoke_agent shop"),
    ("execute_tool ask_helper", "TOOL", "UNSET", "invoke_agent shop"),
    ("execute_tool lookup", "TOOL", "ERROR", "invoke_agent shop"),
    ("execute_tool lookup", "TOOL", "UNSET", "invoke_agent shop"),
    ("execute_tool lookup", "TOOL", "UNSET", "invoke_agent shop"),
    ("invoke_agent shop", "AGENT", "UNSET", None),
]


def attributes(spans: list[Span], name: str) -> dict[str, object]:
    return next(dict(span["attributes"]) for span in spans if span["name"] == name)  # type: ignore[call-overload]


def test_live(phoenix: Phoenix, tmp_path: Path) -> None:
    provider = phoenix.provider("live")
    trace = agent(TelemetryStore(tmp_path, tracer_provider=provider)).run_sync("The question?").trace  # type: ignore[arg-type]
    provider.shutdown()  # type: ignore[attr-defined]
    spans = phoenix.spans("live", len(RUN))
    assert shape(spans) == RUN
    assert len({span["context"]["trace_id"] for span in spans}) == 1  # type: ignore[index]
    assert not any(words in str(spans) for words in SAID)
    root, asked, tool_span = (attributes(spans, name) for name in ("invoke_agent shop", "chat mock", "execute_tool lookup"))
    assert root[semconv.CONVERSATION] == trace.run_id
    assert root[semconv.OUTCOME] == "answered"
    assert (root[semconv.INPUT_TOKENS], root[semconv.OUTPUT_TOKENS]) == (43, 21)
    assert (asked[semconv.INPUT_TOKENS], asked[semconv.REQUEST_MODEL]) == (10, "mock")
    assert (tool_span[semconv.OPERATION], tool_span[semconv.TOOL_NAME]) == ("execute_tool", "lookup")
    assert "llm.token_count.prompt" in asked  # Phoenix knows them for what they are


def test_afterwards_with_content_that_is_masked(phoenix: Phoenix, tmp_path: Path) -> None:
    trace = agent(tmp_path).run_sync("The question?").trace
    provider = phoenix.provider("after")
    export_traces(Trace.load(tmp_path / f"{trace.run_id}.jsonl"), tracer_provider=provider, content=True, redactor=Redactor(["secret*"]))  # type: ignore[arg-type]
    provider.shutdown()  # type: ignore[attr-defined]
    spans = phoenix.spans("after", len(RUN))
    assert shape(spans) == RUN
    text = str(spans)
    assert all(words in text for words in ("The question?", "Be brief", "value of a", "all done", "[redacted] thought"))
    assert "secret" not in text
