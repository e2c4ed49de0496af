"""A model of your own: any function from the prompt's text to the reply's text, or any class with the four members of `Backend`.

    python examples/own_backend.py

The function sees the conversation as one text and writes Thought/Action text, which is read and checked like any model's. The class sees
the neutral request and may answer as it likes; a format's `read` spares it the parsing. Neither inherits anything.
"""

from react_agent import Agent, Backend, Text, tool
from react_agent.backends.base import Listener
from react_agent.formats import RawReply, get_format
from react_agent.messages import ModelReply, ModelRequest


@tool(read_only=True)
def roll(sides: int) -> int:
    """Roll a die."""
    return sides  # it always falls on its highest side


def rule_based(prompt: str) -> str:
    """A model without any learning: it acts once, then repeats what it saw."""
    if prompt.rstrip().splitlines()[-1].startswith("Observation: "):
        return f"Thought: I have it.\nFinal Answer: It is {prompt.split()[-1]}."
    return 'Thought: I have to roll.\nAction: roll\nAction Input: {"sides": 6}'


class RuleBased:
    """The same as a class: for connections to keep, settings to read, pieces to stream."""

    name = "rule-based"
    format_name = "react_text"

    async def reply(self, request: ModelRequest, *, listen: Listener | None = None, timeout: float | None = None) -> ModelReply:
        seen = request.messages[-1].results
        written = f"Final Answer: It is {seen[0].text}." if seen else 'Action: roll\nAction Input: {"sides": 20}'
        return get_format("react_text").read(RawReply((Text(written),)), request)

    async def aclose(self) -> None:
        """Nothing to close."""


backend: Backend = RuleBased()  # a type checker says here what is missing
for model in (rule_based, backend):
    result = Agent(model, tools=[roll]).run_sync("Roll a die for me.")
    print(f"{result.trace.started.backend}: {result.answer}")
