"""Answers that are data: the schema of a type, the reserved tool that takes such an answer, and its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias, cast

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import from_json, to_json

from react_agent.errors import ConfigError, ToolError
from react_agent.messages import JsonObject
from react_agent.schema import InvalidArguments, RawArguments, arguments_schema
from react_agent.schema.parameters import first_words, looser_for_answers
from react_agent.spec import FINISH_TOOL, finish_spec
from react_agent.tooling import Tool

if TYPE_CHECKING:
    from types import UnionType

    from typing_extensions import TypeForm

Check: TypeAlias = Callable[[JsonObject], Mapping[str, object]]


class TypedAnswer:
    """The type of an answer: its schema, the reserved tool that takes it, and its value."""

    def __init__(self, output: TypeForm[object] | UnionType | JsonObject) -> None:
        self._adapter: TypeAdapter[object] | None = None
        if isinstance(output, dict):
            self.schema = output
        elif isinstance(output, str):
            raise ConfigError(f"output is a type, as in output=Ticket, or a JSON Schema; not the text {output[:140]!r}")
        else:
            try:
                self._adapter = TypeAdapter(cast("type", output))
                self.schema = self._adapter.json_schema()
            except (PydanticUserError, NameError) as error:
                raise ConfigError(
                    f"output={output!r} has no JSON Schema ({first_words(error)}); use JSON's types, dataclasses, TypedDicts or pydantic models"
                ) from error
        spec = finish_spec(self.schema)
        self._wrapped = spec.parameters is not self.schema
        self.tool = Tool.from_schema(name=FINISH_TOOL, description=spec.description, parameters=spec.parameters, function=self._check)
        if self._adapter is not None and (looser := looser_for_answers(self._adapter)) is not None:
            self.tool.check = _looser(RawArguments(arguments_schema(finish_spec(looser).parameters), closed=True).check, self.tool.check)

    def _check(self, /, **arguments: object) -> object:
        data = cast("JsonObject", arguments)
        try:
            self.value(data)
        except ValidationError as error:
            raise ToolError(f"This answer was not accepted: {_said(error)}. Call '{FINISH_TOOL}' again with a corrected one.") from None
        answer = data["answer"] if self._wrapped else data
        return "null" if answer is None else answer  # a tool that returns None has "done" something; this is an answer

    def value(self, data: JsonObject) -> object:
        inner = data["answer"] if self._wrapped else data
        text = to_json(inner)  # so that whoever changes the value does not change the trace
        return from_json(text) if self._adapter is None else self._adapter.validate_json(text)


def _looser(check: Check, strict: Check) -> Check:
    """The check, with the other's complaints: what is dropped from a whole answer is a misspelt key in one that lacks something."""

    def checked(arguments: JsonObject) -> Mapping[str, object]:
        try:
            return check(arguments)
        except InvalidArguments:
            return strict(arguments)

    return checked


def _said(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'it'}: {each['msg']}" for each in problems[:8])
