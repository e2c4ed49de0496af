"""``trace diff``: two runs side by side, step by step, word by word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from react_agent.cli.console import Code, complain, out, show
from react_agent.cli.files import load
from react_agent.cli.options import MaskOptions
from react_agent.view.difference import Difference, Piece, StepPair, compare
from react_agent.view.terminal import INDENT, LABEL, NUMBER, title


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A trace file or run.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    *,
    masks: MaskOptions,
) -> None:
    """Compare two runs, step by step and word by word.

    Steps are aligned by what they call; then thoughts, arguments, results and outcomes are compared. Exit 1 where they differ, as diff does.
    """
    first, second = load(a, masks), load(b, masks)
    both, console = compare(first.trace, second.trace), out()
    show(console, title(f"{first.trace.run_id}  →  {second.trace.run_id}"))
    _show_texts(console, both.heads)
    for pair in both.steps:
        _show_pair(console, pair)
    show(console, Text())
    _show_texts(console, both.outcome)
    for label, one, other in both.figures:
        if one or other:
            show(console, *_rows(label, Text(one if one == other else f"{one or 'none'}  →  {other or 'none'}")))
    for loaded in (first, second):
        if loaded.problem:
            complain(loaded.problem)
            raise typer.Exit(Code.OTHER)
    raise typer.Exit(Code.OTHER if both.differs else Code.OK)


def _show_pair(console: Console, pair: StepPair) -> None:
    numbers = f"{'' if pair.first is None else pair.first} → {'' if pair.second is None else pair.second}".strip()
    if pair.first is None or pair.second is None:
        mark, style = ("-", "red") if pair.second is None else ("+", "green")
        show(console, Text())
        _labelled(console, numbers, Text(f"{mark} {pair.gist}", style=style))
    elif not pair.differs:
        _labelled(console, numbers, Text(f"the same: {pair.gist}", style="dim"))
    else:
        show(console, Text())
        _labelled(console, numbers, Text(pair.gist, style="bold"))
        _show_texts(console, pair.texts)


def _show_texts(console: Console, texts: Iterable[Difference]) -> None:
    for text in texts:
        if text.differs:
            show(console, *_rows(text.label, in_one(text.pieces, console.color_system is not None and not console.no_color)))


def in_one(pieces: Iterable[Piece], styled: bool = False) -> Text:
    """Both texts in one: what is gone as ``[-…-]``, what is new as ``{+…+}``, or in colours."""
    made = Text()
    for kind, text in pieces:
        match kind:
            case "same":
                made.append(text)
            case "gone":
                made.append(text if styled else f"[-{text}-]", "red strike")
            case "new":
                made.append(text if styled else f"{{+{text}+}}", "green")
    return made


def _rows(label: str, text: Text) -> Iterator[Text]:
    for index, line in enumerate(text.split("\n", allow_blank=True)):
        yield Text.assemble((f"{'':<{NUMBER}}{label if not index else '':<{LABEL}}", "dim"), line)


def _labelled(console: Console, label: str, text: Text) -> None:
    show(console, Text.assemble((f"{label:<{INDENT}}", "bold"), text))
