"""``run``, ``resume`` and ``trace fork``: the commands that ask a model."""

from __future__ import annotations

import getpass
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from msgspec.structs import replace

from react_agent.cli.console import EXIT, Code, Mode, fail, runs_folder, shell
from react_agent.cli.edits import INSTRUCTIONS, typed_edits
from react_agent.cli.files import load_whole, text_of
from react_agent.cli.loading import MODEL_VARIABLE, load_model, load_tools
from react_agent.cli.options import FieldsOption, RedactOption, redactor
from react_agent.errors import ConfigError
from react_agent.events import Changed, Reviewed, Started
from react_agent.loop import State, fold
from react_agent.messages import JsonObject, Settings
from react_agent.result import Pending, pending
from react_agent.spec import AgentSpec, Limits
from react_agent.stores.jsonl import JsonlStore
from react_agent.tooling import ToolRegistry
from react_agent.trace import Trace

if TYPE_CHECKING:
    from react_agent.backends.base import Backend
    from react_agent.streaming import RunStream
    from react_agent.view.redact import Redactor

ModelOption = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--model",
        metavar="MODEL",
        help="openai:gpt-5, ollama:qwen3, http://localhost:8080/v1#model, or module:attribute. By default $REACT_AGENT_MODEL.",
    ),
]
ToolsOption = Annotated[
    list[str] | None,
    typer.Option(
        "-t",
        "--tools",
        metavar="TOOLS",
        help="An installed pack (standard), module, path/file.py[:function], or mcp:URL-or-command. May be given several times.",
    ),
]
FormatOption = Annotated[
    str | None, typer.Option("--format", metavar="FORMAT", help="How the model writes its steps: auto, native, react_text, hermes…")
]
StepsOption = Annotated[int | None, typer.Option("--steps", min=1, help="Most steps for this question.")]
SecondsOption = Annotated[float | None, typer.Option("--seconds", min=0.001, help="Most seconds for this question.")]
TokensOption = Annotated[int | None, typer.Option("--tokens", min=1, help="Most tokens for this question, read and written.")]
CostOption = Annotated[
    float | None, typer.Option("--cost", min=0.000001, help="Most US dollars for this question, where prices are known.")
]
DisplayOption = Annotated[
    Mode | None,
    typer.Option("--display", help="By default live on a terminal, and plain elsewhere. json: an event a line. quiet: the answer."),
]
StoreOption = Annotated[
    Path | None, typer.Option("--store", metavar="DIR", help="Folder for traces. By default $REACT_AGENT_RUNS, else ./runs.")
]
FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="A trace file, the name of a run, or 'last'.")]
ChangesOption = Annotated[bool, typer.Option("--changes", help="The tools may differ from the recorded ones; the difference is recorded.")]


def run(
    question: Annotated[str, typer.Argument(help="What to work on; - reads it from standard input.")],
    model: ModelOption = None,
    tools: ToolsOption = None,
    instructions: Annotated[str, typer.Option("--instructions", help="The system prompt; @FILE reads it from a file.")] = "",
    format: FormatOption = None,  # noqa: A002 - the option's name
    steps: StepsOption = None,
    seconds: SecondsOption = None,
    tokens: TokensOption = None,
    cost: CostOption = None,
    temperature: Annotated[float | None, typer.Option("--temperature", help="Of sampling; by default the server's.")] = None,
    store: StoreOption = None,
    display: DisplayOption = None,
    redact: RedactOption = None,
    redact_field: FieldsOption = None,
) -> None:
    """Ask a question; the model may call tools until it answers.

    A call that can destroy something is asked about first: at the terminal, or else the run pauses and says how to go on.
    The first Ctrl-C ends the run after the present step, the second at once; its trace is whole either way.
    """
    from react_agent.agent import new_run_id

    masks = redactor(redact, redact_field)
    task = sys.stdin.read().strip() if question == "-" else question
    if not task.strip():
        fail("the question is empty", Code.USAGE)
    home = JsonlStore(runs_folder(store))
    text = text_of(instructions[1:]) if instructions.startswith("@") else instructions
    spec = AgentSpec(
        text, limits=_limits(Limits(), steps=steps, seconds=seconds, tokens=tokens, cost=cost), settings=Settings(temperature=temperature)
    )
    backend = load_model(model, format)
    sitting = _Sitting(spec, backend, load_tools(tools or ()), home, display, _again(model, tools), masks)
    run_id = new_run_id()
    sitting.sit(sitting.agent.stream(task, run_id=run_id), home.path(run_id))


def resume(
    file: FileArgument,
    question: Annotated[str | None, typer.Argument(help="The next question, or a word in the middle.")] = None,
    model: ModelOption = None,
    tools: ToolsOption = None,
    approve: Annotated[
        str | None, typer.Option("--approve", metavar="CALL", help="Run this call, such as 0.0; 0.0,0.1 for two; or all.")
    ] = None,
    deny: Annotated[
        tuple[str, str] | None, typer.Option("--deny", metavar="CALL REASON", help="Do not run it; the model is told why.")
    ] = None,
    change: Annotated[tuple[str, str] | None, typer.Option("--change", metavar="CALL JSON", help="Run it with these arguments.")] = None,
    give: Annotated[
        tuple[str, str] | None, typer.Option("--give", metavar="CALL RESULT", help="Do not run it; take this as its result.")
    ] = None,
    format: FormatOption = None,  # noqa: A002 - the option's name
    steps: StepsOption = None,
    seconds: SecondsOption = None,
    tokens: TokensOption = None,
    cost: CostOption = None,
    changes: ChangesOption = False,
    display: DisplayOption = None,
    redact: RedactOption = None,
    redact_field: FieldsOption = None,
) -> None:
    """Go on after a pause, a limit, or with the next question."""
    from react_agent.cli.session import how_to_go_on

    masks = redactor(redact, redact_field)
    path, trace, state = load_whole(file)
    reviews = _reviews(trace, approve, deny, change, give)
    more = bool(steps or seconds or tokens or cost)
    if not more and question is None:
        _check_it_can_go_on(state, path)
    spec = replace(state.spec, limits=_limits(state.spec.limits, steps=steps, seconds=seconds, tokens=tokens, cost=cost))
    backend = _model_again(trace, model, format)
    again = _again(model, tools)
    sitting = _Sitting(spec, backend, _tools_again(spec, tools or (), changes), None, display, again, masks)
    waits = pending(state)
    if waits and not reviews and question is None:  # nothing new: decide here and now, or say how
        if not sitting.session.interactive:
            how_to_go_on(masks.trace(trace), path, again)
            raise typer.Exit(Code.PAUSED)
        sitting.rest(trace, path)
    sitting.sit(sitting.agent.resume_stream(path, question, reviews=reviews, changes=changes or more), path, seen=len(trace))


def fork(
    file: FileArgument,
    question: Annotated[str | None, typer.Argument(help="A word to the model at that point.")] = None,
    at: Annotated[int, typer.Option("--at", min=0, metavar="STEP", help="The first step that is done anew; those before it are kept.")] = 0,
    edit: Annotated[
        list[str] | None,
        typer.Option(
            "--edit",
            metavar="PLACE[=TEXT]",
            help="Another text for what the step at --at reads: question, instructions, observation, or observation.1 of several. "
            "@FILE reads it from a file; without a text, $EDITOR opens. May be given several times.",
        ),
    ] = None,
    model: ModelOption = None,
    tools: ToolsOption = None,
    format: FormatOption = None,  # noqa: A002 - the option's name
    steps: StepsOption = None,
    store: StoreOption = None,
    display: DisplayOption = None,
    redact: RedactOption = None,
    redact_field: FieldsOption = None,
) -> None:
    """Try another way from an earlier step, as a new run.

    The steps before --at are kept, the old run is left alone, and what was edited is on record in the new one.
    """
    masks = redactor(redact, redact_field)
    _, trace, _ = load_whole(file)
    kept = trace.cut(trace.after_step(at))
    edits = typed_edits(edit or (), kept)
    recorded = fold(kept).spec
    spec = replace(recorded, limits=_limits(recorded.limits, steps=steps), instructions=edits.pop(INSTRUCTIONS, recorded.instructions))
    home = JsonlStore(runs_folder(store))
    backend = _model_again(kept, model, format)
    sitting = _Sitting(spec, backend, _tools_again(spec, tools or (), True), home, display, _again(model, tools), masks)
    for place in edits:
        sitting.session.display.say(f"    edited: {place}")
    sitting.sit(sitting.agent.fork_stream(trace, len(kept), question, edits=edits), home.path, seen=len(kept))


# ------------------------------------------------------------------------------------------------------------- sitting


class _Sitting:
    """An agent before a person: it is run, shown, and the command ends with the code of its outcome."""

    def __init__(
        self,
        spec: AgentSpec,
        backend: Backend,
        tools: ToolRegistry,
        store: JsonlStore | None,
        display: Mode | None,
        again: str,
        masks: Redactor,
    ) -> None:
        from react_agent.agent import Agent
        from react_agent.cli.session import Session, Stoppable

        stoppable = Stoppable(backend)
        self.session = Session(stoppable, display, _who(), again, masks)
        self.agent = Agent(
            stoppable,
            tools=tools,
            instructions=spec.instructions,
            output=spec.output_schema,
            limits=spec.limits,
            settings=spec.settings,
            policy=spec.policy,
            store=store,
            name=spec.name,
        )

    def sit(self, stream: RunStream, path: Path | Callable[[str], Path], seen: int = 0) -> NoReturn:
        """Watch a run from its beginning, or from what was seen of it before. `path` may depend on the run's name."""
        with self.session:
            try:
                trace = self.session.watch(stream, seen=seen)
            except ConfigError as error:  # the library's words, in the command's
                raise ConfigError(str(error).replace("Pass changes=True", "Give --changes")) from None
            self._end(trace, path if isinstance(path, Path) else path(trace.run_id))

    def rest(self, trace: Trace, path: Path) -> NoReturn:
        """Have calls reviewed where there is someone to ask, and end."""
        with self.session:
            self._end(trace, path)

    def _end(self, trace: Trace, path: Path) -> NoReturn:
        outcome = self.session.finish(self.agent, trace, path)
        raise typer.Exit(EXIT.get(outcome.kind, Code.OTHER))


# ------------------------------------------------------------------------------------------------------------- helpers


def _limits(
    limits: Limits, *, steps: int | None = None, seconds: float | None = None, tokens: int | None = None, cost: float | None = None
) -> Limits:
    """Those limits, with the ones that were typed in their place."""
    return replace(
        limits,
        steps=steps or limits.steps,
        seconds=seconds or limits.seconds,
        tokens=tokens or limits.tokens,
        cost=cost or limits.cost,
    )


def _again(model: str | None, tools: Sequence[str] | None) -> str:
    """The options of this command that the next one needs too."""
    words = [*(["-m", model] if model else []), *(word for name in tools or () for word in ("-t", name))]
    return "".join(f" {shlex.quote(word)}" for word in words)


def _who() -> str | None:
    with suppress(OSError, KeyError):
        return getpass.getuser()
    return None


def _model_again(trace: Trace, model: str | None, format: str | None) -> Backend:  # noqa: A002 - as above
    """The model named now; else the recorded one, if it can be found by its name; else the one in the environment."""
    if model:
        return load_model(model, format)
    recorded = next(event for event in reversed(trace) if isinstance(event, Started | Changed))
    try:
        return load_model(recorded.backend, format or recorded.format)
    except ConfigError as error:
        if os.environ.get(MODEL_VARIABLE):
            return load_model(None, format)
        raise ConfigError(
            f"the run was made with {recorded.backend!r}, which cannot be had again ({str(error).partition('. ')[0]}). Name a model with -m."
        ) from None


def _tools_again(spec: AgentSpec, names: Sequence[str], changes: bool) -> ToolRegistry:
    """The recorded tools out of those that are offered now, in their order; with `changes`, whatever is offered."""
    recorded = [tool.name for tool in spec.tools]
    if recorded and not names:
        raise ConfigError(f"the run has the tools {', '.join(recorded)}, and a trace holds no code: name where they are with -t")
    offered = load_tools(names)
    if changes or not recorded:
        return offered
    missing = [name for name in recorded if name not in offered]
    if missing:
        raise ConfigError(f"the run has the tools {', '.join(missing)} too: name them with -t, or go on without them with --changes")
    return ToolRegistry(offered[name] for name in recorded)


def _check_it_can_go_on(state: State, path: Path) -> None:
    outcome = state.outcome
    if outcome is None or outcome.kind in ("failed", "cancelled") or outcome.detail.startswith("seconds:"):
        return
    more = " Or let it take more steps: --steps N." if outcome.kind == "limit" else ""
    fail(f'the run is over ({outcome.kind}). To ask the next question: react-agent resume {shell(path)} "…".{more}', Code.USAGE)


def _reviews(
    trace: Trace, approve: str | None, deny: tuple[str, str] | None, change: tuple[str, str] | None, give: tuple[str, str] | None
) -> list[Reviewed]:
    """The decisions that were typed. Raises `ConfigError` for a call that waits for none."""
    waiting = {f"{call.step}.{call.index}": call for call in pending(trace)}
    by = _who()

    def chosen(places: str) -> list[Pending]:
        names = list(waiting) if places == "all" else [place.strip() for place in places.split(",")]
        for name in names:
            if name not in waiting:
                there = f"those that do are {', '.join(waiting)}" if waiting else "nor does any other of this run"
                raise ConfigError(f"no call {name!r} waits for a review; {there}")
        return [waiting[name] for name in names]

    made = [call.approve(by=by) for call in chosen(approve)] if approve else []
    if deny:
        made += [call.deny(deny[1], by=by) for call in chosen(deny[0])]
    if change:
        made += [call.change(_object(change[1]), by=by) for call in chosen(change[0])]
    if give:
        made += [call.give(give[1], by=by) for call in chosen(give[0])]
    return made


def _object(text: str) -> JsonObject:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"--change takes the arguments as JSON; {text!r} is none: {error}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"--change takes the arguments as one JSON object, not {text!r}")
    return data
