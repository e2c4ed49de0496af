"""``run``, ``resume`` and ``trace fork``: the commands that ask a model."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from msgspec.structs import replace

from react_agent.cli.console import EXIT, Code, Mode, fail, runs_folder, shell
from react_agent.cli.decisions import DecisionOptions, who
from react_agent.cli.edits import INSTRUCTIONS, typed_edits
from react_agent.cli.files import load_whole, text_of
from react_agent.cli.options import MaskOptions, Together
from react_agent.cli.setup import SetupOptions
from react_agent.errors import ConfigError
from react_agent.loop import State, fold
from react_agent.messages import Settings
from react_agent.result import pending
from react_agent.spec import AgentSpec, Limits
from react_agent.stores.jsonl import JsonlStore
from react_agent.tooling import ToolRegistry
from react_agent.trace import Trace

if TYPE_CHECKING:
    from react_agent.backends.base import Backend
    from react_agent.streaming import RunStream
    from react_agent.view.redact import Redactor

StepsOption = Annotated[int | None, typer.Option("--steps", min=1, help="Most steps for this question.")]
DisplayOption = Annotated[
    Mode | None,
    typer.Option("--display", help="By default live on a terminal, and plain elsewhere. json: an event a line. quiet: the answer."),
]
StoreOption = Annotated[
    Path | None, typer.Option("--store", metavar="DIR", help="Folder for traces. By default $REACT_AGENT_RUNS, else ./runs.")
]
FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="A trace file, the name of a run, or 'last'.")]
ChangesOption = Annotated[bool, typer.Option("--changes", help="The tools may differ from the recorded ones; the difference is recorded.")]


def bounds(
    steps: StepsOption = None,
    seconds: Annotated[float | None, typer.Option("--seconds", min=0.001, help="Most seconds for this question.")] = None,
    tokens: Annotated[int | None, typer.Option("--tokens", min=1, help="Most tokens for this question, read and written.")] = None,
    cost: Annotated[
        float | None, typer.Option("--cost", min=0.000001, help="Most US dollars for this question, where prices are known.")
    ] = None,
) -> dict[str, float]:
    """The limits that were typed, by their names in `Limits`."""
    typed = {"steps": steps, "seconds": seconds, "tokens": tokens, "cost": cost}
    return {name: most for name, most in typed.items() if most is not None}


BoundOptions = Annotated[dict[str, float], Together(bounds)]


def run(
    question: Annotated[str, typer.Argument(help="What to work on; - reads it from standard input.")],
    *,
    setup: SetupOptions,
    instructions: Annotated[str, typer.Option("--instructions", help="The system prompt; @FILE reads it from a file.")] = "",
    most: BoundOptions,
    temperature: Annotated[float | None, typer.Option("--temperature", help="Of sampling; by default the server's.")] = None,
    store: StoreOption = None,
    display: DisplayOption = None,
    masks: MaskOptions,
) -> None:
    """Ask a question; the model may call tools until it answers.

    A call that can destroy something is asked about first: at the terminal, or else the run pauses and says how to go on.
    The first Ctrl-C ends the run after the present step, the second at once; its trace is whole either way.
    """
    from react_agent.agent import new_run_id

    task = sys.stdin.read().strip() if question == "-" else question
    if not task.strip():
        fail("the question is empty", Code.USAGE)
    home = JsonlStore(runs_folder(store))
    text = text_of(instructions[1:]) if instructions.startswith("@") else instructions
    spec = AgentSpec(text, limits=replace(Limits(), **most), settings=Settings(temperature=temperature))
    backend = setup.new_model()
    sitting = _Sitting(spec, backend, setup.new_tools(), home, display, setup.again, masks)
    run_id = new_run_id()
    sitting.sit(sitting.agent.stream(task, run_id=run_id), home.path(run_id))


def resume(
    file: FileArgument,
    question: Annotated[str | None, typer.Argument(help="The next question, or a word in the middle.")] = None,
    *,
    setup: SetupOptions,
    decisions: DecisionOptions,
    most: BoundOptions,
    changes: ChangesOption = False,
    display: DisplayOption = None,
    masks: MaskOptions,
) -> None:
    """Go on after a pause, a limit, or with the next question."""
    from react_agent.cli.session import how_to_go_on

    path, trace, state = load_whole(file)
    reviews = decisions.on(trace)
    if not most and question is None:
        _check_it_can_go_on(state, path)
    spec = replace(state.spec, limits=replace(state.spec.limits, **most))
    backend = setup.model_of(trace)
    sitting = _Sitting(spec, backend, setup.tools_of(spec, changes), None, display, setup.again, masks)
    waits = pending(state)
    if waits and not reviews and question is None:  # nothing new: decide here and now, or say how
        if not sitting.session.interactive:
            how_to_go_on(masks.trace(trace), path, setup.again)
            raise typer.Exit(Code.PAUSED)
        sitting.rest(trace, path)
    sitting.sit(sitting.agent.resume_stream(path, question, reviews=reviews, changes=changes or bool(most)), path, seen=len(trace))


def fork(
    file: FileArgument,
    question: Annotated[str | None, typer.Argument(help="A word to the model at that point.")] = None,
    *,
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
    setup: SetupOptions,
    steps: StepsOption = None,
    store: StoreOption = None,
    display: DisplayOption = None,
    masks: MaskOptions,
) -> None:
    """Try another way from an earlier step, as a new run.

    The steps before --at are kept, the old run is left alone, and what was edited is on record in the new one.
    """
    _, trace, _ = load_whole(file)
    kept = trace.cut(trace.after_step(at))
    edits = typed_edits(edit or (), kept)
    recorded = fold(kept).spec
    spec = replace(
        recorded,
        limits=replace(recorded.limits, **bounds(steps)),
        instructions=edits.pop(INSTRUCTIONS, recorded.instructions),
    )
    home = JsonlStore(runs_folder(store))
    backend = setup.model_of(kept)
    sitting = _Sitting(spec, backend, setup.tools_of(spec, changes=True), home, display, setup.again, masks)
    for place in edits:
        sitting.session.display.say(f"    edited: {place}")
    sitting.sit(sitting.agent.fork_stream(trace, len(kept), question, edits=edits), home.path, seen=len(kept))


def _check_it_can_go_on(state: State, path: Path) -> None:
    outcome = state.outcome
    if outcome is None or outcome.kind in ("failed", "cancelled") or outcome.detail.startswith("seconds:"):
        return
    more = " Or let it take more steps: --steps N." if outcome.kind == "limit" else ""
    fail(f'the run is over ({outcome.kind}). To ask the next question: react-agent resume {shell(path)} "…".{more}', Code.USAGE)


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
        self.session = Session(stoppable, display, who(), again, masks)
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
