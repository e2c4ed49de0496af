"""Trace files as commands take them: found by path or name, loaded as far as they can be, and checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from react_agent.cli.console import Code, complain, fail, runs_folder
from react_agent.errors import TraceError
from react_agent.events import Event, Replied
from react_agent.loop import CallModel, State, advance, begin, next_effect
from react_agent.messages import Outcome
from react_agent.result import pending
from react_agent.stores.jsonl import JsonlStore, load_trace
from react_agent.trace import Trace, decode_event
from react_agent.view.redact import Redactor

_MISFITS = (TraceError, IndexError, KeyError, ValueError, TypeError, AttributeError, AssertionError, ArithmeticError)


@dataclass(slots=True)
class Loaded:
    """A trace as far as it could be read, and what is wrong with its file, if anything is."""

    path: Path
    trace: Trace
    problem: str = ""

    def done(self) -> None:
        """Ends the command with the problem, if there is one."""
        if self.problem:
            fail(self.problem)


def find(name: str | None, folder: Path | None = None) -> Path:
    """The file of a trace: a path, a run's name or its beginning in the folder of runs, or nothing or ``last`` for the newest."""
    runs = runs_folder(folder)
    if name is None or (name == "last" and not Path(name).exists()):
        newest = next(iter(JsonlStore(runs).runs()), None)
        if newest is None:
            fail(f"there are no traces in {runs}. Make one with `react-agent demo` or `react-agent run`, or name a file.")
        return newest
    path = Path(name)
    if path.is_dir():
        fail(f"{path} is a folder; name a file in it, or see `react-agent trace list {path}`")
    if path.exists():
        return path
    if path.name == name:
        known = [each for each in JsonlStore(runs).runs() if each.name.startswith(name)]
        exact = [each for each in known if each.stem == name]
        if len(exact or known) == 1:
            return (exact or known)[0]
        if known:
            fail(f"{len(known)} runs in {runs} begin with '{name}': {', '.join(each.stem for each in known[:5])}", Code.USAGE)
    return fail(f"there is no file '{name}'" + (f", and no run of that name in {runs}" if path.name == name else ""))


def load(name: str | None, redactor: Redactor | None = None) -> Loaded:
    """What can be read of a trace. Ends the command where that is nothing."""
    path = find(name)
    trace, problem = _read(path)
    if not len(trace):
        fail(problem)
    if not problem:
        problem = misfit(trace, str(path))
    if trace.torn is not None:
        problem = problem or f"{path}: its last line was cut off in the middle and is left out (a writer was killed, or the file was cut)"
    return Loaded(path, redactor.trace(trace) if redactor else trace, problem)


def load_whole(name: str | None) -> tuple[Path, Trace, State]:
    """A trace to work with, and its fold; a torn last line is dropped. Ends the command for anything less."""
    path = find(name)
    trace, problem = _read(path)
    problem = problem or misfit(trace, str(path))
    if problem:
        fail(problem)
    state, _ = fold_far(trace)
    return path, trace, state


def _read(path: Path) -> tuple[Trace, str]:
    """A trace, or as much of it as comes before the first line that is no event; and why there is no more."""
    try:
        return load_trace(path), ""
    except OSError as error:
        return Trace(), f"{path} cannot be read: {error.strerror or error}"
    except TraceError as error:
        problem = str(error)
    try:
        return Trace(_until_damaged(path.read_bytes())), problem
    except TraceError:  # it does not begin as a trace does
        return Trace(), problem


def _until_damaged(data: bytes) -> Iterator[Event]:
    for line in data.split(b"\n"):
        if line.strip():
            try:
                yield decode_event(line)
            except TraceError:
                return


def fold_far(trace: Trace) -> tuple[State, int]:
    """The state after as many events as fit together, and how many those are."""
    state, fits, _ = _fold(trace)
    return state, fits


def _fold(trace: Trace) -> tuple[State, int, str]:
    state = begin(trace.started)
    for number in range(1, len(trace)):
        try:
            advance(state, trace[number])
        except _MISFITS as error:
            return state, number, _words(error)
    return state, len(trace), ""


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, TraceError) else type(error).__name__


def misfit(trace: Trace, source: str) -> str:
    """What is wrong where an event cannot follow those before it, as after an edit by hand; else nothing."""
    state, fits, why = _fold(trace)
    if fits < len(trace):
        return f"{source}: event {fits + 1} ('{trace[fits].kind}') does not fit what comes before it ({why}). Was the file edited by hand?"
    try:
        next_effect(state)
    except _MISFITS as error:
        return f"{source}: its events do not fit together ({_words(error)})"
    return ""


def how_it_stands(trace: Trace) -> Outcome | None:
    """The outcome, computed from the events and not taken from the last line; None while something is still to be done."""
    state, _ = fold_far(trace)
    if state.outcome is not None:
        return state.outcome
    if state.open and (calls := pending(state)):
        return Outcome("paused", "; ".join(f"{call.name}: {call.question}" for call in calls))
    return None


def requests(trace: Trace) -> list[CallModel]:
    """What the model was asked in each step; and last what it would be asked next, if that is what comes next."""
    state = begin(trace.started)
    asked: list[CallModel] = []
    for event in trace[1:]:
        if isinstance(event, Replied):
            effect = next_effect(state)
            if not isinstance(effect, CallModel):
                complain(f"step {state.steps} was not asked for by the loop; what follows cannot be told")
                return asked
            asked.append(effect)
        advance(state, event)
    if isinstance(effect := next_effect(state), CallModel):
        asked.append(effect)
    return asked
