"""What makes spans of runs: of those that are written, as a store, and of those that were."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from react_agent.errors import ConfigError, TraceError
from react_agent.events import Event
from react_agent.stores.jsonl import JsonlStore, Store, Writer
from react_agent.telemetry.spans import Parents, RunSpans
from react_agent.trace import Trace

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer, TracerProvider

    from react_agent.view.redact import Redactor


def export_traces(
    *traces: Trace, tracer_provider: TracerProvider | None = None, content: bool = False, redactor: Redactor | None = None
) -> None:
    """Make spans of traces that were written before, each a trace of its own; a sub-agent's run stands beneath its call.

    Args:
        traces: Runs; a parent before its sub-agents.
        tracer_provider: By default the global one.
        content: Whether messages, arguments and results go into the spans.
        redactor: Masks patterns and named fields in them; see `react_agent.view.redact`.

    Raises:
        ConfigError: opentelemetry is not installed; or what was given is no trace.
    """
    tracer, parents = _tracer(tracer_provider), Parents(keep=True)
    for trace in traces:
        if not isinstance(trace, Trace):
            raise ConfigError(f"export_traces takes traces one by one, as in export_traces(*traces); not {type(trace).__name__}")
        spans = RunSpans(tracer, parents, content=content, redactor=redactor, apart=True)
        for event in trace:
            spans.take(event)
        spans.close()


class TelemetryStore:
    """A store that makes spans of what it is given to write.

    Args:
        store: Where traces are kept beside; a folder or a store. Without one they are kept nowhere.
        tracer_provider: By default the global one.
        content: Whether messages, arguments and results go into the spans.
        redactor: Masks patterns and named fields in the spans; what is kept beside stays as it is.

    Raises:
        ConfigError: opentelemetry is not installed.
    """

    def __init__(
        self,
        store: Store | str | Path | None = None,
        *,
        tracer_provider: TracerProvider | None = None,
        content: bool = False,
        redactor: Redactor | None = None,
    ) -> None:
        self._store: Store | None = JsonlStore(store) if isinstance(store, (str, Path)) else store
        self._tracer = _tracer(tracer_provider)
        self._parents = Parents()
        self._content = content
        self._redactor = redactor

    def create(self, run_id: str) -> TelemetryWriter:
        return TelemetryWriter(self._spans(), self._store.create(run_id) if self._store else None)

    def append(self, run_id: str) -> TelemetryWriter:
        """A writer for a run that is taken up again. Its spans are new ones, of the same conversation."""
        if self._store is None:
            raise TraceError(f"no trace of {run_id} was kept: give TelemetryStore a folder")
        writer = self._store.append(run_id)
        spans = self._spans()
        spans.know(self._store.load(run_id))
        return TelemetryWriter(spans, writer)

    def load(self, run_id: str) -> Trace:
        if self._store is None:
            raise TraceError(f"no trace of {run_id} was kept: give TelemetryStore a folder")
        return self._store.load(run_id)

    def exists(self, run_id: str) -> bool:
        return self._store is not None and self._store.exists(run_id)

    def _spans(self) -> RunSpans:
        return RunSpans(self._tracer, self._parents, content=self._content, redactor=self._redactor)


class TelemetryWriter:
    """Hands each event on, and makes spans of it."""

    def __init__(self, spans: RunSpans, inner: Writer | None) -> None:
        self._spans = spans
        self._inner = inner

    def write(self, event: Event, line: bytes | None = None) -> None:
        if self._inner is not None:
            self._inner.write(event, line)
        self._spans.take(event)

    def flush(self) -> None:
        if self._inner is not None:
            self._inner.flush()

    def checkpoint(self, now: float) -> None:
        if self._inner is not None:
            self._inner.checkpoint(now)

    def close(self) -> None:
        if self._inner is not None:
            self._inner.close()
        self._spans.close()


def _tracer(provider: TracerProvider | None) -> Tracer:
    try:
        from opentelemetry import trace
    except ImportError:
        raise ConfigError('opentelemetry is not installed: pip install "react_agent[otel]", and an SDK that sends the spans') from None
    return trace.get_tracer("react_agent", tracer_provider=provider)
