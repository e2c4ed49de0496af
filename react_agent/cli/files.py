"""Trace files as commands take them: found by path or name, loaded as far as they can be, and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from react_agent.cli.console import Code, complain, fail, runs_folder
from react_agent.errors import ConfigError
from react_agent.events import Replied
from react_agent.loop import CallModel, State, advance, begin, next_effect
from react_agent.stores.jsonl import JsonlStore
from react_agent.trace import Trace
from react_agent.view.kin import is_file
from react_agent.view.reading import read_far
from react_agent.view.redact import Redactor
from react_agent.view.standing import Standing, standing


@dataclass(slots=True)
class Loaded:
    """A trace as far as it could be read, how it stands, and what is wrong with its file, if anything is."""

    path: Path
    trace: Trace
    stands: Standing
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
    if is_file(beneath := JsonlStore(runs).path(name)):  # the id of a sub-agent's run has a slash in it
        return beneath
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
    path, trace, problem = _read(name)
    if not len(trace):
        fail(problem)
    if not problem and (misfit := standing(trace).problem):
        problem = f"{path}: {misfit}"
    shown = redactor.trace(trace) if redactor else trace
    return Loaded(path, shown, standing(shown), problem)


def load_whole(name: str | None) -> tuple[Path, Trace, State]:
    """A trace to work with, and its fold; a torn last line is dropped. Ends the command for anything less."""
    path, trace, problem = _read(name)
    if problem and trace.torn is None:
        fail(problem)
    stands = standing(trace)
    if stands.problem:
        fail(f"{path}: {stands.problem}")
    return path, trace, stands.state


def _read(name: str | None) -> tuple[Path, Trace, str]:
    path = find(name)
    try:
        read = read_far(path)
        return path, read.trace, read.problem
    except OSError as error:
        return path, Trace(), f"{path} cannot be read: {error.strerror or error}"


def text_of(path: str) -> str:
    """The text of a file that an option names as ``@FILE``. Raises `ConfigError` for one that is no UTF-8, and `OSError`."""
    try:
        return Path(path).read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text in UTF-8 ({error.reason} at byte {error.start}); save it as such") from None


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
