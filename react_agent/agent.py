"""The front: an agent is a spec, a backend and tools. Everything it does is in the trace; `Agent` itself holds nothing of a run."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeAlias, Unpack, cast, overload

from msgspec.structs import replace

from react_agent.accepting import as_backend, as_examples, as_policy, as_reviewer, as_secrets, as_store, masker_for, without_secrets
from react_agent.answering import TypedAnswer
from react_agent.backends.base import Backend
from react_agent.dispatch import CallScope, current_call
from react_agent.errors import ConfigError, ReactAgentError, TraceError
from react_agent.events import Changed, Parent, Resumed, Reviewed, Started, Told
from react_agent.forking import edited
from react_agent.host import Reviewer, Run
from react_agent.loop import CallModel, State, fold, next_effect
from react_agent.messages import Message, Outcome, Settings, Task, Usage, as_parts, clean, user
from react_agent.nesting import child_so_far
from react_agent.policy import Policy
from react_agent.result import Output, Result, check_reviews, checked_review
from react_agent.spec import AgentSpec, Limits, differences
from react_agent.streaming import Progress, RunStream
from react_agent.sync import run_sync
from react_agent.tooling import Tool, ToolRegistry
from react_agent.trace import Trace, file_of

if TYPE_CHECKING:
    from typing_extensions import TypeForm

    from react_agent.accepting import AgentOptions, AnyOutput
    from react_agent.backends.function import TextFunction
    from react_agent.stores.jsonl import Store, Writer

BackendLike: TypeAlias = "Backend | str | TextFunction"
ToolLike: TypeAlias = "Tool | Callable[..., object]"

GO_ON = user("Go on with the task. You may take further steps now.")
"""What is said to a model whose run was ended by a limit, when it is taken up without another word."""


class Agent(Generic[Output]):
    """A model with tools, instructions and limits.

    Args:
        backend: A `Backend`; a name such as ``"openai:gpt-5"`` or ``"http://localhost:8080/v1#model"``; or any function ``str -> str``, sync or async.
        tools: Functions, `Tool` objects, or a `ToolRegistry`.
        instructions: The system prompt.
        output: A type (or JSON Schema) of the answer; it arrives checked in ``result.output``, which type checkers know to be of that type (an
            ``Agent[Ticket]`` gives a ``Result[Ticket]``; a union or ``Literal`` too, with mypy from 2.2). Keys that it does not know are
            refused where they may stand for one with a default; ``extra="ignore"`` in its own configuration has them dropped.
        limits: Where a run ends at the latest.
        settings: Temperature and the like.
        policy: Which calls may run; by default, tools that call themselves destructive are asked for.
        format: How a named model or a function is spoken to: ``native``, ``react_text``, ``auto``…
        store: A folder or a `Store` for traces; without one they stay in memory.
        reviewer: Asked about each call that the policy wants reviewed; without one the run pauses.
        secrets: Values that are masked before they reach model, memory or file; with names, as in ``{"github": token}``, tools can ask for them by
            ``ctx.secret("github")``. What a trace held before it was taken up stays as it is.
        name: For traces and sub-agents.
        examples: Runs to learn from (few-shot): traces, lists of messages from a question to its answer, or texts of Question, Thought, Action and
            Observation lines, such as the paper's prompts. They are written in the format in use.

    Raises:
        ConfigError: Something does not fit together; nothing has run.
    """

    @overload  # mypy reads a Literal or a union as a type only where nothing but a type may stand
    def __init__(self, backend: BackendLike, *, output: TypeForm[Output], **others: Unpack[AgentOptions]) -> None: ...
    @overload
    def __init__(self, backend: BackendLike, *, output: type[Output] | None, **others: Unpack[AgentOptions]) -> None: ...
    @overload
    def __init__(self, backend: BackendLike, *, output: AnyOutput = None, **others: Unpack[AgentOptions]) -> None: ...
    def __init__(
        self,
        backend: BackendLike,
        *,
        tools: ToolRegistry | Iterable[ToolLike] = (),
        instructions: str = "",
        output: AnyOutput = None,
        limits: Limits | None = None,
        settings: Settings | None = None,
        policy: Policy | None = None,
        format: str | None = None,  # noqa: A002 - the word that the whole library uses
        store: Store | str | Path | None = None,
        reviewer: Reviewer | None = None,
        secrets: Sequence[str] | Mapping[str, str] = (),
        name: str = "agent",
        examples: Iterable[Trace | Sequence[Message] | str] = (),
    ) -> None:
        self.backend = as_backend(backend, format)
        self.tools = ToolRegistry(tools)  # a copy: what is registered later is no tool of this agent
        self._output = None if output is None else TypedAnswer(output)
        self.spec = AgentSpec(
            instructions,
            self.tools.specs,
            limits or Limits(),
            settings or Settings(),
            as_policy(policy, self.tools),
            self._output.schema if self._output else None,
            name=name,
            examples=tuple([said for example in examples for said in as_examples(example, self.tools.specs)]),
        )
        self._store = as_store(store)
        self._reviewer = as_reviewer(reviewer)
        self._secrets = as_secrets(secrets)
        self._masker = masker_for(self._secrets.values(), self.backend, self.spec)
        self.spec = without_secrets(self.spec, self._masker)

    def __repr__(self) -> str:
        return f"Agent({self.backend.name}, tools=[{', '.join(tool.name for tool in self.tools)}])"

    # ------------------------------------------------------------------------------------------------------------ runs

    async def run(self, task: Task, *, deps: object = None, run_id: str | None = None) -> Result[Output]:
        """Work on a task until it is answered or the run ends otherwise.

        Args:
            task: The question; text, or texts and images.
            deps: Given to tools that take a `RunContext`.
            run_id: Names the run; one is made up by default.

        Never raises for what a model, a tool or a server does: see ``result.outcome``. Cancellation is recorded and goes through.

        Raises:
            ConfigError: The task or the id is none, or the reviewer decided on something else than it was asked.
            TraceError: The store has a run of this id, or cannot be written; no tool runs whose call is not on record.
            ScriptError, Diverged: By a mock or a replay that is asked for more than it holds.
        """
        return await self._finish(self._begin(task, deps, run_id))

    def run_sync(self, task: Task, *, deps: object = None, run_id: str | None = None) -> Result[Output]:
        """`run`, waited for. Works inside a running event loop too."""
        return run_sync(lambda: self.run(task, deps=deps, run_id=run_id))

    def stream(self, task: Task, *, deps: object = None, run_id: str | None = None) -> RunStream[Output]:
        """A run to watch: ``async with agent.stream(task) as run: async for event in run: …``, then ``run.result``."""
        return RunStream(lambda: self._begin(task, deps, run_id), self._finish, self._result)

    async def resume(
        self,
        trace: Trace | str | Path,
        task: Task | None = None,
        *,
        reviews: Iterable[Reviewed] = (),
        deps: object = None,
        changes: bool = False,
    ) -> Result[Output]:
        """Go on where a trace stopped: after a crash, a pause, a limit, or with the next question.

        What a limit ended goes on with other limits (which are a change) or, after a deadline, with as much time again; the model is told to go on.

        Args:
            trace: A trace, which is taken as it is; or the path of its file, which is then written on.
            task: The next question, or a word in the middle.
            reviews: Decisions on the calls that the trace waits for; see ``result.pending``.
            deps: As in `run`.
            changes: This agent may differ from the recorded one; the difference is written into the trace. A different backend or format
                needs no leave, since the record is neutral.

        Raises:
            ConfigError: The agent differs from the recorded spec and `changes` is not set (the message names the differences), or a review
                is of a call that does not wait for one.
            TraceError: The file is no trace, is being written by another run, cannot be written, or lacks a picture that should lie beside it.
            FileNotFoundError: There is no such file.
            ScriptError, Diverged: As in `run`.
        """
        return await self._finish(self._take_up(trace, task, reviews, deps, changes))

    def resume_sync(
        self,
        trace: Trace | str | Path,
        task: Task | None = None,
        *,
        reviews: Iterable[Reviewed] = (),
        deps: object = None,
        changes: bool = False,
    ) -> Result[Output]:
        """`resume`, waited for."""
        return run_sync(lambda: self.resume(trace, task, reviews=reviews, deps=deps, changes=changes))

    def resume_stream(
        self,
        trace: Trace | str | Path,
        task: Task | None = None,
        *,
        reviews: Iterable[Reviewed] = (),
        deps: object = None,
        changes: bool = False,
    ) -> RunStream[Output]:
        """`resume`, to watch."""
        return RunStream(lambda: self._take_up(trace, task, reviews, deps, changes), self._finish, self._result)

    async def fork(
        self, trace: Trace | str | Path, at: int, task: Task | None = None, *, edits: Mapping[str, str] | None = None, deps: object = None
    ) -> Result[Output]:
        """Try another way from an earlier point: a new run that begins with the first `at` events of a trace.

        The new run has its own id and leaves the old trace alone. ``trace.after_step(n)`` gives the `at` behind step n. The agent may differ
        from the recorded one; the difference is written down.

        Args:
            trace: The old run, which is taken as it is; or the path of its file.
            at: How many of its events are kept.
            task: The next question, or a word in the middle.
            edits: Other texts for what no kept step has read: ``{"observation": "no such city"}``; also ``question``, and ``observation.1`` of several. They
                are on record in the new run.
            deps: As in `run`.

        Raises:
            ConfigError: Something that cannot be edited at that point; the message names what can.
            TraceError: The file is no trace, or lacks a picture that should lie beside it.
        """
        return await self._finish(self._fork(trace, at, task, edits or {}, deps))

    def fork_sync(
        self, trace: Trace | str | Path, at: int, task: Task | None = None, *, edits: Mapping[str, str] | None = None, deps: object = None
    ) -> Result[Output]:
        """`fork`, waited for."""
        return run_sync(lambda: self.fork(trace, at, task, edits=edits, deps=deps))

    def fork_stream(
        self, trace: Trace | str | Path, at: int, task: Task | None = None, *, edits: Mapping[str, str] | None = None, deps: object = None
    ) -> RunStream[Output]:
        """`fork`, to watch."""
        return RunStream(lambda: self._fork(trace, at, task, edits or {}, deps), self._finish, self._result)

    # ------------------------------------------------------------------------------------------------------ beginnings

    def _begin(self, task: Task, deps: object, run_id: str | None) -> Run:
        asked = as_parts(task)
        if run_id is not None and not (isinstance(run_id, str) and run_id and clean(run_id) == run_id):
            raise ConfigError(f"run_id is {run_id!r}; it is text that names the run and its file, or None")
        scope = current_call.get()
        parent = None
        if scope is not None and run_id is None:
            parent = Parent(scope.run_id, call=scope.key)
            run_id, known = self._beneath(scope, self._masker.masked(asked))
            if known is not None:
                run = self._take_up(known, None, (), deps, True)
                run.inherited = (Usage(), 0.0)  # nobody above has heard of it: the call never returned
                return run
        run_id = new_run_id() if run_id is None else run_id
        run = self._run(deps, self._store.create(run_id) if self._store else None)
        run.begin(Started(run.now(), run_id, asked, self.spec, self.backend.name, self.backend.format_name, parent))
        return run

    def _beneath(self, scope: CallScope, asked: Message) -> tuple[str, Trace | None]:
        """The id of the next run beneath a call; and what there is of it, if the call is running again and it was begun before."""
        for number, run_id, before in scope.children():
            known = child_so_far(self._store, run_id, before, scope.key)
            # that one was asked something else: by another run of the same call, or before a person changed it or the model wrote another
            if known is None or known.started.task == asked:
                scope.take(number)
                return run_id, known
        raise AssertionError("unreachable: there is always a further number")

    def _take_up(self, trace: Trace | str | Path, task: Task | None, reviews: Iterable[Reviewed], deps: object, changes: bool) -> Run:
        said = None if task is None else as_parts(task)
        if not isinstance(reviews, Iterable):
            raise ConfigError(f"reviews is a list of reviews, also for one; not {type(reviews).__name__}")
        decisions = [checked_review(review) for review in reviews]
        writer, trace = self._home(trace)
        try:
            state = fold(trace)
            self._check_spec(state, changes)
            check_reviews(state, decisions)
        except ReactAgentError:
            if writer is not None:
                writer.close()
            raise
        run = self._run(deps, writer)
        run.load(Trace(trace), state)
        run.inherited = (state.usage, state.cost)
        self._go_on(run, said, decisions)
        return run

    def _fork(self, trace: Trace | str | Path, at: int, task: Task | None, edits: Mapping[str, str], deps: object) -> Run:
        said = None if task is None else as_parts(task)
        trace = trace if isinstance(trace, Trace) else _read(trace)
        masked = {place: self._masker.masked(text) for place, text in edits.items()}
        forked = edited(trace.fork(at, run_id=new_run_id(), now=time.time()), masked)
        state = fold(forked)
        writer = self._store.create(forked.run_id) if self._store else None
        if writer is not None:
            for event in forked:
                writer.write(event)
        run = self._run(deps, writer)
        run.load(forked, state)
        run.inherited = (state.usage, state.cost)
        self._go_on(run, said, ())
        return run

    def _go_on(self, run: Run, said: Message | None, reviews: Iterable[Reviewed]) -> None:
        run.append(Resumed(run.now(), run.state.epoch + 1))
        last = next((event for event in reversed(run.trace) if isinstance(event, (Started, Changed))), None)
        speaks = last is not None and (last.backend, last.format) == (self.backend.name, self.backend.format_name)
        if run.state.spec != self.spec or not speaks:
            run.append(Changed(run.now(), self.spec, self.backend.name, self.backend.format_name))
        for review in reviews:
            run.append(replace(review, at=run.now()))
        if said is None and run.state.view[-1].role == "assistant" and isinstance(next_effect(run.state), CallModel):
            said = GO_ON  # servers refuse a conversation that ends with the model's own words, or have it complete them
        if said is not None:
            run.append(Told(run.now(), said))

    def _home(self, trace: Trace | str | Path) -> tuple[Writer | None, Trace]:
        """Where a resumed trace is written on: its own file, or the store if that has it or can take it."""
        if not isinstance(trace, Trace):
            from react_agent.stores.jsonl import append_to

            writer: Writer = append_to(file_of(trace))
            try:
                return writer, _read(trace)
            except TraceError:
                writer.close()
                raise
        if self._store is None:
            return None, trace
        if not self._store.exists(trace.run_id):
            writer = self._store.create(trace.run_id)
            for event in trace:
                writer.write(event)
            return writer, trace
        writer = self._store.append(trace.run_id)
        try:
            same = self._store.load(trace.run_id) == trace
        except TraceError:
            writer.close()
            raise
        if not same:
            writer.close()
            raise TraceError(f"the store has run {trace.run_id} with other events than this trace: load it from there, or fork this trace")
        return writer, trace

    def _check_spec(self, state: State, changes: bool) -> None:
        if changes or state.spec == self.spec:
            return
        raise ConfigError(
            "this agent differs from the one that the trace was made with: "
            + "; ".join(differences(state.spec, self.spec))
            + ". Pass changes=True to go on with this agent and have the difference written into the trace."
        )

    def _run(self, deps: object, writer: Writer | None) -> Run:
        return Run(
            self.backend,
            self.tools,
            finish=self._output.tool if self._output else None,
            deps=deps,
            secrets=self._secrets,
            masker=self._masker,
            reviewer=self._reviewer,
            writer=writer,
            result_chars=self.spec.limits.result_chars,
        )

    async def _finish(self, run: Run) -> Result[Output]:
        scope = current_call.get()
        try:
            outcome = await run.finish()
        finally:
            if scope is not None:  # cancelled or not, it was spent
                usage, cost = run.inherited
                scope.add(run.state.usage - usage, run.state.cost - cost)
        return self._result(run, outcome)

    def _result(self, run: Run, outcome: Outcome) -> Result[Output]:
        state = run.state
        answer = state.answer if outcome.kind == "answered" else None
        output: Output | None = None
        if self._output is not None and state.output is not None:
            with contextlib.suppress(Exception):  # it was given to an agent with another type of answer, whose checks are the user's code
                output = cast("Output", self._output.value(state.output))
        return Result(outcome, answer, output, state.partial(), state.usage, state.known_cost, run.trace, run.error)


def _read(path: str | Path) -> Trace:
    from react_agent.stores.jsonl import load_trace

    return load_trace(file_of(path))


def new_run_id() -> str:
    """Sorts by time, and no two of the thousands that may begin in one second are the same."""
    return _in_words(int(time.time())) + os.urandom(6).hex()


@lru_cache(1)
def _in_words(second: int) -> str:
    return time.strftime("%Y%m%d-%H%M%S-", time.gmtime(second))


__all__ = ["Agent", "CallScope", "Progress", "RunStream", "new_run_id"]
