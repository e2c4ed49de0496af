"""What a tool is, as data."""

from __future__ import annotations

from react_agent.messages.parts import JsonObject, Noun


class ToolExample(Noun, frozen=True):
    """A worked call, shown in prompts and docs: what was asked, what to call with, what came back."""

    arguments: JsonObject
    question: str | None = None
    thought: str | None = None
    result: str | None = None


class ToolSpec(Noun, frozen=True):
    """A tool as a model and a trace know it.

    Attributes:
        name: Unique within an agent; letters, digits, ``_``, ``-`` and ``.``, at most 128.
        description: For the model.
        parameters: JSON Schema 2020-12 of the arguments, an object.
        output_schema: JSON Schema of the result, where it is known.
        read_only, idempotent, destructive, open_world: MCP's annotations (2025-11-25, ``ToolAnnotations``). ``destructive`` is
            None where nobody said; a policy then treats what is not read-only as possibly destructive.
        verifiable: The tool can tell, by a call's key, what became of it.
    """

    name: str
    description: str
    parameters: JsonObject
    output_schema: JsonObject | None = None
    read_only: bool = False
    idempotent: bool = False
    destructive: bool | None = None
    open_world: bool = False
    verifiable: bool = False
    examples: tuple[ToolExample, ...] = ()

    @property
    def repeatable(self) -> bool:
        """Running it twice does no more than running it once."""
        return self.read_only or self.idempotent
