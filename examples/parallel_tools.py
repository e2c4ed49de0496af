"""Calls of one step run side by side: async tools on the loop, sync ones in threads. Results reach the model in call order all the same.

    python examples/parallel_tools.py

How many run at once is up to the model; `Limits(calls_per_step=…)` bounds what it may ask for in one reply.
"""

import asyncio
import time

from react_agent import Agent, MockBackend, call, tool

finished: list[str] = []


@tool(read_only=True)
async def fetch(page: str, seconds: float) -> str:
    """Fetch a page."""
    await asyncio.sleep(seconds)
    finished.append(page)
    return f"text of {page}"


@tool(read_only=True)
def compute(name: str, seconds: float) -> str:
    """Something slow that knows no async."""
    time.sleep(seconds)
    finished.append(name)
    return f"result of {name}"


calls = [call("fetch", page="a", seconds=0.3), call("compute", name="b", seconds=0.2), call("fetch", page="c", seconds=0.1)]
agent = Agent(MockBackend([calls, "All three are there."]), tools=[fetch, compute])
started = time.perf_counter()
result = agent.run_sync("Get a, b and c.")
print(f"0.6 seconds of work in {time.perf_counter() - started:.1f}")
print("finished:", ", ".join(finished))
print("told to the model:", ", ".join(made.result.text for made in result.steps[0].calls if made.result))
