"""Traces as OpenTelemetry spans: ``invoke_agent`` for a run, beneath it ``chat`` for each request and ``execute_tool`` for each call.

Live, as a store that also keeps its traces elsewhere if it is given one::

    agent = Agent("openai:gpt-5", tools=[…], store=TelemetryStore("runs"))

or afterwards, with the times that were recorded: ``export_traces(Trace.load("runs/x.jsonl"))``. What people, models and tools said stays out of the spans
unless ``content=True``. A span is made from what is written down, so it is not the current one while the model or a tool is at work: spans of HTTP clients and of
tools' own stand beside ours, beneath whatever span was current when the run began.

Needs the extra ``otel`` (opentelemetry-api), and an SDK that sends the spans somewhere.
"""

from __future__ import annotations

from react_agent.telemetry.store import TelemetryStore, TelemetryWriter, export_traces

__all__ = ["TelemetryStore", "TelemetryWriter", "export_traces"]
