"""``trace …``: read what happened. Nothing here changes a trace file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from react_agent.cli import export as exporting
from react_agent.cli.console import Code, complain, fail, out, runs_folder, shell, show
from react_agent.cli.files import find, fold_far, how_it_stands, load, load_whole, misfit, requests
from react_agent.errors import ConfigError, Diverged, TraceError
from react_agent.events import Called, Replied, Returned, Started
from react_agent.formats import get_format
from react_agent.loop import CallModel
from react_agent.messages import Message, ModelRequest
from react_agent.replaying import message_lines, replay
from react_agent.result import pending
from react_agent.stores.jsonl import JsonlStore, load_trace
from react_agent.trace import Trace, encode_event
from react_agent.view import terminal, words
from react_agent.view.redact import Redactor

app = typer.Typer(help="Read traces: what happened, what the model was sent, whether it would happen again.", no_args_is_help=True)

FileArgument = Annotated[str | None, typer.Argument(metavar="[FILE]", help="A trace file, or the name of a run. By default the newest.")]
FolderArgument = Annotated[Path | None, typer.Argument(metavar="[DIR]", help="By default $REACT_AGENT_RUNS, else ./runs.")]
RedactOption = Annotated[
    list[str] | None, typer.Option("--redact", metavar="PATTERN", help="Mask what matches: text, with * for anything but white space.")
]
FieldsOption = Annotated[list[str] | None, typer.Option("--redact-field", metavar="NAME", help="Mask the values of this argument or JSON field.")]
StepOption = Annotated[int | None, typer.Option("--step", min=0, metavar="N", help="The step, counted from 0.")]


def redactor(patterns: list[str] | None, fields: list[str] | None) -> Redactor:
    return Redactor(patterns or (), fields or ())


@app.command("show")
def show_(
    file: FileArgument = None,
    full: Annotated[bool, typer.Option("--full", help="Fold nothing.")] = False,
    redact: RedactOption = None,
    redact_field: FieldsOption = None,
) -> None:
    """A run from its question to its outcome: thoughts, calls, results, what was repaired and cut off, what it took."""
    loaded = load(file, redactor(redact, redact_field))
    trace, console = loaded.trace, out()
    started = trace.started
    show(console, terminal.title(trace.run_id, f"{words.when(started.at)} · {started.backend} · format {started.format}"))
    if started.parent:
        of = f"step.index {started.parent.call}" if started.parent.call else f"its first {started.parent.at} events"
        show(console, terminal.Row("parent", words.plain(f"{started.parent.run_id} ({of})"), "dim"))
    if started.spec.instructions:
        show(console, terminal.Row("instructions", words.plain(started.spec.instructions), "dim", lines=None if full else 3))
    if started.spec.tools:
        show(console, terminal.Row("tools", words.plain(", ".join(tool.name for tool in started.spec.tools)), "dim"))
    show(console, *terminal.transcript(trace, None if full else 20))
    _stands(trace, loaded.problem)
    loaded.done()


def _stands(trace: Trace, problem: str) -> None:
    """How a trace ends: its outcome, what waits, or what was under way."""
    console = out()
    if problem and misfit(trace, ""):
        return
    state, _ = fold_far(trace)
    outcome = how_it_stands(trace)
    show(console, Text())
    if outcome is not None:
        show(console, terminal.ending(outcome, state.steps, state.usage, state.cost or None, state.seconds))
        show(console, *terminal.waiting(pending(state)) if outcome.kind == "paused" else ())
        return
    show(console, terminal.Row("unfinished", "it is still going on, or was interrupted; `react-agent resume` goes on with it", "yellow", "yellow"))
    for event in trace:
        if isinstance(event, Called) and not any(isinstance(e, Returned) and (e.step, e.index) == (event.step, event.index) for e in trace):
            show(console, terminal.Row("open", f"{words.plain(event.name)} was called", "yellow", "yellow", terminal.place(event)))


@app.command("list")
def list_(
    folder: FolderArgument = None,
    most: Annotated[int, typer.Option("-n", min=1, metavar="N", help="At most so many, the newest.")] = 50,
) -> None:
    """The traces of a folder, newest first."""
    runs = runs_folder(folder)
    if not runs.is_dir():
        fail(f"there is no folder {runs}: nothing was run here yet. `react-agent demo` makes some traces.")
    paths = JsonlStore(runs).runs()
    table = _table("run", "when", "model", "steps", "tokens", "outcome", "question", right=(3, 4))
    for path in paths[:most]:
        try:
            table.add_row(*_line(path, load_trace(path)))
        except (TraceError, OSError) as error:
            table.add_row(_cell(path.stem), "", "", "", "", Text("unreadable", "red"), _cell(str(error).removeprefix(f"{path}, ")))
    out().print(table)
    if len(paths) > most:
        complain(f"{len(paths) - most} older ones are left out; -n shows more")


def _line(path: Path, trace: Trace) -> tuple[Text, ...]:
    started = trace.started
    state, fits = fold_far(trace)
    outcome = how_it_stands(trace) if fits == len(trace) else None
    kind = outcome.kind if outcome else "unfinished" if fits == len(trace) else "damaged"
    style = terminal.OUTCOME_STYLE.get(kind, "yellow" if kind == "unfinished" else "red").replace("bold ", "")
    usage = state.usage.total_tokens
    return (
        _cell(path.stem, 60),
        Text(words.when(started.at)),
        _cell(started.backend, 30),
        Text(str(state.steps)),
        Text(f"{usage:,}" if usage else ""),
        Text(kind, style),
        _cell(words.said(started.task)),
    )


@app.command("steps")
def steps(file: FileArgument = None, redact: RedactOption = None, redact_field: FieldsOption = None) -> None:
    """A table of the steps: thought, call, result, tokens, time."""
    loaded = load(file, redactor(redact, redact_field))
    table = _table("step", "thought", "action", "result", "status", "tokens", "time", right=(0, 5, 6))
    for step in loaded.trace.steps():
        usage = step.reply.usage
        spent = (Text(f"{usage.total_tokens:,}" if usage else ""), Text(words.seconds(step.seconds)))
        thought = _cell(step.thought)
        if not step.calls:
            table.add_row(Text(str(step.index)), thought, "", _cell(step.reply.message.text), Text(step.reply.reading), *spent)
        for index, call in enumerate(step.calls):
            head = (Text(str(step.index)), thought) if not index else ("", "")
            result = _cell(words.observed(call.result)) if call.result else Text("…")
            status = call.result.status if call.result else "open"
            took = spent if not index else ("", "")
            table.add_row(*head, _cell(words.call(call.name, call.arguments)), result, Text(status, "" if status == "ok" else "red"), *took)
    out().print(table)
    loaded.done()


@app.command("prompt")
def prompt(
    file: FileArgument = None,
    step: StepOption = None,
    neutral: Annotated[bool, typer.Option("--neutral", help="The messages as the record holds them, for text formats too.")] = False,
    redact: RedactOption = None,
    redact_field: FieldsOption = None,
) -> None:
    """Exactly what the model was sent in a step (the last, unless one is named): messages, tools, stop sequences.

    For a text format that is the text into which messages and tools were turned. The step after the last is what would be sent next.
    """
    masks = redactor(redact, redact_field)
    _, trace, _ = load_whole(file)
    asked = requests(trace)
    count = sum(isinstance(event, Replied) for event in trace)
    number = max(0, min(count, len(asked)) - 1) if step is None else step
    if number >= len(asked):
        fail(f"the trace has {words.amount(count, 'step')}, counted from 0; there is no request {number} in it", Code.USAGE)
    console = out()
    effect = asked[number]
    name = _format_at(trace, number)
    show(console, terminal.title(f"step {number}", f"format {name}" + (", the last request" if effect.purpose == "last" else "")))
    for line in _sent(effect, name, neutral):
        show(console, Text(words.plain(masks.text(line))))


def _format_at(trace: Trace, step: int) -> str:
    name, seen = trace.started.format, 0
    for event in trace:
        if isinstance(event, Replied):
            if seen == step:
                return event.reply.read_by.format if event.reply.read_by else name
            seen += 1
        elif event.kind in ("started", "changed"):
            name = event.format
    return name


def _sent(effect: CallModel, name: str, neutral: bool) -> Iterator[str]:
    request = effect.request
    try:
        format_ = get_format(name)
    except ConfigError:
        yield f"(the format {name!r} is not one of this version; these are the neutral messages)"
        yield from _messages(list(request.messages))
        return
    lowered = list(request.messages)
    if not (neutral or format_.native):
        lowered = _lowered(request, name)
    yield from _messages(lowered)
    yield ""
    stop = (*format_.stop(request.head), *request.settings.stop)
    if stop:
        yield f"stop at: {words.value(list(stop))}"
    if format_.native or neutral:
        yield f"tool choice: {request.tool_choice}"
        for tool in request.tools:
            yield f"tool: {tool.name} {words.value(tool.parameters)}"
            yield from (f"      {line}" for line in tool.description.splitlines())


def _lowered(request: ModelRequest, name: str) -> list[Message]:
    format_ = get_format(name)
    made: list[Message] = []
    before: Message | None = None
    for message in request.messages:
        made += format_.lower(message, before, request.head)
        before = message
    return made


def _messages(messages: list[Message]) -> Iterator[str]:
    for message in messages:
        if message.parts:
            yield f"── {message.role} " + "─" * 40
            if message.calls or message.results:
                yield from message_lines(message)
            else:
                yield words.contents(message.parts)


@app.command("raw")
def raw(file: FileArgument = None, step: StepOption = None, redact: RedactOption = None, redact_field: FieldsOption = None) -> None:
    """The file's lines as they are; with --step, the text that the model wrote in that step."""
    masks = redactor(redact, redact_field)
    if step is None and not masks:
        for line in find(file).read_bytes().decode("utf-8", "replace").splitlines():
            print(words.plain_json(words.plain(line)))
        return
    loaded = load(file, masks)
    if step is None:
        for event in loaded.trace:
            print(words.plain_json(encode_event(event).decode()))
    else:
        replies = [event.reply for event in loaded.trace if isinstance(event, Replied)]
        if step >= len(replies):
            fail(f"the trace has {words.amount(len(replies), 'step')}, counted from 0", Code.USAGE)
        reply = replies[step]
        print(words.plain(reply.raw) if reply.raw is not None else "\n".join(message_lines(reply.message)))
    loaded.done()


@app.command("replay")
def replay_(file: FileArgument = None) -> None:
    """Run a trace again without its world: each request, call and reading has to come out as recorded. Exit 1 where one does not."""
    path, trace, _ = load_whole(file)
    try:
        state = replay(trace)
    except Diverged as error:
        complain(f"{path}: {str(error).splitlines()[0]}")
        for line in error.difference.splitlines():
            style = "red" if line.startswith("-") else "green" if line.startswith("+") else "dim"
            show(out(), Text(words.plain(line), style=style))
        raise typer.Exit(Code.OTHER) from None
    show(out(), Text(f"{path}: the same, {words.amount(state.steps, 'step')}", style="green"))


@app.command("grep")
def grep(
    pattern: Annotated[str, typer.Argument(help="Plain text.")],
    folder: FolderArgument = None,
    ignore_case: Annotated[bool, typer.Option("-i", help="In any case.")] = False,
) -> None:
    """Find a text in what was asked, thought, called, observed and answered. Exit 1 where there is none, as grep does."""
    runs = runs_folder(folder)
    paths = [runs] if runs.is_file() else JsonlStore(runs).runs()
    wanted = pattern.casefold() if ignore_case else pattern
    found = False
    for path in paths:
        try:
            trace = load_trace(path)
        except (TraceError, OSError) as error:
            complain(str(error))
            continue
        for place, line in _lines_of(trace):
            at = (line.casefold() if ignore_case else line).find(wanted)
            if at >= 0:
                found = True
                line = line[max(0, at - 60) : at + len(pattern) + 100]
                show(out(), Text.assemble((f"{path}", "magenta"), ":", (place, "green"), ": ", line))
    raise typer.Exit(Code.OK if found else Code.OTHER)


def _lines_of(trace: Trace) -> Iterator[tuple[str, str]]:
    step = 0
    for event in trace:
        for row in terminal.rows(event, step):
            for line in row.body.splitlines():
                yield (f"{row.label}" if isinstance(event, Started) else f"{step if isinstance(event, Replied) else step - 1} {row.label}"), line
        step += isinstance(event, Replied)


@app.command("stats")
def stats(files: Annotated[list[str] | None, typer.Argument(metavar="[FILE]...", help="By default the newest.")] = None) -> None:
    """What runs took: steps, calls, mistakes, tokens, cost, time."""
    table = _table("run", "outcome", "steps", "calls", "failed", "unusable", "in", "out", "cost", "model time", "tool time", right=range(2, 11))
    bad = 0
    for name in files or [None]:
        loaded = load(name)
        table.add_row(*_figures(loaded.path, loaded.trace))
        if loaded.problem:
            complain(loaded.problem)
            bad += 1
    out().print(table)
    raise typer.Exit(Code.OTHER if bad else Code.OK)


def _figures(path: Path, trace: Trace) -> tuple[Text, ...]:
    all_ = trace.steps()
    results = [call.result for step in all_ for call in step.calls if call.result]
    usage = trace.usage()
    state, fits = fold_far(trace)
    outcome = how_it_stands(trace) if fits == len(trace) else None
    return tuple(
        Text(text)
        for text in (
            words.plain_line(path.stem, 60),
            outcome.kind if outcome else "unfinished",
            str(len(all_)),
            str(sum(len(step.calls) for step in all_)),
            str(sum(not result.ok for result in results)),
            str(sum(step.reply.reading == "malformed" for step in all_)),
            f"{usage.input_tokens:,}",
            f"{usage.output_tokens:,}",
            words.cost(state.cost or None),
            words.seconds(sum(step.seconds for step in all_)),
            words.seconds(sum(call.seconds or 0.0 for step in all_ for call in step.calls)),
        )
    )


@app.command("export")
def export(
    file: FileArgument = None,
    format: Annotated[exporting.Kind, typer.Option("--format", help="For what.")] = exporting.Kind.json,  # noqa: A002
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="OUT", help="By default standard output.")] = None,
    redact: RedactOption = None,
    redact_field: FieldsOption = None,
) -> None:
    """A run for other programs (json, openai-messages) or for people (markdown)."""
    loaded = load(file, redactor(redact, redact_field))
    text = exporting.export(loaded.trace, format)
    if output is None:
        print(words.plain(text) if format is exporting.Kind.markdown else words.plain_json(text))
    else:
        output.write_text(text + "\n", encoding="utf-8")
        complain(f"written to {shell(output)}")
    loaded.done()


def _table(*columns: str, right: range | tuple[int, ...] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index in right else "left", no_wrap=index in right, overflow="fold")
    return table


def _cell(text: str, most: int = 120) -> Text:
    return Text(words.plain_line(text, most))


__all__ = ["app", "sys"]
