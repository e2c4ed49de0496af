"""`plan(steps)`: a list of what is to be done, kept in the conversation itself.

The tool holds nothing: each call tells the whole plan, so it survives a resume and a fork like everything else in a trace, and two runs cannot mix
theirs up.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from react_agent import ToolError, tool

MAX_STEPS = 50
_MARKS = {"open": " ", "doing": ">", "done": "x", "dropped": "-"}


class PlanStep(TypedDict):
    """One thing to do."""

    step: Annotated[str, Field(description="What to do, in one sentence.", min_length=1, max_length=500)]
    status: Literal["open", "doing", "done", "dropped"]


@tool(
    read_only=True,
    idempotent=True,
    examples=[{"steps": [{"step": "Find the sales of 2024", "status": "done"}, {"step": "Compare them with 2023", "status": "doing"}]}],
)
def plan(steps: list[PlanStep]) -> str:
    """Write down your plan, or bring it up to date. Give the whole list each time; at most one step is "doing".

    Args:
        steps: All steps in order, each with its status: open, doing, done or dropped.
    """
    if not 1 <= len(steps) <= MAX_STEPS:
        raise ToolError(f"a plan has 1 to {MAX_STEPS} steps, and {len(steps)} were given")
    doing = [number for number, step in enumerate(steps, 1) if step["status"] == "doing"]
    if len(doing) > 1:
        raise ToolError(f"steps {', '.join(map(str, doing))} are all 'doing'; work on one at a time")
    lines = [f"{number}. [{_MARKS[step['status']]}] {' '.join(step['step'].split())}" for number, step in enumerate(steps, 1)]
    left = [step for step in steps if step["status"] in ("open", "doing")]
    following = min(left, key=lambda step: step["status"] != "doing", default=None)
    lines.append(f"Next: {' '.join(following['step'].split())}" if following else "Everything is done: give the answer.")
    return "\n".join(lines)
