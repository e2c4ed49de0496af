"""A trace is a regression test and a place to start again: save, load, replay, notice a change, try another way from the middle.

    python examples/replay_and_fork.py

`replay` needs neither model nor tools, so a folder of saved traces tests prompts, formats and the loop in milliseconds.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from react_agent import Agent, Diverged, MockBackend, ReplayBackend, Trace, call, replay, tool


@tool(read_only=True)
def capital(country: str) -> str:
    """The capital of a country."""
    return {"France": "Paris", "Norway": "Oslo"}[country]


def agent(model: MockBackend | ReplayBackend, instructions: str = "Be brief.") -> Agent:
    return Agent(model, tools=[capital], instructions=instructions)


first = agent(MockBackend([call("capital", country="France"), "Paris."])).run_sync("What is the capital of France?")
with TemporaryDirectory() as folder:
    path = first.trace.save(Path(folder) / "run.jsonl")
    trace = Trace.load(path)
print(f"saved and loaded: {trace == first.trace}, {len(trace)} events")

# Replay without any world: every request, call and reading comes out as it was recorded.
print("replayed:", replay(trace).answer)

# Replay with the tools really run, and the recorded replies.
print("run again on the record:", agent(ReplayBackend(trace)).run_sync("What is the capital of France?").answer)

# Somebody changes the instructions: the replay says where the two part, and how.
try:
    replay(trace, agent(ReplayBackend(trace), "Be verbose.").spec)
except Diverged as error:
    print(error)

# Another way from behind step 1: what came before is shared, the old trace stays as it is.
other = agent(MockBackend([call("capital", country="Norway"), "Paris, and by the way Oslo is Norway's."]))
fork = other.fork_sync(trace, at=trace.after_step(1))
print(f"fork: {fork.answer} ({len(fork.steps)} steps; parent {fork.trace.started.parent is not None}, old trace: {len(trace)} events)")
