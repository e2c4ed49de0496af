"""The whole idea on one page: functions become tools, a model calls them, an answer and a trace come out.

    python examples/quickstart.py

No key and no network: the model is a mock that plays a script. A real one takes its place by name: ``Agent("openai:gpt-5", tools=…)``,
``"anthropic:…"``, ``"ollama:qwen3"``, or ``"http://localhost:8080/v1#model"`` for any OpenAI-compatible server.
"""

from react_agent import Agent, MockBackend, call, tool


@tool(read_only=True)
def population(city: str) -> int:
    """How many people live in a city.

    Args:
        city: Name in English, e.g. "Paris".
    """
    return {"Paris": 2_102_650, "Oslo": 717_710}[city]


@tool(read_only=True)
def divide(a: float, b: float) -> float:
    """One number divided by another."""
    return a / b


model = MockBackend(
    [
        [call("population", city="Paris", thought="I need both figures."), call("population", city="Oslo")],
        call("divide", a=2_102_650, b=717_710, thought="Now their ratio."),
        "Paris has 2.9 times as many people as Oslo.",
    ]
)
agent = Agent(model, tools=[population, divide], instructions="Answer in one sentence.")
result = agent.run_sync("How many times more people live in Paris than in Oslo?")

for step in result.steps:
    print(f"step {step.index}: {step.thought or 'answers'}")
    for made in step.calls:
        print(f"    {made.name}({made.arguments}) -> {made.result.text if made.result else 'open'}")
print(result.answer)
print(f"outcome: {result.outcome.kind}, {len(result.steps)} steps, {len(result.trace)} events in the trace")
