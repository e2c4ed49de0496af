"""The adapter that puts this library beside its peers in an agent-loop bench: same tool, same script, the front door used as the README says.

The bench calls `scripted(script)` or `http(url, model)` for a model, `agent(model, tools, steps)` once, and `run(agent, prompt, max_steps)` per run; a tool has
``name``, ``fn`` and ``is_async``; ``script.next()`` gives a turn's calls as (id, name, arguments text), or None when it is time for the answer.
"""

from __future__ import annotations

import importlib
from typing import Any

FINAL = "The answer is 42."


class Adapter:
    NAME = IMPORT = "react_agent"
    IS_ASYNC = ASYNC_TOOLS = REUSABLE = PARALLEL = True
    EXTRA_CALLS = 0
    MODEL_SUFFIX = ""

    def cold(self) -> None:
        importlib.import_module(self.IMPORT)

    def setup(self) -> None: ...

    def scripted(self, script: Any) -> Any:
        from react_agent.formats import RawReply, get_format
        from react_agent.messages import Text, ToolCall

        class Scripted:
            name, format_name, format = "scripted", "native", get_format("native")

            async def reply(self, request: Any, *, listen: Any = None, timeout: float | None = None) -> Any:
                turn = script.next()
                if turn is None:
                    return self.format.read(RawReply((Text(FINAL),)), request)
                calls = [
                    ToolCall(name, raw=arguments, provider_data={"api": "scripted", "id": identity}) for identity, name, arguments in turn
                ]
                return self.format.read(RawReply(tuple(calls), "tool_calls"), request)

            async def aclose(self) -> None: ...

        return Scripted()

    def http(self, url: str, model: str, stream: bool = False) -> Any:
        from react_agent import OpenAIChatBackend

        return OpenAIChatBackend(model, base_url=url, api_key="x")

    def agent(self, model: Any, tools: list[Any], steps: int) -> Any:
        from react_agent import Agent, Limits, tool

        registered = [tool(name=one.name)(one.fn) for one in tools]
        return Agent(
            model, tools=registered, instructions="You are a careful agent. Use the tools.", limits=Limits(steps=None, repeats=10_000)
        )

    async def run(self, agent: Any, prompt: str, max_steps: int) -> str:
        answer: str = (await agent.run(prompt)).answer
        return answer

    async def stream(self, agent: Any, prompt: str) -> int:
        from react_agent import Delta

        async with agent.stream(prompt) as run:
            return sum([isinstance(item, Delta) async for item in run])

    def trace(self) -> Any:
        return lambda: 0  # always on here
