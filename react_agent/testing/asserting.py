"""Assertions on a trace that read like the sentence they check, and show the run when they fail."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from react_agent.events import Called, Replied, Returned
from react_agent.messages import JsonObject, ResultStatus
from react_agent.result import Result
from react_agent.stores.jsonl import JsonlStore
from react_agent.trace import Trace
from react_agent.view import words
from react_agent.view.items import summary
from react_agent.view.table import step_table

traces_folder: ContextVar[Path | None] = ContextVar("traces_folder", default=None)
ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that the model made. `began` and `ended` are places in the trace; None where it never ran, or has no result."""

    step: int
    name: str
    arguments: JsonObject
    began: int | None
    ended: int | None
    status: ResultStatus | None
    text: str


def assert_trace(trace: Trace | Result | str | Path) -> TraceAssertion:
    """Begin a sentence about a run: ``assert_trace(result).called("search").times(2).before("answer").answered("42")``.

    Args:
        trace: A trace, a result, or the path of a trace file.
    """
    if isinstance(trace, Result):
        trace = trace.trace
    return TraceAssertion(trace) if isinstance(trace, Trace) else TraceAssertion(Trace.load(trace), Path(trace))


class TraceAssertion:
    """Each method checks one thing and gives this back. ``called`` and ``tried`` also say which calls the next words are about.

    Raises:
        AssertionError: Something is not so; the message shows the steps and where the trace lies.
    """

    def __init__(self, trace: Trace, path: Path | None = None) -> None:
        self.trace = trace
        self._path = path
        self._calls = _calls_of(trace)
        self._these: Sequence[_Call] = ()
        self._about = "the calls"

    # ---------------------------------------------------------------------------------------------------------- calls

    def called(self, name: str, **arguments: object) -> TraceAssertion:
        """The tool ran, at least once, with these arguments among others. A value may be a function that says whether it fits."""
        __tracebackhide__ = True
        return self._pick(name, arguments, [call for call in self._calls if call.began is not None], "called")

    def tried(self, name: str, **arguments: object) -> TraceAssertion:
        """The model asked for it, whether it ran or not."""
        __tracebackhide__ = True
        return self._pick(name, arguments, self._calls, "asked for")

    def never_called(self, name: str) -> TraceAssertion:
        """The tool did not run."""
        __tracebackhide__ = True
        times = sum(call.name == name and call.began is not None for call in self._calls)
        return self._check(not times, f"expected '{name}' never to be called; it was {_times(times)}")

    def times(self, number: int) -> TraceAssertion:
        """These calls are so many."""
        __tracebackhide__ = True
        self._need()
        return self._check(len(self._these) == number, f"expected {self._about} {_times(number)}; it was {_times(len(self._these))}")

    def before(self, other: str) -> TraceAssertion:
        """All of these had a result before the first call of another tool began; ``"answer"`` is the answer."""
        __tracebackhide__ = True
        first = self._first(other)
        late = [call for call in self._these if call.ended is None or call.ended > first]
        return self._check(not late, f"expected {self._about} before '{other}'; not so in step {late[0].step if late else ''}")

    def after(self, other: str) -> TraceAssertion:
        """All of these began after the first call of another tool had a result."""
        __tracebackhide__ = True
        self._need()
        ended = [call.ended for call in self._calls if call.name == other and call.ended is not None]
        self._check(bool(ended), f"expected {self._about} after '{other}', which never had a result")
        early = [call for call in self._these if call.began is None or call.began < ended[0]]
        return self._check(not early, f"expected {self._about} after '{other}'; not so in step {early[0].step if early else ''}")

    def ended(self, status: ResultStatus) -> TraceAssertion:
        """All of these ended so: ``ok``, ``error``, ``timeout``, ``refused``, ``invalid``, ``unknown_tool``."""
        __tracebackhide__ = True
        self._need()
        others = [call for call in self._these if call.status != status]
        return self._check(not others, f"expected {self._about} to end as '{status}'; one ended as '{others[0].status if others else ''}'")

    def returned(self, text: str) -> TraceAssertion:
        """One of these has this in its result."""
        __tracebackhide__ = True
        self._need()
        return self._check(any(text in call.text for call in self._these), f"expected a result of {self._about} to hold {text!r}")

    # ---------------------------------------------------------------------------------------------------------- the run

    def outcome(self, kind: str) -> TraceAssertion:
        """How the run ended, computed from its events; ``paused`` and ``unfinished`` too."""
        __tracebackhide__ = True
        told = summary(self.trace)
        return self._check(told["outcome"] == kind, f"expected the outcome '{kind}'; it is '{told['outcome']}' {told['detail']}".rstrip())

    def answered(self, text: str | None = None, *, holds: str | None = None) -> TraceAssertion:
        """There is an answer: this one, or one that has these words in it."""
        __tracebackhide__ = True
        self.outcome("answered")
        answer = str(summary(self.trace)["answer"])
        self._check(text is None or answer == words.plain(text), f"expected the answer {text!r}; it is {answer!r}")
        return self._check(holds is None or words.plain(holds) in answer, f"expected the answer to hold {holds!r}; it is {answer!r}")

    def steps(self, *, at_most: int) -> TraceAssertion:
        """The run took no more steps."""
        __tracebackhide__ = True
        taken = sum(isinstance(event, Replied) for event in self.trace)
        return self._check(taken <= at_most, f"expected at most {words.amount(at_most, 'step')}; there are {taken}")

    def tokens(self, *, at_most: int) -> TraceAssertion:
        """The run took no more tokens, read and written together."""
        __tracebackhide__ = True
        used = self.trace.usage().total_tokens
        return self._check(used <= at_most, f"expected at most {words.amount(at_most, 'token')}; there are {used:,}")

    def satisfies(self, condition: Callable[[Trace], bool], what: str = "the condition") -> TraceAssertion:
        """Whatever else has to be so."""
        __tracebackhide__ = True
        return self._check(condition(self.trace), f"expected the trace to satisfy {what}")

    # ---------------------------------------------------------------------------------------------------------- inside

    def _pick(self, name: str, arguments: dict[str, object], among: Sequence[_Call], verb: str) -> TraceAssertion:
        __tracebackhide__ = True
        named = [call for call in among if call.name == name]
        self._these = [call for call in named if all(_fits(call.arguments, key, value) for key, value in arguments.items())]
        shown = ", ".join(f"{key}={'…' if callable(value) else repr(value)}" for key, value in arguments.items())
        self._about = f"'{name}'{f' with {shown}' if shown else ''} to be {verb}"
        others = "; it was, with other arguments" if named else ""
        return self._check(bool(self._these), f"expected {self._about}{others}")

    def _first(self, other: str) -> int:
        __tracebackhide__ = True
        self._need()
        if other == ANSWER:
            replies = [at for at, event in enumerate(self.trace) if isinstance(event, Replied) and event.reply.reading == "answer"]
            places = replies[-1:]
        else:
            places = [call.began for call in self._calls if call.name == other and call.began is not None]
        self._check(bool(places), f"expected {self._about} before '{other}', which never came")
        return min(places)

    def _need(self) -> None:
        __tracebackhide__ = True
        if not self._these:
            raise TypeError('say first which calls are meant: assert_trace(trace).called("name")…')

    def _check(self, good: bool, message: str) -> TraceAssertion:
        __tracebackhide__ = True
        if not good:
            raise AssertionError(f"{message}\n\n{step_table(self.trace)}\n\ntrace: {self._where()}")
        return self

    def _where(self) -> str:
        """The trace's file; one that was in memory only is saved for whoever looks into the failure."""
        if self._path is not None:
            return str(self._path)
        folder = traces_folder.get() or Path(tempfile.mkdtemp(prefix="react_agent-"))
        path = JsonlStore(folder).path(self.trace.run_id)
        return str(path if path.exists() else self.trace.save(path))


def _calls_of(trace: Trace) -> list[_Call]:
    began = {(event.step, event.index): at for at, event in enumerate(trace) if isinstance(event, Called)}
    ended = {(event.step, event.index): at for at, event in enumerate(trace) if isinstance(event, Returned)}
    made = []
    for step in trace.steps():
        for index, call in enumerate(step.calls):
            place, result = (step.index, index), call.result
            status, text = (result.status, result.text) if result else (None, "")
            made.append(_Call(step.index, call.name, call.arguments or {}, began.get(place), ended.get(place), status, text))
    return made


def _fits(arguments: JsonObject, name: str, wanted: object) -> bool:
    if name not in arguments:
        return False
    return bool(wanted(arguments[name])) if callable(wanted) else arguments[name] == wanted


def _times(number: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number} times")
