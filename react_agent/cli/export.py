"""``trace export``: a summary as JSON, the conversation as OpenAI's chat messages, or Markdown for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from pydantic_core import from_json

from react_agent.backends.profiles import COMPATIBLE
from react_agent.backends.wires.openai_chat import OpenAIChat
from react_agent.cli.console import STDOUT, note, shell
from react_agent.cli.files import load
from react_agent.cli.options import FileArgument, MaskOptions
from react_agent.events import Event, Replied, Returned, Started, Told
from react_agent.trace import Step, Trace
from react_agent.view import terminal, words
from react_agent.view.notes import notes
from react_agent.view.standing import standing


class Kind(StrEnum):
    """What ``--format`` takes."""

    json = "json"
    openai_messages = "openai-messages"
    markdown = "markdown"


def export_(
    file: FileArgument = None,
    format: Annotated[Kind, typer.Option("--format", help="For what.")] = Kind.json,  # noqa: A002 - the option's name
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="OUT", help="By default standard output.")] = None,
    *,
    masks: MaskOptions,
) -> None:
    """A run for other programs or for people.

    json: task, steps, outcome, usage. openai-messages: the conversation for OpenAI's chat API. markdown: a document.
    """
    loaded = load(file, masks)
    text = export(loaded.trace, format)
    if output is None or output == STDOUT:
        print(words.plain(text) if format is Kind.markdown else words.plain_json(text))
    else:
        output.write_text(text + "\n", encoding="utf-8")
        note(f"written to {shell(output)}")
    loaded.done()


# --------------------------------------------------------------------------------------------------------- pure from here


def export(trace: Trace, kind: Kind) -> str:
    match kind:
        case Kind.json:
            return as_json(trace)
        case Kind.openai_messages:
            return as_openai_messages(trace)
        case Kind.markdown:
            return as_markdown(trace)


def as_json(trace: Trace) -> str:
    """The run as one object: task, what was told later, steps with their calls and results, outcome, the answer to what was asked last, usage. The file itself holds more."""
    stands, started = standing(trace), trace.started
    state = stands.state
    data = {
        "run_id": trace.run_id,
        "at": started.at,
        "backend": started.backend,
        "format": started.format,
        "task": started.task.text,
        "outcome": stands.outcome,
        "answer": state.answer,
        "told": [{"step": step, "text": event.message.text} for step, event in _told(trace)],
        "output": state.output,
        "usage": state.usage,
        "cost": state.known_cost,
        "steps": [_step(step) for step in trace.steps()],
    }
    return msgspec.json.format(msgspec.json.encode(data), indent=2).decode()


def _told(trace: Trace) -> Iterator[tuple[int, Told]]:
    """Further questions and words in the middle, each with the step that hears it first."""
    step = 0
    for event in trace:
        if isinstance(event, Told):
            yield step, event
        step += isinstance(event, Replied)


def _step(step: Step) -> dict[str, object]:
    return {
        "step": step.index,
        "reading": step.reply.reading,
        "thought": step.thought,
        "text": step.reply.message.text,
        "complaint": step.reply.complaint,
        "read_by": step.reply.read_by,
        "calls": [
            {
                "name": call.name,
                "arguments": call.arguments,
                "status": call.result.status if call.result else "open",
                "result": words.contents(call.result.content) if call.result else None,
                "seconds": call.seconds,
            }
            for call in step.calls
        ],
        "usage": step.reply.usage,
        "seconds": step.seconds,
    }


def as_openai_messages(trace: Trace) -> str:
    """The conversation as it stands at the end, as the ``messages`` of OpenAI's chat completions API."""
    wire = OpenAIChat("", COMPATIBLE)
    made: list[object] = []
    before = None
    for at, message in enumerate(standing(trace).state.messages):
        if message.parts:
            chunk = wire.encode(message, before, at)
            made += from_json(b"[" + chunk + b"]")
        before = message
    return json.dumps(made, ensure_ascii=False, indent=2)


def as_markdown(trace: Trace) -> str:
    """The run as a document."""
    stands, started = standing(trace), trace.started
    state, outcome = stands.state, stands.outcome
    lines = [
        f"# {_literal(words.plain_line(words.said(started.task), 200))}",
        "",
        f"- run: `{trace.run_id}`, {words.when(started.at)}",
        f"- model: `{words.plain_line(started.backend)}`, format `{started.format}`",
        f"- outcome: **{stands.kind}**" + (f", {_literal(words.plain_line(outcome.detail, 300))}" if outcome and outcome.detail else ""),
        f"- {words.amount(state.steps, 'step')}, {words.tokens(state.usage)}" + (f", {words.cost(state.cost)}" if state.cost else ""),
        "",
    ]
    said, step = notes(trace), 0
    for at, event in enumerate(trace):
        lines += _markdown(event, step)
        for one in said.get(at, ()):
            lines += [f"*to the model:* {_literal(words.plain(one.text))}", ""]
        step += isinstance(event, Replied)
    return "\n".join(lines).rstrip()


def _markdown(event: Event, step: int) -> list[str]:
    match event:
        case Replied(reply=reply):
            lines = [f"## Step {step}", ""]
            if reply.message.thought:
                lines += [_quoted(reply.message.thought), ""]
            for index, call in enumerate(reply.message.calls):
                lines += [f"**Action {step}.{index}**", "", _fenced(words.call(call.name, call.arguments, call.raw)), ""]
            if text := reply.message.text:
                lines += ["**Answer**" if reply.reading == "answer" else "**Wrote**", "", _fenced(text), ""]
            if reply.reading == "malformed":
                lines += [f"Could not be used: {_literal(words.plain_line(reply.complaint or '', 500))}", ""]
            if reply.read_by and reply.read_by.cut:
                lines += ["Cut off, made up by the model:", "", _fenced(reply.read_by.cut), ""]
            return lines
        case Returned(result=result):
            status = "" if result.ok else f" ({result.status})"
            return [f"**Observation {event.step}.{event.index}**{status}", "", _fenced(words.observed(result)), ""]
        case Told(message=message):
            return ["**Told**", "", _quoted(words.said(message)), ""]
        case Started():
            return []
        case _:  # reviews, and what became another on the way
            return [line for row in terminal.rows(event, step) for line in (f"*{row.label}:* {_literal(row.body)} {row.note}".rstrip(), "")]


_MARKS = re.compile(r"[\\`\[\]<>&]|^[ \t]*[#=+*-]", re.MULTILINE)


def _literal(text: str) -> str:
    """The text so that nothing in it is an element, a link, a picture from elsewhere or a heading when the document is drawn."""
    return _MARKS.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", text)


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in _literal(words.plain(text)).splitlines())


def _fenced(text: str) -> str:
    """The text in a fence that is longer than any in it, so that nothing in it is read as Markdown."""
    text = words.plain(text)
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"
