"""A call that could destroy something waits for a person, who may decide tomorrow, in another process.

    python examples/pause_and_review.py

The two functions below share nothing but a file. By default a tool that calls itself destructive is asked for; `Policy` and `Rule` say it
more finely, and `Agent(reviewer=…)` asks on the spot instead of pausing.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from react_agent import Agent, MockBackend, Trace, call, pending, tool


@tool(destructive=True)
def delete(path: str) -> str:
    """Delete a file."""
    return f"{path} is deleted"


def in_the_evening(path: Path) -> None:
    model = MockBackend([[call("delete", path="draft.txt"), call("delete", path="thesis.txt")]])
    result = Agent(model, tools=[delete]).run_sync("Delete what I do not need.")
    print(f"outcome: {result.outcome.kind} ({result.outcome.detail})")
    result.trace.save(path)


def in_the_morning(path: Path) -> None:
    draft, thesis = pending(Trace.load(path))
    print("waiting:", draft.arguments, thesis.arguments)
    reviews = [draft.approve(by="Ada"), thesis.deny("That is my life's work.", by="Ada")]

    model = MockBackend(["The draft is gone, the thesis is still there."])
    result = Agent(model, tools=[delete]).resume_sync(path, reviews=reviews)  # the file is written on
    for made in result.steps[0].calls:
        if made.result:
            print(f"{made.name}({made.arguments}) [{made.result.status}]: {made.result.text}")
    print(result.answer)


with TemporaryDirectory() as folder:
    file = Path(folder) / "run.jsonl"
    in_the_evening(file)
    in_the_morning(file)
