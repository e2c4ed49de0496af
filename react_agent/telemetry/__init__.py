"""Traces as OpenTelemetry spans: ``invoke_agent`` for a run, beneath it ``chat`` for each request and ``execute_tool`` for each call.

Live, as a store that also keeps its traces elsewhere if it is given one::

    agent = Agent("openai:gpt-5", tools=[…], store=TelemetryStore("runs"))

or afterwards, with the times that were recorded: ``export_traces(Trace.load("runs/x.jsonl"))``. What people, models and tools said stays out of the spans
unless ``content=True``. A span is made from what is written down, so it is not the current one while the model or a tool is at work: spans of HTTP clients and of
tools' own stand beside ours, beneath whatever span was current when the run began.

Needs the extra ``otel`` (opentelemetry-api), and an SDK that sends the spans somewhere: until a program has set one up, OpenTelemetry drops them without a
word. With the extra ``otlp`` these lines do, for the receiver that ``$OTEL_EXPORTER_OTLP_ENDPOINT`` names (by default ``http://localhost:4318``)::

    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
"""

from __future__ import annotations

from react_agent.telemetry.store import TelemetryStore, TelemetryWriter, export_traces

__all__ = ["TelemetryStore", "TelemetryWriter", "export_traces"]
