"""A process that dies in the middle of a run: started by tests with the folder of its trace and what to do there."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from pathlib import Path

from react_agent import NOT_DONE, Agent, MockBackend, RunContext, Tool, call, tool
from react_agent.events import Returned

RUN_ID = "victim"


def tools(folder: Path, deadly: bool) -> list[Tool]:
    """A tool for each kind of effect. Each writes what it does into a file; those of a deadly process die after that."""

    def act(name: str, key: str) -> str:
        with (folder / "effects.txt").open("a") as file:
            file.write(f"{name} {key}\n")
        if deadly:
            os._exit(9)
        return f"{name} done"

    @tool(read_only=True)
    def look(ctx: RunContext[object]) -> str:
        """Look."""
        return act("look", ctx.key)

    @tool(idempotent=True)
    def put(ctx: RunContext[object]) -> str:
        """Put."""
        return act("put", ctx.key)

    @tool(verify=lambda key: "it was shipped" if f"ship {key}" in (folder / "effects.txt").read_text() else NOT_DONE)
    def ship(ctx: RunContext[object]) -> str:
        """Ship."""
        return act("ship", ctx.key)

    @tool
    def pay(ctx: RunContext[object]) -> str:
        """Pay."""
        return act("pay", ctx.key)

    @tool
    def quick(ctx: RunContext[object]) -> str:
        """Done at once; survives."""
        with (folder / "effects.txt").open("a") as file:
            file.write(f"quick {ctx.key}\n")
        return "quick done"

    return [look, put, ship, pay, quick]


def patient(folder: Path) -> list[Tool]:
    """As `tools`, but ``pay`` dies only when the result of ``quick`` is in the trace: the two run side by side, and one has returned."""
    made = tools(folder, deadly=False)

    @tool
    def pay(ctx: RunContext[threading.Event]) -> str:
        """Pay."""
        ctx.deps.wait(20)
        os._exit(9)

    return [*made[:3], pay, made[4]]


def main(folder: Path, what: str) -> None:
    """Die in the tool named `what`, or with ``beside`` in ``pay`` while ``quick`` has returned."""
    if what == "beside":
        beside(folder)
    backend = MockBackend([call("quick"), call(what), "done"])
    Agent(backend, tools=tools(folder, deadly=True), store=folder).run_sync("Do it.", run_id=RUN_ID)


def beside(folder: Path) -> None:
    async def watch() -> None:
        seen = threading.Event()
        agent = Agent(MockBackend([[call("pay"), call("quick")], "done"]), tools=patient(folder), store=folder)
        async with agent.stream("Do it.", deps=seen, run_id=RUN_ID) as run:
            async for event in run:
                if isinstance(event, Returned):
                    seen.set()

    asyncio.run(watch())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
