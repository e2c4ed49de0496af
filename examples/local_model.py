"""A real model on this machine, without a key: any OpenAI-compatible server (llama.cpp, Ollama, vLLM, LM Studio).

    python examples/local_model.py [http://localhost:8080/v1]

Where no server answers, this only tells how to get one. `format="auto"` offers the tools natively and also reads a call that a small
model writes into its text instead; `Limits` keep such a model from going on for ever.
"""

import json
import sys
import urllib.request

from react_agent import Agent, Limits, Settings, tool

HOW = """No OpenAI-compatible server answers at {url} ({error}).
Start one, for example
    llama-server -m model.gguf --port 8080 --jinja        then  python examples/local_model.py
    ollama serve; ollama pull qwen3                       then  python examples/local_model.py http://localhost:11434/v1"""


@tool(read_only=True, examples=[{"city": "Oslo"}])
def population(city: str) -> int:
    """How many people live in a city.

    Args:
        city: Name in English, e.g. "Paris".
    """
    return {"Paris": 2_102_650, "Oslo": 717_710}[city]


def first_model(url: str) -> str:
    """The first of the models that the server says it has. Raises `OSError` or `ValueError` where there is no such server."""
    with urllib.request.urlopen(f"{url}/models", timeout=5) as answer:
        return str(json.load(answer)["data"][0]["id"])


def main() -> None:
    url = (sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8080/v1").rstrip("/")
    try:
        model = first_model(url)
    except (OSError, ValueError, KeyError, IndexError) as error:
        print(HOW.format(url=url, error=error))
        return
    agent = Agent(f"{url}#{model}", tools=[population], format="auto", limits=Limits(steps=6), settings=Settings(temperature=0))
    result = agent.run_sync("How many people live in Oslo?")
    for step in result.steps:
        print(f"step {step.index}:", *[f"{made.name}({made.arguments})" for made in step.calls], step.reply.message.text)
    print(f"{model}: {result.outcome.kind}: {result.answer or result.outcome.detail}")


main()
