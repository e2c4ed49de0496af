"""``trace show``, ``list``, ``steps``, ``grep`` and ``stats``: read what happened. Nothing here changes a trace file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from react_agent.cli.console import WIDE, Code, complain, fail, out, runs_folder, show, show_whole
from react_agent.cli.files import Loaded, find, load
from react_agent.cli.options import FileArgument, FolderArgument, MaskOptions
from react_agent.events import Called, Replied, Returned
from react_agent.messages import ToolResult
from react_agent.stores.jsonl import JsonlStore
from react_agent.trace import Step, Trace
from react_agent.view import ending, kin, terminal, words
from react_agent.view.notes import notes
from react_agent.view.reading import Read, read_far
from react_agent.view.redact import Redactor
from react_agent.view.standing import Standing, agents, standing

_TABLE = 80  # columns of a window that a table of steps is readable in


def show_(
    file: FileArgument = None,
    full: Annotated[bool, typer.Option("--full", help="Fold nothing.")] = False,
    *,
    masks: MaskOptions,
) -> None:
    """A run from its question to its outcome.

    Thoughts, calls, results, what was repaired, what was cut off, what it took. Long texts are folded.
    """
    loaded = load(file, masks)
    trace, console = loaded.trace, out()
    started = trace.started
    show(console, terminal.title(trace.run_id, f"{words.when(started.at)} · {started.backend} · format {started.format}"))
    show(console, *_forebears(trace, loaded.path))
    if started.spec.instructions:
        show(console, terminal.Row("instructions", words.plain(started.spec.instructions), "dim", lines=None if full else 3))
    if started.spec.tools:
        show(console, terminal.Row("tools", words.plain(", ".join(tool.name for tool in started.spec.tools)), "dim"))
    for label, text in ending.reasons(trace, loaded.stands):
        show(console, terminal.Row(label, text, "yellow", "yellow"))
    beneath = _beneath(trace, loaded.path, masks)
    show(console, *terminal.transcript(trace, None if full else 20, notes=notes(trace), beneath=beneath))
    _stands(trace, loaded.stands, beneath)
    loaded.done()


def _forebears(trace: Trace, path: Path) -> Iterator[terminal.Row]:
    """Where a run came from, with the file where there is one."""
    parent = trace.started.parent
    if parent is None:
        return
    if (up := kin.above(trace)) is not None:
        yield terminal.Row("parent", words.plain(f"{up.run_id} (call {parent.call})"), "dim", note=_there(up.run_id, path))
    if parent.at is not None:
        of = f"its first {words.amount(parent.at, 'event')}"
        yield terminal.Row("fork of", words.plain(f"{parent.run_id} ({of})"), "dim", note=_there(parent.run_id, path))


def _there(run_id: str, path: Path) -> str:
    file = kin.file_of(run_id, path)
    return words.plain(str(file)) if kin.is_file(file) else ""


def _beneath(trace: Trace, path: Path, masks: Redactor) -> dict[kin.Place, list[terminal.Row]]:
    """The files of the runs beneath the calls."""
    found = kin.beneath(trace, lambda run_id: kin.is_file(kin.file_of(run_id, path)))
    return {place: [_child(kin.file_of(child.run_id, path), child.there, masks) for child in children] for place, children in found.items()}


def _child(path: Path, there: bool, masks: Redactor) -> terminal.Row:
    if not there:
        return terminal.Row("sub-agent", f"its trace is not beside this one: there is no {words.plain(str(path))}", "dim")
    read = kin.read_run(path)
    if read is None:
        return terminal.Row("sub-agent", words.plain(str(path)), "dim", note="unreadable")
    stands = standing(read.trace)
    told = f"{words.plain_line(masks.text(read.trace.started.spec.name))} · {stands.kind} · {words.amount(stands.state.steps, 'step')}"
    return terminal.Row("sub-agent", words.plain(str(path)), note=told)


def _stands(trace: Trace, stands: Standing, beneath: Mapping[kin.Place, Iterable[terminal.Row]]) -> None:
    """How a trace ends: its outcome, what waits, or what was under way."""
    console = out()
    if stands.problem:
        return
    state, outcome = stands.state, stands.outcome
    show(console, Text())
    if outcome is not None:
        show(console, terminal.ending(outcome, state.steps, state.usage, state.known_cost, state.seconds))
        show(console, *terminal.waiting(stands.waiting))
        if stands.waiting:
            show(console, terminal.Row("", "`react-agent resume` tells how to decide, and goes on", "dim"))
        return
    show(
        console,
        terminal.Row("unfinished", "it is still going on, or was interrupted; `react-agent resume` goes on with it", "yellow", "yellow"),
    )
    returned = {(event.step, event.index) for event in trace if isinstance(event, Returned)}
    for event in trace:
        if isinstance(event, Called) and (event.step, event.index) not in returned:
            show(console, terminal.Row("open", f"{words.plain(event.name)} was called", "yellow", "yellow", terminal.place(event)))
            show(console, *beneath.get((event.step, event.index), ()))


def list_(
    folder: FolderArgument = None,
    most: Annotated[int, typer.Option("-n", min=1, metavar="N", help="At most so many, the newest.")] = 50,
    *,
    masks: MaskOptions,
) -> None:
    """The traces of a folder, newest first."""
    runs = runs_folder(folder)
    if not runs.is_dir():
        fail(f"there is no folder {runs}: nothing was run here yet. `react-agent demo` makes some traces.")
    paths = JsonlStore(runs).runs()
    rows: list[tuple[Text, ...]] = []
    for path in paths[:most]:
        trace, problem, left = _read(path)
        if len(trace):
            rows.append(_line(path, masks.trace(trace), cut=left > 0))
        else:
            rows.append((_cell(path.stem, 60), *[Text()] * 4, Text("unreadable", "red"), _cell(problem.removeprefix(f"{path}, "))))
    console = out()
    kept = _fitting(rows, console.width)
    table = _table(*[_LIST[at] for at in kept], right=[kept.index(at) for at in (3, 4) if at in kept], tight=True)
    for row in rows:
        table.add_row(*[row[at] for at in kept])
    console.print(table)
    if len(paths) > most:
        complain(f"{len(paths) - most} older ones are left out; -n shows more")


_LIST = ("run", "when", "model", "steps", "tokens", "outcome", "question")


def _fitting(rows: list[tuple[Text, ...]], width: int) -> list[int]:
    """The columns that a window has room for, whole: a run is called by its name, and told by its outcome and question."""
    wide = [max(len(name), *[row[at].cell_len for row in rows]) + 2 if rows else len(name) + 2 for at, name in enumerate(_LIST)]
    kept = list(range(len(_LIST)))
    for name in ("tokens", "when", "model", "steps"):
        if sum(wide[at] for at in kept[:-1]) + min(wide[-1], 24) <= width:
            break
        kept.remove(_LIST.index(name))
    return kept


def _read(path: Path) -> Read:
    """One of many files, which may be gone or closed to us by now."""
    try:
        return read_far(path)
    except OSError as error:
        return Read(Trace(), f"{path}: {error.strerror or error}")


def _line(path: Path, trace: Trace, cut: bool) -> tuple[Text, ...]:
    started, stands = trace.started, standing(trace)
    kind = "damaged" if cut else stands.kind
    style = terminal.OUTCOME_STYLE.get(kind, "yellow" if kind == "unfinished" else "red").replace("bold ", "")
    usage = stands.state.usage.total_tokens
    return (
        _cell(path.stem, 60),
        Text(words.when(started.at)[:16]),
        _cell(words.successive(agent.backend for agent in agents(trace)), 40),
        Text(str(stands.state.steps)),
        Text(f"{usage:,}" if usage else ""),
        Text(kind, style),
        _cell(words.said(started.task)),
    )


def steps(file: FileArgument = None, *, masks: MaskOptions) -> None:
    """A table of the steps: thought, call, result, tokens, time."""
    loaded = load(file, masks)
    console = out()
    if console.width < _TABLE:
        show(console, *_listed(loaded.trace))
        loaded.done()
        return
    table = _table("step", "thought", "action", "result", "status", "tokens", "time", right=(0, 5, 6))
    for step in loaded.trace.steps():
        usage = step.reply.usage
        spent = (Text(f"{usage.total_tokens:,}" if usage else ""), Text(words.seconds(step.seconds)))
        thought = _cell(step.thought)
        if not step.calls:
            table.add_row(Text(str(step.index)), thought, "", _cell(_wrote(step)), Text(_reading(step)), *spent)
        for index, call in enumerate(step.calls):
            head = (Text(str(step.index)), thought) if not index else ("", "")
            result = _cell(words.observed(call.result)) if call.result else Text("…")
            status = _status(call.result)
            took = spent if not index else ("", "")
            did = _cell(words.call(call.name, call.arguments))
            table.add_row(*head, did, result, Text(status, "" if status == "ok" else "red"), *took)
    console.print(table)
    loaded.done()


def _listed(trace: Trace) -> Iterator[terminal.Row]:
    """The same, one below the other, for a window in which a table's columns would hold a few letters each."""
    for step in trace.steps():
        usage = step.reply.usage
        note = " · ".join(filter(None, (words.tokens(usage) if usage else "", words.seconds(step.seconds))))
        said = [("thought", step.thought, "italic")] if step.thought else []
        if not step.calls:
            said.append((_reading(step), _wrote(step) or "(nothing)", ""))
        for call in step.calls:
            status = _status(call.result)
            said.append(("action", words.call(call.name, call.arguments), "cyan"))
            said.append((status, words.observed(call.result) if call.result else "…", "" if status == "ok" else "red"))
        for at, (label, text, style) in enumerate(said):
            first = (note, str(step.index)) if not at else ("", "")
            yield terminal.Row(label, words.plain_line(text, 120), style, "dim", *first)


def _wrote(step: Step) -> str:
    """A reply without calls: its text; of one that was refused or could not be used, what it said or wrote."""
    reply = step.reply
    return reply.message.text or (reply.complaint if reply.finish == "refused" else reply.raw) or ""


def _reading(step: Step) -> str:
    return "refused" if step.reply.finish == "refused" else step.reply.reading


def _status(result: ToolResult | None) -> str:
    return result.status if result else "open"


def grep(
    pattern: Annotated[str, typer.Argument(help="Plain text.")],
    folder: FolderArgument = None,
    ignore_case: Annotated[bool, typer.Option("-i", help="In any case.")] = False,
    *,
    masks: MaskOptions,
) -> None:
    """Find a text in questions, thoughts, calls, results, answers.

    DIR may be one file too. Exit 1 where there is none, as grep does.
    """
    runs = runs_folder(folder)
    if not runs.exists():  # else a misspelt name would look like a text that is nowhere
        runs = find(None if folder is None else str(folder))
    paths = [runs] if runs.is_file() else JsonlStore(runs).runs()
    wanted = pattern.casefold() if ignore_case else pattern
    found = False
    for path in paths:
        trace, problem, _ = _read(path)
        if problem:
            complain(problem)
        for place, line in _lines_of(masks.trace(trace)):
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
                at = step if isinstance(event, Replied) else step - 1
                yield (f"{at} {row.label}" if at >= 0 else row.label), line
        step += isinstance(event, Replied)


def stats(files: Annotated[list[str] | None, typer.Argument(metavar="[FILE]...", help="By default the newest.")] = None) -> None:
    """What runs took: steps, calls, mistakes, tokens, cost, time."""
    rows: list[tuple[Text, ...]] = []
    bad = 0
    for name in files or ["last"]:
        try:
            loaded = load(name)
        except typer.Exit:  # it said why
            bad += 1
            continue
        rows.append(_figures(loaded))
        if loaded.problem:
            complain(loaded.problem)
            bad += 1
    _print_figures(rows)
    raise typer.Exit(Code.OTHER if bad else Code.OK)


def _print_figures(rows: Sequence[tuple[Text, ...]]) -> None:
    """As a table where the window is wide enough for it, else one below the other: a figure that is cut is another figure."""
    names = ("run", "outcome", "steps", "calls", "failed", "unusable", "in", "out", "cost", "model time", "tool time")
    table = _table(*names, right=range(2, 11))
    for row in rows:
        table.add_row(*row)
    console = out()
    if console.measure(table, options=console.options.update(width=WIDE)).maximum <= console.width:
        console.print(table)
        return
    for row in rows:
        show_whole(console, *(Text.assemble((f"{name:<12}", "bold"), figure) for name, figure in zip(names, row, strict=True)), Text())


def _figures(loaded: Loaded) -> tuple[Text, ...]:
    all_ = loaded.trace.steps()
    results = [call.result for step in all_ for call in step.calls if call.result]
    usage = loaded.trace.usage()
    return tuple(
        Text(text)
        for text in (
            words.plain_line(loaded.path.stem, 60),
            loaded.stands.kind,
            str(len(all_)),
            str(sum(len(step.calls) for step in all_)),
            str(sum(not result.ok for result in results)),
            str(sum(step.reply.reading == "malformed" for step in all_)),
            f"{usage.input_tokens:,}",
            f"{usage.output_tokens:,}",
            words.cost(loaded.stands.state.known_cost),
            words.seconds(sum(step.seconds for step in all_)),
            words.seconds(sum(call.seconds or 0.0 for step in all_ for call in step.calls)),
        )
    )


def _table(*columns: str, right: Sequence[int] = (), tight: bool = False) -> Table:
    """A table of these columns; a tight one has one line a row, and its last column is cut where the window ends."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0), expand=tight)
    for index, column in enumerate(columns):
        last = tight and index == len(columns) - 1
        number = index in right
        table.add_column(
            column,
            justify="right" if number else "left",
            no_wrap=number or (tight and index > 0),  # the first says what a row is of: it is folded before it is cut
            overflow="ellipsis" if last else "fold",
            ratio=1 if last else None,
        )
    return table


def _cell(text: str, most: int = 120) -> Text:
    return Text(words.plain_line(text, most))
