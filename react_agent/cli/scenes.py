"""The scenes of the demo. The models are scripted; everything else is what it is in any run: formats, checks, tools, the loop, the trace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.text import Text

from react_agent.agent import Agent, new_run_id
from react_agent.backends.base import Listener
from react_agent.backends.mock import MockBackend, Raw, ScriptItem, call
from react_agent.cli.console import Mode, out, runs_folder, shell, show, show_whole
from react_agent.cli.session import Session, Stoppable
from react_agent.events import Called
from react_agent.loop import fold
from react_agent.messages import ModelReply, ModelRequest, Usage
from react_agent.result import pending
from react_agent.stores.jsonl import JsonlStore
from react_agent.streaming import RunStream
from react_agent.tooling import tool
from react_agent.trace import Trace
from react_agent.view import terminal

PACE = 0.03  # seconds that the scripted model takes for a reply at a terminal, so that an eye can follow

# --------------------------------------------------------------------------------------------------------------- tools

PEOPLE = {"paris": 2_102_650, "lyon": 522_250, "marseille": 877_215}
AREA = {"paris": 105.4, "lyon": 47.87, "marseille": 240.6}


def _known(city: str, table: dict[str, int] | dict[str, float]) -> float:
    try:
        return table[city.casefold()]
    except KeyError:
        raise LookupError(f"no city {city!r} here; there are {', '.join(sorted(table))}") from None


@tool(read_only=True)
def population(city: str) -> int:
    """How many people live in a city.

    Args:
        city: Name in English, such as "Paris".
    """
    return int(_known(city, PEOPLE))


@tool(read_only=True)
async def area(city: str) -> float:
    """Area of a city in square kilometres.

    Args:
        city: Name in English, such as "Paris".
    """
    await asyncio.sleep(0.02 if city == "Paris" else 0.002)  # Paris comes last, and is read first all the same
    return _known(city, AREA)


@tool(read_only=True)
def calculate(a: float, operation: Literal["+", "-", "*", "/"], b: float) -> float:
    """Calculate with two numbers."""
    match operation:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return round(a / b, 2)


@tool(destructive=True)
def delete_file(path: str) -> str:
    """Delete a file (the demo only says so).

    Args:
        path: Which file.
    """
    return f"deleted {path}"


# -------------------------------------------------------------------------------------------------------------- scenes


@dataclass(frozen=True, slots=True)
class Scene:
    """One run: what is asked, how the scripted model replies, and what to look for."""

    name: str
    title: str
    look_for: str
    question: str
    script: Sequence[ScriptItem]
    format: str = "native"


SCENES = (
    Scene(
        "chain",
        "Look something up, calculate with it, answer",
        "each step is a thought, an action and an observation",
        "How many people live on a square kilometre of Lyon?",
        [
            call("population", city="Lyon", thought="I need the population first."),
            call("area", city="Lyon", thought="And the area."),
            call("calculate", a=522_250, operation="/", b=47.87, thought="Now I can divide."),
            "About 10,910 people live on a square kilometre of Lyon.",
        ],
    ),
    Scene(
        "parallel",
        "Several calls at once",
        "they run side by side; the model reads the results in the order of its calls",
        "Which is larger, Paris, Lyon or Marseille?",
        [
            [call("area", city="Paris", thought="I can ask for all three."), call("area", city="Lyon"), call("area", city="Marseille")],
            "Marseille, with 240.6 square kilometres.",
        ],
    ),
    Scene(
        "mistakes",
        "Mistakes are observations",
        "a wrong argument and a failing tool go back to the model, which does better",
        "How many people live in Marseille?",
        [
            call("population", town="Marseille", thought="I will look it up."),
            call("population", city="Massilia", thought="The parameter is called city."),
            call("population", city="Marseille", thought="It goes by its modern name."),
            "877,215 people live in Marseille.",
        ],
    ),
    Scene(
        "text",
        "A model without function calls writes Thought and Action as text",
        "it makes up an observation; that is cut off, and the real one is shown to it",
        "How many people live in Paris?",
        [
            Raw(
                'Thought: I should look this up.\nAction: population\nAction Input: {"city": "Paris",}\n'
                "Observation: 12 million\nThought: Good.\nFinal Answer: 12 million people."
            ),
            Raw("Thought: That is the number.\nFinal Answer: 2,102,650 people live in Paris."),
        ],
        "react_text",
    ),
    Scene(
        "review",
        "A person decides",
        "the tool calls itself destructive, so the run rests until someone has approved the call",
        "Tidy up: remove /tmp/report-old.txt.",
        [call("delete_file", path="/tmp/report-old.txt", thought="It is the old report."), "Done: /tmp/report-old.txt is gone."],
    ),
    Scene(
        "killed",
        "Killed in the middle, and taken up again",
        "the file ends in a torn line, where a tool was running; the read-only call runs again, and the run goes on",
        "How many people live in Paris and Lyon together?",
        [
            [call("population", city="Paris", thought="I add the two up."), call("population", city="Lyon")],
            call("calculate", a=2_102_650, operation="+", b=522_250),
            "2,624,900 people.",
        ],
    ),
)
TOOLS = (population, area, calculate, delete_file)


class Paced(MockBackend):
    """A scripted model that takes a moment for each reply."""

    pace = 0.0

    async def reply(self, request: ModelRequest, *, listen: Listener | None = None, timeout: float | None = None) -> ModelReply:
        reply = await super().reply(request, listen=listen, timeout=timeout)
        await asyncio.sleep(self.pace)
        return reply


# ---------------------------------------------------------------------------------------------------------------- play


def play(folder: Path, mode: Mode | None) -> bool:
    """Show all scenes and say where their traces lie; whether each ended as it should."""
    store = JsonlStore(folder)
    console = out()
    talks = mode in (None, Mode.live, Mode.plain)
    paths: list[Path] = []
    good = True
    for number, scene in enumerate(SCENES, 1):
        if talks:
            show(console, terminal.title(f"{number}. {scene.title}"), Text(f"  {scene.look_for}\n", style="dim"))
        backend = Paced(scene.script, format=scene.format, usage=Usage(180 + 40 * number, 24), name="scripted")
        backend.pace = PACE if console.is_terminal else 0.0
        path = store.path(f"demo-{number}-{scene.name}-{new_run_id()}")
        stage = _Stage(scene, backend, store, path, mode)
        good = _WAYS.get(scene.name, _Stage.straight)(stage) and good
        paths.append(path)
        if talks:
            show(console, Text())
    if talks:
        _say_where(paths, folder)
    return good


def _say_where(paths: Sequence[Path], folder: Path) -> None:
    console = out()
    show(console, terminal.title(f"{len(paths)} traces were written; each is a file of JSON Lines"))
    for path in paths:
        show_whole(console, Text(f"    {path}", style="cyan"))
    place = "" if folder == runs_folder() else f" {shell(folder)}"
    ways = (
        ("Read a run: steps, what was repaired and cut off, what it took", f"trace show {shell(paths[3])}"),
        ("See exactly what the model was sent", f"trace prompt {shell(paths[3])}"),
        ("Run it again without its world, as a test", f"trace replay {shell(paths[0])}"),
        ("Compare two runs", f"trace diff {shell(paths[0])} {shell(paths[2])}"),
        ("See all of them", f"trace list{place}"),
        ("Go on with a model of your own; `react-agent doctor` tells what there is", 'run "your question" -m MODEL'),
    )
    for why, command in ways:
        show_whole(console, Text.assemble((f"\n  {why}\n", "dim"), f"    react-agent {command}"))


@dataclass(slots=True)
class _Stage:
    """One scene being played."""

    scene: Scene
    backend: Paced
    store: JsonlStore
    path: Path
    mode: Mode | None

    @property
    def talks(self) -> bool:
        """A person reads along."""
        return self.mode in (None, Mode.live, Mode.plain)

    def straight(self) -> bool:
        """From the question to the answer."""
        agent, session = self._agent()
        with session:
            trace = _watched(session, agent.stream(self.scene.question, run_id=self.path.stem))
        return _answered(trace)

    def reviewed(self) -> bool:
        """To the pause, then on from the file with a decision, as another process would."""
        agent, session = self._agent()
        with session:
            paused = _watched(session, agent.stream(self.scene.question, run_id=self.path.stem))
            reviews = [call.approve(by="a scripted reviewer") for call in pending(paused)]
            trace = _watched(session, agent.resume_stream(self.path, reviews=reviews), seen=len(paused))
        return bool(reviews) and _answered(trace)

    def killed(self) -> bool:
        """To the end in memory; then the file is written as a kill during the second call would have left it, and taken up."""
        agent, _ = self._agent(None)
        whole = agent.run_sync(self.scene.question, run_id=self.path.stem).trace
        at = max(index for index, event in enumerate(whole) if isinstance(event, Called) and event.step == 0) + 1
        lines = whole.to_jsonl().split(b"\n")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(b"\n".join(lines[:at]) + b"\n" + lines[at][:40])
        self.backend.requests = self.backend.requests[:1]  # the script goes on behind its first reply
        agent, session = self._agent(None)
        with session:
            session.tell(whole[:at])
            if self.talks:
                show(out(), terminal.Row("killed", "the file ends in the middle of a line", "red", "red"))
            trace = _watched(session, agent.resume_stream(self.path), seen=at)
        return _answered(trace)

    def _agent(self, store: JsonlStore | Literal["own"] | None = "own") -> tuple[Agent, Session]:
        backend = Stoppable(self.backend)
        agent = Agent(backend, tools=TOOLS, store=self.store if store == "own" else store, name=f"demo-{self.scene.name}")
        return agent, Session(backend, self.mode)


_WAYS: dict[str, Callable[[_Stage], bool]] = {"review": _Stage.reviewed, "killed": _Stage.killed}


def _watched(session: Session, stream: RunStream, seen: int = 0) -> Trace:
    """A run of a scene, shown to its end. Who interrupts one means the whole demo."""
    trace = session.watch(stream, seen=seen)
    outcome = fold(trace).outcome
    if session.backend.asked or (outcome is not None and outcome.kind == "cancelled"):
        raise KeyboardInterrupt
    return trace


def _answered(trace: Trace) -> bool:
    outcome = fold(trace).outcome
    return outcome is not None and outcome.kind == "answered"
