"""`ask_user(question)`: what only the person knows.

The run rests at the call, whatever its policy, and whoever takes it up gives the answer as the call's result::

    agent = Agent("openai:gpt-5", tools=[ask_user])
    result = agent.run_sync("Book a table.")                               # outcome "paused"
    [question] = result.pending                                            # question.arguments["question"]
    agent.resume_sync(result.trace, reviews=[question.give("For four, at eight.")])

Or a function answers at once: `Agent(..., tools=[asking(lambda question, options: input(question))])`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from react_agent import ConfigError, Tool, ToolError, tool

Ask: TypeAlias = Callable[[str, Sequence[str]], str | Awaitable[str]]
MAX_CHARS = 2_000


def asking(answer: Ask | None = None) -> Tool:
    """The tool ``ask_user``, answered by a function of the question and the options, sync or async. None: by whoever takes the paused run up."""
    if answer is not None and not callable(answer):
        raise ConfigError(f"ask_user is answered by a function of the question and the options; not by {type(answer).__name__}")

    @tool(
        read_only=True,
        ask=answer is None,
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
        if answer is None:  # approved, instead of answered
            raise ToolError("nobody answered; go on with what is most likely, and say in your answer what you assumed")
        given = answer(question, options)
        return await given if inspect.isawaitable(given) else given

    return ask_user


ask_user = asking()
