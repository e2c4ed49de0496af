"""What a server may hold a reply to, so that a model cannot write a step that would not be read.

A format says it (`Constraining`), a wire translates it into its API's fields where there are such (`Constrainable`), and the leaf brings the two
together. Both are optional: without them the model writes freely, and the format reads what comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from react_agent.formats.grammar import Grammar
from react_agent.messages import Head, JsonObject, ModelRequest, ToolChoice

FREE, ACT = "free", "act"  # a call or an answer may come; a call must come
HOPELESS = 3  # steps whose results were all errors: then the model may say that it cannot be done


@dataclass(frozen=True, slots=True)
class Constraint:
    """What one step may be.

    Attributes:
        grammar: To be written in a language that the server knows.
        json_schema: Where a step is one JSON value, and the server knows no other language.
    """

    grammar: Grammar
    json_schema: JsonObject | None = None


@runtime_checkable
class Constraining(Protocol):
    """A format whose steps a grammar can describe."""

    def phase(self, request: ModelRequest) -> str:
        """What may come next, as far as the conversation decides it: `FREE`, `ACT`, or a word of the format's own."""
        ...

    def constraint(self, head: Head, tool_choice: ToolChoice, phase: str) -> Constraint | None:
        """The grammar of the next step; None where there is nothing to hold it to. Computed once for each head, choice and phase."""
        ...


@runtime_checkable
class Constrainable(Protocol):
    """A wire whose API can hold a reply to a grammar."""

    def constrain(self, constraint: Constraint) -> JsonObject:
        """The body's fields for it; none where the server knows none of its languages."""
        ...


def act_first(request: ModelRequest, tool_first: bool | None) -> str:
    """The phase, `FREE` or `ACT`: with `tool_first` no answer may come before a tool has given a good result.

    Small models answer at once where a grammar lets them: of 40 first calls one got 2 right so, and 31 when it had to call first. A
    call that a grammar demands may be one that the model did not want, so None demands it only where no offered tool has effects. After
    `HOPELESS` steps without a good result the model may give up.
    """
    head = request.head
    if tool_first is None:
        tool_first = all(tool.read_only for tool in head.tools)
    if not tool_first or not head.tools or request.tool_choice == "none":
        return FREE
    failed = 0
    for message in reversed(request.messages):
        if message.role == "tool":
            if any(result.ok for result in message.results):
                return FREE
            failed += 1
    return FREE if failed >= HOPELESS else ACT
