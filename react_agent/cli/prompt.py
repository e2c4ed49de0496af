"""``trace prompt``, ``trace raw`` and ``trace replay``: what went to the model, what came from it, and whether it would be so again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.text import Text

from react_agent.cli.console import Code, complain, fail, out, show
from react_agent.cli.files import find, load, load_whole, requests
from react_agent.cli.options import FileArgument, MaskOptions, StepOption
from react_agent.errors import ConfigError, Diverged
from react_agent.events import Replied
from react_agent.formats import get_format
from react_agent.loop import CallModel
from react_agent.messages import Message, ModelRequest
from react_agent.replaying import message_lines, replay
from react_agent.trace import Trace, encode_event
from react_agent.view import terminal, words
from react_agent.view.written import written


def prompt(
    file: FileArgument = None,
    step: StepOption = None,
    neutral: Annotated[bool, typer.Option("--neutral", help="The messages as the record holds them, for text formats too.")] = False,
    *,
    masks: MaskOptions,
) -> None:
    """Exactly what the model was sent in a step.

    The last, unless one is named: messages, tools, stop sequences. For a text format that is the text into which messages and tools were turned. The step after the last is what would be sent next.
    """
    loaded = load(file, masks)
    trace = loaded.trace.cut(loaded.stands.fits)
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
    loaded.done()


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


def raw(file: FileArgument = None, step: StepOption = None, *, masks: MaskOptions) -> None:
    """The file's lines; with --step, what the model wrote."""
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
        text = written(reply)
        print(words.plain("\n".join(message_lines(reply.message)) if text is None else text))
    loaded.done()


def replay_(file: FileArgument = None, *, masks: MaskOptions) -> None:
    """Run a trace again without its world; exit 1 where it differs.

    Each request, each planned call and each reading has to come out as it was recorded: a test of prompts, formats and the loop.
    """
    path, trace, _ = load_whole(file)
    try:
        state = replay(trace)
    except Diverged as error:
        complain(f"{path}: {masks.text(str(error).splitlines()[0])}")
        for line in error.difference.splitlines():
            style = "red" if line.startswith("-") else "green" if line.startswith("+") else "dim"
            show(out(), Text(words.plain(masks.text(line)), style=style))
        raise typer.Exit(Code.OTHER) from None
    show(out(), Text(f"{path}: the same, {words.amount(state.steps, 'step')}", style="green"))
