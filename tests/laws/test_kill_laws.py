"""Killed at any moment, and taken up by the same agent or another: nothing is done twice unasked, nothing that was done is lost."""

from __future__ import annotations

import random
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from _laws import check_bounds, check_law
from _world import UNKNOWN, World
from hypothesis import given, settings
from hypothesis import strategies as st

from react_agent import Agent, Limits, MockBackend, Policy, Result, Rule, Trace, Usage
from react_agent.backends.mock import ScriptedCall, ScriptItem
from react_agent.events import Called, Event, Reviewed
from react_agent.loop import State, begin, fold, update
from react_agent.stores.jsonl import JsonlStore, JsonlWriter

Moment = tuple[bytes, int]  # the file, and how many calls had reached a tool
ONCE = ("note", "ship", "wipe")  # tools of the world that do more when they run twice
FORMATS = ["native", "react_text"]


class Witness:
    """Sees a world and its file at each moment at which either changes: there a kill makes a difference."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self.world, self.moments = World(), list[Moment]()
        path, alone = folder / f"{run_id}.jsonl", threading.Lock()  # tools are in threads, and nothing changes while one looks

        def look() -> None:
            self.moments.append((path.read_bytes(), len(self.world.log)))

        class Log(list[tuple[str, dict[str, object], str]]):
            def append(self, entry: tuple[str, dict[str, object], str]) -> None:
                with alone:
                    super().append(entry)
                    look()

        class Writer(JsonlWriter):
            def flush(self) -> None:
                with alone:
                    super().flush()
                    look()

        class Store(JsonlStore):
            def create(self, run_id: str) -> JsonlWriter:
                folder.mkdir(exist_ok=True)
                return Writer(path, new=True)

        self.world.log = Log()
        self.store = Store(folder)


def agent(world: World, script: Sequence[ScriptItem], format_name: str, **more: object) -> Agent:
    backend = MockBackend([*script, *["enough"] * 40], format=format_name, usage=Usage(10, 5))
    return Agent(backend, tools=world.tools(), **more)  # type: ignore[arg-type]  # keywords of Agent, as the test gives them


def go_on_to_the_end(result: Result, agent: Callable[[], Agent], draw: random.Random, leaves: Counter[str]) -> Result:
    """Each call that waits is reviewed in any way; `leaves` counts those by which a call that had begun may run again."""
    for _ in range(8):
        if result.outcome.kind != "paused":
            break
        state, reviews = fold(result.trace), list[Reviewed]()
        for call in result.pending:
            reviews.append(draw.choice([call.approve(), call.change({"text": "z"}), call.deny("no"), call.give("so")]))
        count_leaves(state, reviews, leaves)
        result = agent().resume_sync(result.trace, reviews=reviews)
    return result


def count_leaves(state: State, reviews: Sequence[Event], leaves: Counter[str]) -> None:
    for review in reviews:
        if isinstance(review, Reviewed) and review.decision in ("approve", "change") and state.awaits(review.step, review.index):
            leaves[state.open[review.index].key or ""] += 1


def leaves_in(trace: Trace) -> Counter[str]:
    leaves, state = Counter[str](), begin(trace.started)
    for event in trace[1:]:
        count_leaves(state, [event], leaves)
        state = update(state, event)
    return leaves


def check_once(world: World, leaves: Counter[str]) -> None:
    for key, times in Counter(key for name, _, key in world.log if name in ONCE).items():
        assert times <= 1 + leaves[key], f"call {key} ran {times} times"


calls = st.one_of(
    st.builds(lambda k: ScriptedCall("lookup", {"key": k}), st.sampled_from("ab")),
    st.builds(lambda t: ScriptedCall("note", {"text": t}), st.sampled_from("xy")),
    st.builds(lambda p: ScriptedCall("put", {"key": p}), st.sampled_from("pq")),
    st.builds(lambda o: ScriptedCall("ship", {"order": o}), st.sampled_from("op")),
    st.builds(lambda p: ScriptedCall("wipe", {"path": p}), st.sampled_from("pq")),
    st.sampled_from([ScriptedCall("note", {"txt": "x"}), ScriptedCall("nope", {}), ScriptedCall("web", {"url": "u"})]),
)
scripts: st.SearchStrategy[list[ScriptItem]] = st.lists(st.lists(calls, min_size=1, max_size=3), min_size=1, max_size=4)  # type: ignore[assignment]
policies = st.sampled_from(
    [
        Policy(),
        Policy((Rule("ask", tools="note"), Rule("deny", tools="lookup", after_untrusted=True))),
        Policy((Rule("deny", tools="[np]*"), Rule("ask", tools="ship"))),
        Policy((Rule("deny", arguments={"text": "z"}),), "ask"),
        Policy((), "deny"),
    ]
)
limits = st.builds(
    Limits,
    steps=st.sampled_from([None, 1, 3]),
    tool_calls=st.sampled_from([None, 0, 1, 2, 5]),
    calls_per_step=st.sampled_from([1, 2, 32]),
    mistakes=st.sampled_from([1, 3]),
)


draws = st.integers(0, 999).map(random.Random)  # tools in threads: how much there is to choose from is not the same each time
examples = settings(max_examples=settings.default.max_examples // 2)


@examples
@given(script=scripts, names=st.tuples(*[st.sampled_from(FORMATS)] * 2), shipped=st.sampled_from([UNKNOWN, "it was"]), draw=draws)
def test_killed_at_any_moment_nothing_is_done_twice_unasked(
    script: list[ScriptItem], names: tuple[str, str], shipped: object, draw: random.Random
) -> None:
    """The file as it then was, its last write torn too; and the world as it then was."""
    with tempfile.TemporaryDirectory() as folder:
        witness = Witness(Path(folder, "first"), "r")
        agent(witness.world, script, names[0], store=witness.store).run_sync("Do it.", run_id="r")
        for at in {draw.randrange(len(witness.moments)) for _ in range(3)}:
            held, done = witness.moments[at]
            before = len(witness.moments[at - 1][0]) if at else 0
            home = JsonlStore(Path(folder, str(at)))
            home.folder.mkdir()
            path = home.path("r")
            path.write_bytes(held[: draw.choice([len(held), draw.randint(before, len(held))])])
            if not home.exists("r"):
                assert done == 0
                continue
            world = World(shipped=shipped)
            world.log += witness.world.log[:done]
            second = partial(agent, world, script, names[1], store=home)
            kept = Trace.load(path)
            leaves = leaves_in(kept)
            result = go_on_to_the_end(second().resume_sync(path), second, draw, leaves)
            check_once(world, leaves)
            check_law(result.trace)
            check_bounds(result.trace)
            assert result.trace[: len(kept)] == kept[:]
            assert path.read_bytes() == result.trace.to_jsonl()


@examples
@given(
    script=scripts,
    first=st.tuples(limits, policies),
    then=st.tuples(limits, policies),
    fewer=st.sampled_from([0, 0, 3, 9]),
    cut=st.integers(1, 20),
    draw=draws,
)
def test_another_agent_goes_on_from_any_prefix(
    script: list[ScriptItem], first: tuple[Limits, Policy], then: tuple[Limits, Policy], fewer: int, cut: int, draw: random.Random
) -> None:
    """With other limits, another policy and fewer tools; each call of the prefix is taken for one that did what it does."""
    whole = agent(World(), script, "native", limits=first[0], policy=first[1]).run_sync("Do it.", run_id="r")
    kept = whole.trace.cut(min(cut, len(whole.trace)))
    world, leaves = World(), leaves_in(kept)
    world.log += [(event.name, {}, event.key) for event in kept if isinstance(event, Called)]

    def other() -> Agent:
        made = agent(world, script, "native")
        return Agent(made.backend, tools=list(made.tools)[fewer:], limits=then[0], policy=then[1])

    result = go_on_to_the_end(other().resume_sync(kept, changes=True), other, draw, leaves)
    check_once(world, leaves)
    check_law(result.trace)
    check_bounds(result.trace)
    assert result.trace[: len(kept)] == kept[:]
