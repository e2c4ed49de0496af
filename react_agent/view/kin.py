"""The runs that a trace is related to: those beneath its calls, the one above it, the one that a fork parted from; and their files, which lie in one folder.

A sub-agent's run id is its call's key, so that it is found by its name alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple, TypeAlias

from react_agent.events import Called, Replied, Returned
from react_agent.stores.jsonl import JsonlStore
from react_agent.trace import Trace
from react_agent.view.reading import Read, read_far
from react_agent.view.redact import Redactor

_STEP = re.compile("[0-9]{1,9}")
Place: TypeAlias = "tuple[int, int]"  # of a call: step, index


class Relative(NamedTuple):
    """Another run, and the step of it that leads here; None where that is none."""

    run_id: str
    step: int | None = None


class Child(NamedTuple):
    """A run beneath a call. One that is not there is known only by what it spent."""

    run_id: str
    there: bool = True


def file_of(run_id: str, beside: Path) -> Path:
    """Where the trace of a run is, or would be, in the folder of another's file."""
    return JsonlStore(beside.parent).path(run_id)


def is_file(path: Path) -> bool:
    """Whether there is such a file; no name is too long or too strange to be asked for."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def beneath(trace: Trace, there: Callable[[str], bool], start: int = 0) -> dict[Place, list[Child]]:
    """The runs beneath a trace's calls.

    Args:
        trace: The run above.
        there: Whether there is a trace of that run.
        start: Only calls of which something was told from this event on, and those that are open.
    """
    over = {(event.step, event.index) for event in trace[:start] if isinstance(event, Returned)}
    keys: dict[Place, str] = {}
    spent: set[Place] = set()
    for event in trace:
        if isinstance(event, Called) and (event.step, event.index) not in over:
            keys[event.step, event.index] = event.key
        elif isinstance(event, Returned) and (event.usage is not None or event.cost is not None):
            spent.add((event.step, event.index))
    found: dict[Place, list[Child]] = {}
    for place, key in keys.items():
        children = _children(trace.run_id, place, key, there)
        if children or place in spent:
            found[place] = children or [Child(key, there=False)]
    return found


def _children(run_id: str, place: Place, key: str, there: Callable[[str], bool]) -> list[Child]:
    """As `CallScope` names them: after this run, or, where a fork has the call from its parent, after its key."""
    for first in dict.fromkeys((f"{run_id}/{place[0]}.{place[1]}", key)):
        made: list[Child] = []
        for number in count(1):
            child = first if number == 1 else f"{first}+{number}"
            if child == run_id or not there(child):
                break
            made.append(Child(child))
        if made:
            return made
    return []


def above(trace: Trace) -> Relative | None:
    """The run that this one is beneath a call of."""
    started = trace.started
    parent = started.parent
    if parent is None or parent.call is None:
        return None
    step = parent.call.rpartition("/")[2].partition(".")[0]
    # what goes on beneath a fork parted from the child of the run before, and is named after the fork
    run_id = parent.run_id if parent.at is None else started.run_id.rpartition("/")[0]
    return Relative(run_id, int(step) if _STEP.fullmatch(step) else None)


def parted(trace: Trace) -> Relative | None:
    """The run that a fork has its first events from, and the last step of those."""
    parent = trace.started.parent
    if parent is None or parent.at is None:
        return None
    steps = sum(isinstance(event, Replied) for event in trace[: max(parent.at, 0)])
    return Relative(parent.run_id, steps - 1 if steps else None)


class Found(NamedTuple):
    """A run that a page shows: as far as it could be read, what is wrong with its file, and where that lies."""

    trace: Trace
    problem: str = ""
    file: str | None = None


def descendants(trace: Trace, beside: Path, redactor: Redactor | None = None) -> dict[str, Found]:
    """All runs beneath a trace's calls, and beneath theirs, as far as their files can be read; as they may be shown.

    Args:
        trace: The run above.
        beside: Its file.
        redactor: Masks what is shown.
    """
    found: dict[str, Found] = {}
    waiting = [trace]
    for run in waiting:
        children = beneath(run, lambda run_id: is_file(file_of(run_id, beside)))
        for child in chain.from_iterable(children.values()):
            path = file_of(child.run_id, beside)
            known = child.run_id == trace.run_id or child.run_id in found
            read = read_run(path) if child.there and not known else None
            if read is not None and read.trace.run_id == child.run_id:
                shown = redactor.trace(read.trace) if redactor else read.trace
                found[child.run_id] = Found(shown, read.problem, str(path))
                waiting.append(read.trace)
    return found


def read_run(path: Path) -> Read | None:
    """What can be read of a related run; None where that is nothing."""
    try:
        read = read_far(path)
    except OSError:
        return None
    return read if len(read.trace) else None
