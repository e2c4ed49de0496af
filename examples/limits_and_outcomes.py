"""Every run ends with one of eight outcomes, with what there was until then, and with a trace that can go on. None of them is an exception.

    python examples/limits_and_outcomes.py

The eighth, ``cancelled``, is what an interrupted run leaves in its trace.
"""

from react_agent import Agent, BackendError, Hang, Limits, MockBackend, Raw, RunFailed, call, tool


@tool(read_only=True)
def search(query: str) -> str:
    """Search the library."""
    return f"3 books about {query}"


@tool(destructive=True)
def burn(query: str) -> str:
    """Burn books."""
    return "burnt"


again = call("search", query="bees")
STORIES = {
    "a well-behaved model": (MockBackend([again, "There are 3."]), Limits()),
    "it never comes to an end": (MockBackend([call("search", query="bees"), call("search", query="wasps"), "3 each."]), Limits(steps=2)),
    "it goes round in circles": (MockBackend([again] * 4), Limits(repeats=2)),
    "it writes nonsense": (MockBackend([Raw("")] * 3), Limits(mistakes=3)),
    "it will not": (MockBackend([Raw(finish="refused", refusal="I do not talk about bees.")]), Limits()),
    "its server is lost": (MockBackend([again, BackendError("connection refused")]), Limits()),
    "it says nothing for too long": (MockBackend([again, Hang()]), Limits(seconds=0.1)),
    "a person has to decide": (MockBackend([call("burn", query="bees")]), Limits()),
}
for story, (model, limits) in STORIES.items():
    result = Agent(model, tools=[search, burn], limits=limits).run_sync("How many books about bees and wasps are there?")
    print(f"{story}: {result.outcome.kind.upper()} {result.outcome.detail[:90]}")
    print(f"    there was: {result.partial[:70]!r}")

# A limit is no dead end: the same trace goes on with other limits, or with another question.
short = Agent(MockBackend([again, "So far: 3."]), tools=[search], limits=Limits(steps=1)).run_sync("How many?")
longer = Agent(MockBackend([call("search", query="wasps"), "3 and 3."]), tools=[search], limits=Limits(steps=5))
print("goes on:", longer.resume_sync(short.trace, "Take your time, and look for wasps too.", changes=True).answer)

# Whoever likes exceptions better may have one.
try:
    short.raise_for_outcome()
except RunFailed as error:
    print("raised:", error)
