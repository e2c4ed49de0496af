"""`ask_user(question)`: what only the person knows.

Two ways to an answer. By a pause: with `asking_policy()` the run rests at the call, and whoever takes it up gives the answer as the call's result::

    agent = Agent("openai:gpt-5", tools=[ask_user], policy=asking_policy())
    result = agent.run_sync("Book a table.")                               # outcome "paused"
    [question] = result.pending                                            # question.arguments["question"]
    agent.resume_sync(result.trace, reviews=[question.give("For four, at eight.")])

Or by a function that asks at once: `Agent(..., tools=[asking(lambda question, options: input(question))])`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from react_agent import Policy, Rule, Tool, ToolError
from react_agent import tool as make_tool

Ask: TypeAlias = Callable[[str, Sequence[str]], str | Awaitable[str]]
MAX_CHARS = 2_000


def asking(ask: Ask | None = None) -> Tool:
    """The tool ``ask_user``, answered by a function of the question and the options, sync or async. None: by a pause, see `asking_policy`."""

    @make_tool(
        read_only=True,
        examples=[{"question": "Which of the two accounts should be charged?", "options": ["personal", "business"]}],
    )
    async def ask_user(question: str, options: list[str] = []) -> str:  # noqa: B006 - only read; the schema shows it
        """Ask the person you work for, and wait for the answer. Only for what you cannot find out yourself.

        Args:
            question: One question, complete in itself.
            options: Answers to choose from, if there are only so many.
        """
        if not question.strip() or len(question) > MAX_CHARS or len(options) > 20 or any(len(option) > 200 for option in options):
            raise ToolError(f"a question has 1 to {MAX_CHARS:,} characters, and up to 20 options of up to 200 characters")
        if ask is None:
            raise ToolError("nobody can be asked now; go on with what is most likely, and say in your answer what you assumed")
        answer = ask(question, options)
        return await answer if inspect.isawaitable(answer) else answer

    return ask_user


def asking_policy(policy: Policy | None = None) -> Policy:
    """The policy (by default the agent's own default), but a call of ``ask_user`` always pauses the run."""
    rule = Rule("ask", tools="ask_user", reason="the agent asks you; give your answer as the call's result")
    known = policy or Policy()
    return replace(known, rules=(rule, *known.rules))


ask_user = asking()
