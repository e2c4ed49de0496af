"""``trace diff``: two runs side by side, step by step, word by word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from react_agent.cli.console import Code, complain, out, show
from react_agent.cli.files import fold_far, how_it_stands, load
from react_agent.cli.options import FieldsOption, RedactOption, redactor
from react_agent.trace import Step, Trace
from react_agent.view import words
from react_agent.view.terminal import INDENT, LABEL, NUMBER, title

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_MOST_WORDS = 4_000  # of one text; difflib takes time in proportion to the square


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A trace file or run.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    redact: RedactOption = None,
    redact_field: FieldsOption = None,
) -> None:
    """Compare two runs, step by step and word by word.

    Steps are aligned by what they call; then thoughts, arguments, results and outcomes are compared. Exit 1 where they differ, as diff does.
    """
    masks = redactor(redact, redact_field)
    first, second = load(a, masks), load(b, masks)
    console = out()
    show(console, title(f"{first.trace.run_id}  →  {second.trace.run_id}"))
    different = [_compare(console, label, one, other) for label, one, other in _heads(first.trace, second.trace)]
    different += [_compare_steps(console, one, other) for one, other in aligned(first.trace.steps(), second.trace.steps())]
    show(console, Text())
    different.append(_compare(console, "outcome", *(_outcome(each.trace) for each in (first, second))))
    _figures(console, first.trace, second.trace)
    for loaded in (first, second):
        if loaded.problem:
            complain(loaded.problem)
            raise typer.Exit(Code.OTHER)
    raise typer.Exit(Code.OTHER if any(different) else Code.OK)


def aligned(first: list[Step], second: list[Step]) -> Iterator[tuple[Step | None, Step | None]]:
    """Pairs of steps that belong together; None where one run has no such step. Steps belong together by the tools that they call."""
    kinds = [[(step.reply.reading, *(call.name for call in step.calls)) for step in steps] for steps in (first, second)]
    for what, a, b, c, d in difflib.SequenceMatcher(None, kinds[0], kinds[1], autojunk=False).get_opcodes():
        if what == "equal":
            yield from zip(first[a:b], second[c:d], strict=True)
        else:
            yield from ((step, None) for step in first[a:b])
            yield from ((None, step) for step in second[c:d])


def _compare_steps(console: Console, one: Step | None, other: Step | None) -> bool:
    numbers = f"{'' if one is None else one.index} → {'' if other is None else other.index}"
    if one is None or other is None:
        step = one or other
        assert step is not None
        mark, style = ("-", "red") if other is None else ("+", "green")
        show(console, Text())
        _labelled(console, numbers if one is None else f"{one.index} →", Text(f"{mark} {_gist(step)}", style=style))
        return True
    pairs = [(label, before, after) for label, before, after in _texts(one, other) if before != after]
    if not pairs:
        _labelled(console, numbers, Text(f"the same: {_gist(one)}", style="dim"))
        return False
    show(console, Text())
    _labelled(console, numbers, Text(_gist(one), style="bold"))
    for label, before, after in pairs:
        _compare(console, label, before, after)
    return True


def _gist(step: Step) -> str:
    calls = ", ".join(words.call(call.name, call.arguments, most=40) for call in step.calls)
    return words.plain_line(calls or f"{step.reply.reading}: {step.reply.message.text}", 100)


def _texts(one: Step, other: Step) -> Iterator[tuple[str, str, str]]:
    yield "thought", one.thought, other.thought
    yield "text", one.reply.message.text, other.reply.message.text
    for before, after in zip(one.calls, other.calls, strict=True):
        yield "action", words.call(before.name, before.arguments), words.call(after.name, after.arguments)
        results = [call.result for call in (before, after)]
        yield "status", *(result.status if result else "open" for result in results)  # type: ignore[misc]
        yield "observation", *(words.observed(result) if result else "" for result in results)  # type: ignore[misc]


def _heads(first: Trace, second: Trace) -> Iterator[tuple[str, str, str]]:
    one, other = first.started, second.started
    yield "question", words.said(one.task), words.said(other.task)
    yield "model", one.backend, other.backend
    yield "format", one.format, other.format
    yield "instructions", one.spec.instructions, other.spec.instructions
    yield "tools", ", ".join(tool.name for tool in one.spec.tools), ", ".join(tool.name for tool in other.spec.tools)


def _outcome(trace: Trace) -> str:
    end = how_it_stands(trace)
    return f"{end.kind} {end.detail}".strip() if end else "unfinished"


def _compare(console: Console, label: str, before: str, after: str) -> bool:
    if before == after:
        return False
    show(console, *_rows(label, word_difference(words.plain(before), words.plain(after), console.is_terminal)))
    return True


def word_difference(before: str, after: str, styled: bool = False) -> Text:
    """Both texts in one: what is gone as ``[-…-]``, what is new as ``{+…+}``, or in colours."""
    ones, others = _WORDS.findall(before), _WORDS.findall(after)
    if max(len(ones), len(others)) > _MOST_WORDS:
        ones, others = [before], [after]
    made = Text()
    gone = new = ""

    def settle() -> None:
        if gone:
            made.append(gone if styled else f"[-{gone}-]", "red strike")
        if new:
            made.append(new if styled else f"{{+{new}+}}", "green")

    for what, a, b, c, d in difflib.SequenceMatcher(None, ones, others, autojunk=False).get_opcodes():
        same = "".join(ones[a:b])
        if what != "equal" or (same.isspace() and (gone or new) and b < len(ones)):  # a lone space between two changes belongs to them
            gone, new = gone + same, new + "".join(others[c:d])
            continue
        settle()
        gone = new = ""
        made.append(same)
    settle()
    return made


def _rows(label: str, text: Text) -> Iterator[Text]:
    for index, line in enumerate(text.split("\n", allow_blank=True)):
        yield Text.assemble((f"{'':<{NUMBER}}{label if not index else '':<{LABEL}}", "dim"), line)


def _labelled(console: Console, label: str, text: Text) -> None:
    show(console, Text.assemble((f"{label:<{INDENT}}", "bold"), text))


def _figures(console: Console, first: Trace, second: Trace) -> None:
    for label, one, other in zip(("steps", "tokens", "cost", "time"), _amounts(first), _amounts(second), strict=True):
        if one or other:
            show(console, *_rows(label, Text(one if one == other else f"{one or 'none'} → {other or 'none'}")))


def _amounts(trace: Trace) -> tuple[str, str, str, str]:
    state, _ = fold_far(trace)
    usage = words.tokens(state.usage) if state.usage.total_tokens else ""
    return str(state.steps), usage.replace(" → ", "+"), words.cost(state.cost or None), words.seconds(state.seconds)
