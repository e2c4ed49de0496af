"""Events and steps on a terminal: pure functions from what happened to lines that rich can print.

A `Row` has a step number, a label and a body. On a terminal the body is wrapped beneath itself; anywhere else each line stays one line, so that
it can be searched. Text from models and tools is only ever text here: no markup is read from it, and `plain` has taken out what a terminal would obey.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import assert_never

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from react_agent.events import (
    Asked,
    Called,
    Changed,
    Compacted,
    Event,
    Finished,
    Replied,
    Resumed,
    Returned,
    Reviewed,
    Started,
    Stopped,
    Told,
)
from react_agent.messages import ModelReply, Outcome, Usage
from react_agent.result import Pending
from react_agent.view import words
from react_agent.view.notes import Note

NUMBER = 4
LABEL = 13
INDENT = NUMBER + LABEL

OUTCOME_STYLE = {"answered": "bold green", "paused": "bold yellow", "limit": "bold yellow", "looped": "bold yellow"}


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text.

    Attributes:
        label: A word or two.
        body: What is said; may have many lines.
        style, label_style: Of rich.
        note: Said after the body in small: a duration, a call's place.
        number: Of the step, on its first row.
        lines: Most lines that are shown; None for all.
    """

    label: str
    body: str
    style: str = ""
    label_style: str = "dim"
    note: str = ""
    number: str = ""
    lines: int | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown, hidden = words.folded(self.body, self.lines)
        body = Text(shown, style=self.style)
        if self.note:
            body.append("   " + self.note if shown else self.note, style="dim not bold not italic")
        if hidden:
            body.append(f"\n… {words.amount(hidden, 'more line')}", style="dim not italic")
        lines = body.wrap(console, max(8, options.max_width - INDENT)) if console.is_terminal else body.split("\n")
        for index, line in enumerate(lines):
            line.rstrip()
            head = (
                Text.assemble((f"{self.number:>{NUMBER - 1}} ", "bold"), (f"{self.label:<{LABEL}}", self.label_style))
                if not index
                else None
            )
            yield Text.assemble(head or " " * INDENT, line, no_wrap=True, overflow="ignore")


def title(text: str, note: str = "") -> Text:
    """A heading of its own line."""
    return Text.assemble(("● ", "bold cyan"), (words.plain(text), "bold"), (f"   {words.plain(note)}" if note else "", "dim"))


def rows(event: Event, step: int, lines: int | None = None) -> list[Row]:
    """What one event shows; nothing for those that only the record needs.

    Args:
        event: What happened.
        step: The number of replies before it.
        lines: Most lines of one text; None shows all.
    """
    match event:
        case Started():
            return [Row("question", words.said(event.task), "bold", lines=lines)]
        case Replied():
            return _replied(event, step, lines)
        case Returned():
            return [_returned(event, lines)]
        case Asked():
            return [Row("asks", f"may {place(event)} run? {words.plain(event.question)}", "yellow", "yellow")]
        case Reviewed():
            return [
                Row("review", _decision(event), "yellow", "yellow", f"by {words.plain_line(event.by)}" if event.by else "", lines=lines)
            ]
        case Told():
            return [Row("told", words.said(event.message), "bold", lines=lines)]
        case Stopped():
            return [Row("stopped", f"{event.cause}: {words.plain(event.detail)}", "red", "red", lines=lines)]
        case Changed():
            tools = ", ".join(tool.name for tool in event.spec.tools) or "none"
            return [Row("changed", words.plain(f"the model is now {event.backend}, the format {event.format}, the tools {tools}"), "dim")]
        case Compacted():
            made = words.amount(len(event.messages), "message")
            return [Row("compacted", f"messages {event.start} to {event.end} became {made}. {words.plain(event.reason)}", "dim")]
        case Resumed():
            return [Row("resumed", f"taken up again (writer {event.epoch + 1})", "dim")]
        case Called() | Finished():
            return []
        case _:
            assert_never(event)


def transcript(
    events: Iterable[Event],
    lines: int | None = None,
    *,
    notes: Mapping[int, Sequence[Note]] = MappingProxyType({}),
    beneath: Mapping[tuple[int, int], Sequence[Row]] = MappingProxyType({}),
) -> Iterator[Row | Text]:
    """A whole trace, row by row, with a blank line before each step.

    Args:
        events: Of one trace. Beneath a text that a fork was given stands the one that it had, and it says where it parted.
        lines: Most lines of one text; None shows all.
        notes: What the loop said to the model, by event.
        beneath: What is to be said of the runs beneath a call, by its place.
    """
    step = 0
    before: dict[int, str] = {}
    parted: int | None = None
    for at, event in enumerate(events):
        if at and at == parted:
            yield Row("parted", "what stands above was taken from the run that this one is a fork of", "yellow", "yellow")
        if isinstance(event, Replied):
            yield Text()
        if isinstance(event, Started) and event.parent is not None:
            before = {edit.at: edit.before for edit in event.parent.edits}
            parted = event.parent.at
        yield from rows(event, step, lines)
        if at in before:
            yield Row("edited", f"it was: {words.plain(before[at])}", "yellow", "yellow", lines=lines)
        if isinstance(event, Returned):
            yield from beneath.get((event.step, event.index), ())
        for note in notes.get(at, ()):
            about = "" if note.call is None or not isinstance(event, Returned) else f"{event.step}.{note.call}"
            yield Row("to the model", words.plain(note.text), "yellow", "yellow", about, lines=lines)
        step += isinstance(event, Replied)


def place(at: Asked | Reviewed | Returned | Called | Pending) -> str:
    """A call's identity, ``step.index``, as ``--approve`` takes it."""
    return f"{at.step}.{at.index}"


def ending(outcome: Outcome, steps: int, usage: Usage, cost: float | None = None, seconds: float | None = None) -> Row:
    """The last line of a run: how it ended and what it took."""
    took = [words.amount(steps, "step")]
    if usage.total_tokens:
        took.append(words.tokens(usage))
    if cost:
        took.append(words.cost(cost))
    if seconds is not None:
        took.append(words.seconds(seconds))
    detail = (
        words.plain(outcome.detail) if outcome.kind not in ("answered", "paused", "failed", "cancelled") else ""
    )  # others were told before
    return Row(outcome.kind, detail, label_style=OUTCOME_STYLE.get(outcome.kind, "bold red"), note=" · ".join(took), lines=6)


def waiting(calls: Iterable[Pending]) -> list[Row]:
    """The calls that wait for a review."""
    return [
        Row("waits", words.call(c.name, c.arguments), "yellow", "yellow", f"{place(c)} · {words.plain_line(c.question, 120)}")
        for c in calls
    ]


# ---------------------------------------------------------------------------------------------------------- one reply


def _replied(event: Replied, step: int, lines: int | None) -> list[Row]:
    reply = event.reply
    found = [Row(label, words.plain_line(told, 300), "yellow", "yellow") for label, told in map(words.attempt, reply.route)]
    if thought := reply.message.thought:
        found.append(Row("thought", words.plain(thought), "italic", lines=lines))
    found += _said(reply, step, lines)
    found += _how_read(reply, lines)
    first = found[0] if found else Row("reply", "(nothing)", "dim")
    note = _spent(event)
    joined = f"{first.note} · {note}" if first.note and note else first.note or note
    return [Row(first.label, first.body, first.style, first.label_style, joined, str(step), first.lines), *found[1:]]


def _said(reply: ModelReply, step: int, lines: int | None) -> list[Row]:
    """What the model did: its calls, its answer, or what could not be used."""
    text = words.plain(reply.message.text)
    if reply.finish == "refused":
        return [Row("refused", words.plain(reply.complaint or text), "red", "red", lines=lines)]
    if reply.reading == "act":
        said = [Row("says", text, lines=lines)] if text else []
        for index, call in enumerate(reply.message.calls):
            style = "cyan" if call.arguments is not None else "red"  # what was wrong with it is told as its result
            said.append(Row("action", words.call(call.name, call.arguments, call.raw), style, note=f"{step}.{index}", lines=lines))
        return said
    if reply.reading == "answer":
        return [Row("answer", text, "bold green", lines=lines)]
    written = words.plain(reply.raw or reply.message.text)
    said = [Row("wrote", written or "(nothing)", lines=lines)]
    return [*said, Row("unusable", words.plain(reply.complaint or "neither a call nor an answer"), "red", "red", lines=lines)]


def _how_read(reply: ModelReply, lines: int | None) -> list[Row]:
    """What was mended or thrown away on the way from the raw text."""
    found: list[Row] = []
    read_by = reply.read_by
    if reply.finish == "length":
        found.append(Row("too long", "the reply was cut by the token limit", "yellow", "yellow"))
    if read_by is None:
        return found
    if read_by.repairs:
        found.append(Row("repaired", words.plain(", ".join(read_by.repairs)), "yellow", "yellow"))
    if read_by.cut:
        cut = words.plain(read_by.cut).strip()
        found.append(Row("cut off", cut, "yellow strike", "yellow", "written after the step, and not used", lines=lines))
    return found


def _spent(event: Replied) -> str:
    usage = event.reply.usage
    parts = [words.tokens(usage) if usage else "", words.cost(event.reply.cost), words.seconds(event.seconds)]
    if event.purpose == "last":
        parts.append("last request")
    return " · ".join(part for part in parts if part)


def _returned(event: Returned, lines: int | None) -> Row:
    result = event.result
    style, label = ("", "observation") if result.ok else ("red", result.status.replace("_", " "))
    parts = [place(event)]
    if event.seconds:
        parts.append(words.seconds(event.seconds))
    used = event.usage if event.usage and event.usage.total_tokens else None  # else nobody counted
    if used or event.cost:
        beneath = (words.tokens(used) if used else "", words.cost(event.cost))
        parts.append(" · ".join(filter(None, beneath)) + " beneath")
    if event.attempts:
        parts.append(f"tried {event.attempts} times")
    if event.cached:
        parts.append("an earlier result, nothing ran")
    if result.untrusted:
        parts.append("untrusted")
    if event.left_behind:
        parts.append("left behind: its thread could not be stopped")
    return Row(label, words.observed(result) or "(nothing)", style, style or "dim", " · ".join(parts), lines=lines)


def _decision(event: Reviewed) -> str:
    match event.decision:
        case "approve":
            return f"{place(event)} approved"
        case "change":
            return f"{place(event)} approved with {words.value(event.arguments)}"
        case "deny":
            return f"{place(event)} denied: {words.plain(event.reason or '')}"
        case "result":
            return f"{place(event)} not run; its result was given: {words.plain(event.result or '')}"
        case _:
            assert_never(event.decision)
