"""A function's parameters as one JSON Schema with its check: by pydantic, or for plain types as pydantic would."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NotRequired, cast, get_args, get_origin

from pydantic import ConfigDict, JsonValue, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import SchemaValidator, core_schema
from typing_extensions import TypedDict

from react_agent.errors import ToolDefinitionError
from react_agent.messages import JsonObject
from react_agent.schema.eager import LazyError, check_stepwise, eager
from react_agent.schema.typed import TypedArguments, Validate
from react_agent.schema.walk import children


def typed_arguments(name: str, parameters: Sequence[inspect.Parameter], hints: Mapping[str, object]) -> TypedArguments:
    """Schema and check of what a tool is called with, by its parameters and their resolved hints.

    Raises:
        ToolDefinitionError: A type has no JSON Schema; the message names the parameter.
    """
    for parameter in parameters:
        try:
            check_stepwise(hints[parameter.name])
        except LazyError as error:
            raise ToolDefinitionError(f"{name}: parameter {parameter.name!r} {error}") from None
    return _plain(parameters, hints) or _built(name, {p.name: _field(p, hints[p.name]) for p in parameters})


def _field(parameter: inspect.Parameter, hint: object) -> object:
    """The hint as a field of a TypedDict: a string in ``Annotated`` describes it, and what has a default is not required."""
    if isinstance(parameter.default, FieldInfo):
        return Annotated[hint, parameter.default]
    metadata = getattr(hint, "__metadata__", ())
    if not any(isinstance(m, FieldInfo) and m.description for m in metadata):
        said = next((str(getattr(m, "documentation", m)) for m in metadata if isinstance(m, str) or hasattr(m, "documentation")), None)
        hint = Annotated[hint, FieldInfo(description=said)] if said else hint
    return hint if parameter.default is parameter.empty else NotRequired[hint]


_NAMES: dict[object, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def _plain(parameters: Sequence[inspect.Parameter], hints: Mapping[str, object]) -> TypedArguments | None:
    """What pydantic would write, for the types that most tools have: fifty times as fast, and pydantic is asked at the first call."""
    properties: JsonObject = {}
    fields: dict[str, object] = {}
    for parameter in parameters:
        schema = _plain_schema(hints[parameter.name])
        if schema is None or isinstance(parameter.default, FieldInfo):
            return None
        properties[parameter.name] = schema
        fields[parameter.name] = _field(parameter, hints[parameter.name])
    schema = {"type": "object", "additionalProperties": False, "properties": properties}
    required = [p.name for p in parameters if p.default is p.empty]
    if required:
        schema["required"] = cast("list[JsonValue]", required)
    return TypedArguments(schema, lambda: _adapter(fields).validator.validate_json)


def _plain_schema(hint: object) -> JsonObject | None:
    if isinstance(hint, type) and hint in _NAMES:
        return {"type": _NAMES[hint]}
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal and len(args) > 1 and all(type(arg) is str for arg in args):
        return {"enum": list(args), "type": "string"}
    if origin is list:
        items = _plain_schema(args[0])
        return None if items is None else {"items": items, "type": "array"}
    if origin in (typing.Union, types.UnionType):
        members = [_plain_schema(arg) for arg in sorted(args, key=lambda arg: arg is type(None))]  # null last
        return {"anyOf": cast("list[JsonValue]", members)} if all(members) else None
    return None


def _built(name: str, fields: dict[str, object]) -> TypedArguments:
    """By pydantic: whatever the types are."""
    try:
        return _build(fields)
    except Exception as whole:
        for parameter, field in fields.items():
            try:
                _build({parameter: field})
            except LazyError as error:
                raise ToolDefinitionError(f"{name}: parameter {parameter!r} {error}") from None
            except Exception as error:
                raise ToolDefinitionError(
                    f"{name}: parameter {parameter!r} has a type that has no JSON Schema ({first_words(error)}); "
                    "use JSON's types, dataclasses, TypedDicts or pydantic models"
                ) from error
        raise ToolDefinitionError(f"{name}: its arguments have no JSON Schema ({whole})") from whole


def first_words(error: Exception) -> str:
    """Why pydantic has no schema, without its advice to those who write a model."""
    return str(error).splitlines()[0].partition(". Set `arbitrary")[0]


def _build(fields: dict[str, object]) -> TypedArguments:
    adapter = _adapter(fields)
    made: list[_Generator] = []

    class Generator(_Generator):
        def __init__(self, *args: typing.Any, **kwargs: typing.Any) -> None:
            super().__init__(*args, **kwargs)
            made.append(self)

    schema = adapter.json_schema(schema_generator=Generator)
    validator = SchemaValidator(eager(adapter.core_schema)) if made[-1].lazy else adapter.validator
    validate: Validate = validator.validate_json
    mixed = bool(made[-1].closed and made[-1].open)
    if made[-1].closed and not mixed:
        validate = functools.partial(validate, extra="forbid")
    schema = {"type": "object", "properties": {}, **schema}
    _drop_titles(schema)
    return TypedArguments(schema, lambda: validate, looser=mixed or made[-1].named)


def _adapter(fields: dict[str, object]) -> TypeAdapter[dict[str, object]]:
    # A TypedDict, since its fields may have any name, and what was not given stays away, so that the function's defaults apply.
    arguments = cast("type[dict[str, object]]", TypedDict("Arguments", fields))  # type: ignore[operator]
    setattr(arguments, "__pydantic_config__", ConfigDict(extra="forbid", allow_inf_nan=False))  # noqa: B010 - unknown to type checkers
    return TypeAdapter(arguments)


def _drop_titles(schema: JsonObject) -> None:
    schema.pop("title", None)
    for _, held, _ in children(schema):
        if isinstance(held, dict):
            _drop_titles(held)


class _Generator(GenerateJsonSchema):
    """pydantic's, without the titles that name every field and class again: a third of a schema's bytes and nothing new.

    Classes that leave open what becomes of unknown keys refuse them, like all arguments do.

    Attributes:
        closed: How many such there are.
        open: How many classes say themselves that they take them; then pydantic cannot be told to refuse them for the others.
        lazy: There are iterables.
        named: There are named tuples, for which pydantic also takes objects.
    """

    def __init__(self, *args: typing.Any, **kwargs: typing.Any) -> None:
        super().__init__(*args, **kwargs)
        self.closed = self.open = 0
        self.lazy = self.named = False

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def emit_warning(self, kind: object, detail: str) -> None:
        """A default that JSON cannot say is left out of the schema; that is all."""

    def generator_schema(self, schema: core_schema.GeneratorSchema) -> JsonSchemaValue:
        self.lazy = True
        return super().generator_schema(schema)

    def named_tuple_schema(self, schema: core_schema.NamedTupleSchema) -> JsonSchemaValue:
        self.named = True
        return super().named_tuple_schema(schema)

    def call_schema(self, schema: core_schema.CallSchema) -> JsonSchemaValue:  # what named tuples were before pydantic 2.14
        self.named = True
        return super().call_schema(schema)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        if schema.get("root_model") or "properties" not in made:
            return made
        # what pydantic has not written into it comes from the model's own words on its schema
        return self._closed(made, schema["cls"].model_config.get("extra") or ("allow" if "additionalProperties" in made else None))

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        return self._closed(super().dataclass_schema(schema), _extra(schema["cls"]))

    def typed_dict_schema(self, schema: core_schema.TypedDictSchema) -> JsonSchemaValue:
        made, cls = super().typed_dict_schema(schema), schema.get("cls")
        return made if cls is None or "extras_schema" in schema else self._closed(made, _extra(cls))

    def _closed(self, made: JsonSchemaValue, said: str | None) -> JsonSchemaValue:
        """With the class's own word on unknown keys; not with that of the class that holds it, as pydantic has it."""
        self.open += said in ("allow", "ignore")
        if said is None:
            self.closed += 1
            made["additionalProperties"] = False
        return made


def looser_for_answers(adapter: TypeAdapter[object]) -> JsonObject | None:
    """What an answer of a type is held to, where that is less than arguments are; pydantic alone would drop all keys that it does not know.

    A class that says ``extra="ignore"`` has them dropped. One that says nothing too, where they mean nothing: where all its keys are required, and so are there.
    Else a misspelt one would silently become another's default, or an answer of a union's other class, and is told to the model like any mistake.
    """
    made: list[_Answers] = []

    class Generator(_Answers):
        def __init__(self, *args: typing.Any, **kwargs: typing.Any) -> None:
            super().__init__(*args, **kwargs)
            self.doubtful = bool(made)
            made.append(self)

    schema = adapter.json_schema(schema_generator=Generator)
    if made[0].several:
        schema = adapter.json_schema(schema_generator=Generator)
    return schema if made[-1].open else None


class _Answers(_Generator):
    """Objects that may have more keys say so.

    Attributes:
        several: There are unions of what may be objects.
        doubtful: So only a class's own word counts.
    """

    several = doubtful = False

    def union_schema(self, schema: core_schema.UnionSchema) -> JsonSchemaValue:
        kinds = [(choice[0] if isinstance(choice, tuple) else choice)["type"] for choice in schema["choices"]]
        self.several |= len([kind for kind in kinds if kind not in _SCALARS]) > 1
        return super().union_schema(schema)

    def _closed(self, made: JsonSchemaValue, said: str | None) -> JsonSchemaValue:
        whole = made.get("properties", {}).keys() <= set(made.get("required", ()))
        if said == "ignore" or (said is None and whole and not self.doubtful):
            made["additionalProperties"] = True
            self.open += 1
        return made


_SCALARS = (
    "none",
    "int",
    "float",
    "str",
    "bool",
    "literal",
    "enum",
    "date",
    "datetime",
    "time",
    "timedelta",
    "decimal",
    "uuid",
    "url",
    "bytes",
)


def _extra(cls: object) -> str | None:
    said: str | None = getattr(cls, "__pydantic_config__", {}).get("extra")
    return said
