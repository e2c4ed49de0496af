"""A mixture of experts, one level up: a gate sends each question to the model that is good at it, and the trace says which, why and for how much.

    python examples/router.py

Here the experts are doubles that know some answers and have a price. Put real models in their place, and nothing else changes. The gate is a rule; it
may be any function of the request, sync or async, and `by_model(small, {...})` makes one of a small model.
"""

from dataclasses import dataclass

from react_agent import Agent, Backend, Text, Usage
from react_agent.backends.base import Listener
from react_agent.backends.combine import Router
from react_agent.messages import Message, ModelReply, ModelRequest

ANSWERS = {"What is 6 times 7?": "42", "Who wrote Faust?": "Goethe", "What is 9 times 9?": "81", "Who painted Guernica?": "Picasso"}


@dataclass
class Expert:
    """A model that knows the answers whose question begins with one of its words."""

    name: str
    knows: tuple[str, ...]
    dollars: float
    format_name = "native"

    async def reply(self, request: ModelRequest, *, listen: Listener | None = None, timeout: float | None = None) -> ModelReply:
        question = request.messages[-1].text
        said = ANSWERS[question] if question.startswith(self.knows) else "I do not know."
        return ModelReply(Message("assistant", (Text(said),)), "answer", usage=Usage(20, 5), cost=self.dollars)

    async def aclose(self) -> None: ...


def gate(request: ModelRequest) -> tuple[str, str]:
    digits = any(letter.isdigit() for letter in request.messages[-1].text)
    return ("small", "it has digits") if digits else ("large", "it needs to know things")


small = Expert("small", ("What is",), 0.001)
large = Expert("large", ("What is", "Who"), 0.02)
backends: dict[str, Backend] = {"small": small, "large": large, "router": Router({"small": small, "large": large}, gate)}
for name, backend in backends.items():
    right, cost = 0, 0.0
    for question, answer in ANSWERS.items():
        result = Agent(backend).run_sync(question)
        right += result.answer == answer
        cost += result.cost or 0.0
        for attempt in result.steps[0].reply.route:  # what was chosen, and why
            print(f"  {question:22} -> {attempt.reason}")
    print(f"{name}: {right} of {len(ANSWERS)} right for ${cost:.3f}")
