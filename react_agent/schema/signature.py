"""What a function says about itself: hints, defaults and docstring, as the JSON Schema of its arguments."""

from __future__ import annotations

import functools
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Literal, NamedTuple, NotRequired, cast, get_args, get_origin

import pydantic
from pydantic import ConfigDict, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import SchemaValidator, core_schema, to_jsonable_python
from typing_extensions import TypedDict

from react_agent.errors import ToolDefinitionError
from react_agent.messages import JsonObject, clean
from react_agent.schema.eager import LazyError, check_stepwise, eager
from react_agent.schema.typed import TypedArguments, Validate
from react_agent.schema.walk import children, mapping, required_keys


class Signature(NamedTuple):
    """What was read from a function.

    Attributes:
        description: Its docstring up to the first section.
        arguments: Schema and check of its arguments.
        injected: Name of the parameter that is filled in by the caller and is not in the schema.
    """

    description: str
    arguments: TypedArguments
    injected: str | None


def from_function(function: Callable[..., object], *, name: str, injected: type | None = None, method: bool = False) -> Signature:
    """Reads a function's hints, defaults and docstring (Google, NumPy or reST).

    Args:
        function: Sync or async.
        name: For error messages.
        injected: A class; the parameter annotated with it is filled in by the caller.
        method: The first parameter is the instance, and left out.

    Raises:
        ToolDefinitionError: Something in the signature has no JSON Schema; the message names it and says what to write.
    """
    parameters = _parameters(function, name, method)
    hints = _hints(function, name, parameters)
    contexts = [p.name for p in parameters if injected is not None and _mentions(hints[p.name], injected)]
    if len(contexts) > 1:
        raise ToolDefinitionError(f"{name}: {contexts[0]!r} and {contexts[1]!r} are both contexts; keep one")
    told = [p for p in parameters if p.name not in contexts]
    description, notes = _docstring(_said(function))
    for parameter in told:
        try:
            check_stepwise(hints[parameter.name])
        except LazyError as error:
            raise ToolDefinitionError(f"{name}: parameter {parameter.name!r} {error}") from None
    arguments = _plain(told, hints)
    if arguments is None:
        arguments = _built(name, {p.name: _field(p, hints[p.name]) for p in told})
    properties = mapping(arguments.schema, "properties")
    for parameter in told:
        of = properties.get(parameter.name, properties.get(_alias(parameter, hints[parameter.name])))
        if isinstance(of, dict):  # pydantic may have been told to leave it out
            _complete(of, parameter, notes.get(parameter.name))
    return Signature(description, arguments, contexts[0] if contexts else None)


def _alias(parameter: inspect.Parameter, hint: object) -> str:
    fields = [m for m in (*getattr(hint, "__metadata__", ()), parameter.default) if isinstance(m, FieldInfo)]
    return next((alias for m in fields for alias in (m.validation_alias, m.alias) if isinstance(alias, str)), "")


def _complete(schema: JsonObject, parameter: inspect.Parameter, note: str | None) -> None:
    """Adds to a parameter's schema what stands outside its type: the docstring's words and the default."""
    if note and "description" not in schema:
        schema["description"] = note
    if parameter.default is not parameter.empty and "default" not in schema and not isinstance(parameter.default, FieldInfo):
        try:
            schema["default"] = to_jsonable_python(parameter.default)
        except Exception:  # noqa: BLE001 - a default that JSON cannot say is the function's own business
            return


def check_accepts(
    function: Callable[..., object], name: str, injected: type, schema: JsonObject, known: Mapping[str, None] | None
) -> str | None:
    """Makes sure that a function takes the keys of a schema from outside. Gives the name of its injected parameter.

    Raises:
        ToolDefinitionError: It does not take one of the keys, or needs something that the schema does not promise.
    """
    try:
        parameters = inspect.signature(function).parameters
        hints = _hints(function, name, [p for p in parameters.values() if p.annotation is not p.empty])
    except (TypeError, ValueError, ToolDefinitionError):  # it cannot be told; the first call will show
        return None
    context = next((p for p in parameters if p in hints and _mentions(hints[p], injected)), None)
    if context is not None and context in mapping(schema, "properties"):
        raise ToolDefinitionError(f"{name}: {context!r} is both the context and a key of the schema; rename the function's parameter")
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for key in () if takes_all else known or ():
        if key not in parameters:
            raise ToolDefinitionError(
                f"{name}: the schema has {key!r}, but the function takes no such argument; add it, or take **arguments"
            )
    promised = required_keys(schema, schema)
    for p in parameters.values():
        needed = p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and p.name != context
        if needed and known is not None and p.name not in known:
            raise ToolDefinitionError(f"{name}: the function needs {p.name!r}, but the schema does not have it; give it a default")
        if needed and promised is not None and p.name not in promised:
            raise ToolDefinitionError(
                f"{name}: the function needs {p.name!r}, but a call may come without it; "
                f'list it under "required" in the schema, or give it a default in the function'
            )
    return context


# ---------------------------------------------------------------------------------------------------------- parameters


def _parameters(function: Callable[..., object], name: str, method: bool) -> list[inspect.Parameter]:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise ToolDefinitionError(
            f"{name}: its signature cannot be read ({error}); wrap it in a function with annotated parameters"
        ) from error
    if method:
        parameters = parameters[1:]
    if isinstance(function, functools.partial):  # what is bound is decided, and no concern of the model
        parameters = [p for p in parameters if p.name not in function.keywords]
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            raise ToolDefinitionError(
                f"{name}: '{stars}{parameter.name}' cannot be told to a model; name each parameter, or take one list or dict"
                + (", or let the decorator that made it use functools.wraps" if any(p.kind is p.VAR_KEYWORD for p in parameters) else "")
            )
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise ToolDefinitionError(f"{name}: {parameter.name!r} is positional-only, and tools are called by keyword; leave out the '/'")
        if parameter.annotation is parameter.empty:
            if parameter.name == "cls":
                raise ToolDefinitionError(f"{name}: make a tool of the bound class method, outside of the class: tool(TheClass.{name})")
            raise ToolDefinitionError(f"{name}: parameter {parameter.name!r} has no type; write for instance '{parameter.name}: str'")
    return parameters


def _target(function: Callable[..., object]) -> Callable[..., object]:
    """Where hints and docstring stand: the function within a partial, the method behind a callable object or class."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isroutine(function):
        return cast("Callable[..., object]", function)
    if isinstance(function, type):
        return cast("Callable[..., object]", function.__init__)  # type: ignore[misc]  # of this very class, whatever its subclasses do
    return cast("Callable[..., object]", type(function).__call__)


def _said(function: Callable[..., object]) -> str:
    """Its docstring. What Python or pydantic say of every class, or of every object that can be called, is none of it."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isroutine(function):
        return inspect.getdoc(function) or ""
    called = None if isinstance(function, type) else type(function).__call__.__doc__
    return inspect.cleandoc(called or function.__doc__ or "")


def _hints(function: Callable[..., object], name: str, wanted: Sequence[inspect.Parameter]) -> dict[str, object]:
    """The resolved annotations. Local types are looked up where the definition is being made."""
    target = _target(function)
    known: dict[str, object] = {}
    with suppress(Exception):  # an annotation is code, and may raise anything; below it is found which one
        known = typing.get_type_hints(target, include_extras=True)
    written = getattr(target, "__annotations__", {})
    if all(parameter.name in known and written.get(parameter.name) is parameter.annotation for parameter in wanted):
        return known
    plain = inspect.unwrap(target)  # or the signature is not that of its code, as with pydantic's models and with decorators that write one
    names: dict[str, object] = getattr(plain, "__globals__", {})
    nearby = _nearby(names)
    hints: dict[str, object] = {}

    def stub() -> None: ...

    for parameter in wanted:
        stub.__annotations__ = {parameter.name: parameter.annotation}
        try:
            hints |= typing.get_type_hints(stub, names, nearby, include_extras=True)
        except Exception as error:
            raise ToolDefinitionError(
                f"{name}: the annotation {parameter.annotation!r} of parameter {parameter.name!r} cannot be resolved ({error}); "
                "define or import the type at the top of the module, and not under TYPE_CHECKING"
            ) from error
    return hints


def _nearby(names: dict[str, object]) -> dict[str, object]:
    """Local names of the callers within the module whose globals these are, nearest first."""
    found: dict[str, object] = {}
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_globals is names:
            found = {**frame.f_locals, **found}
        frame = frame.f_back
    return found


def _mentions(hint: object, wanted: type) -> bool:
    if hint is wanted or get_origin(hint) is wanted:
        return True
    return get_origin(hint) in (typing.Union, types.UnionType, Annotated) and any(_mentions(arg, wanted) for arg in get_args(hint))


# -------------------------------------------------------------------------------------------------------------- schemas


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


def _extra(cls: object) -> str | None:
    said: str | None = getattr(cls, "__pydantic_config__", {}).get("extra")
    return said


def _field(parameter: inspect.Parameter, hint: object) -> object:
    """The hint as a field of a TypedDict: a string in ``Annotated`` describes it, and what has a default is not required."""
    if isinstance(parameter.default, FieldInfo):
        return Annotated[hint, parameter.default]
    metadata = getattr(hint, "__metadata__", ())
    if not any(isinstance(m, FieldInfo) and m.description for m in metadata):
        said = next((str(getattr(m, "documentation", m)) for m in metadata if isinstance(m, str) or hasattr(m, "documentation")), None)
        hint = Annotated[hint, FieldInfo(description=said)] if said else hint
    return hint if parameter.default is parameter.empty else NotRequired[hint]


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
        schema["required"] = cast("list[pydantic.JsonValue]", required)
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
        return {"anyOf": cast("list[pydantic.JsonValue]", members)} if all(members) else None
    return None


# ----------------------------------------------------------------------------------------------------------- docstrings

_STYLES = {
    "NUMPYDOC": r"(?m)^[ \t]*(Parameters|Other Parameters|Args|Arguments|Returns|Raises|Yields|Examples?|Notes|Attributes)[ \t]*\n[ \t]*-{3,}",
    "GOOGLE": r"(?m)^[ \t]*(Args|Arguments|Parameters|Params|Returns|Raises|Yields|Examples?|Attributes)[ \t]*:[ \t]*$",
    "REST": r"(?m)^[ \t]*:(param|parameter|arg|argument|key|keyword|type|returns?|rtype|raises?)\b.*:",
}  # fmt: skip


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """What the function does: all before the first section; and what each parameter means."""
    text = clean(text)
    if re.match(_STYLES["GOOGLE"], text) and not re.match(r".*\n[ \t]", text):
        text = text.replace("\n", "\n    ")  # with no line before it, the section lost its indent
    found = [(match.start(), style) for style, pattern in _STYLES.items() if (match := re.search(pattern, text))]
    if not found:
        return text.strip(), {}
    from docstring_parser import DocstringStyle, ParseError, parse

    start, style = min(found)
    try:
        parsed = parse("\n" + text, style=DocstringStyle[style])
    except ParseError:
        return text.strip(), {}
    notes = {
        arg.strip().lstrip("*"): " ".join(p.description.split())
        for p in parsed.params
        if p.description
        for arg in p.arg_name.split(",")  # NumPy's style describes several at once
    }
    return text[:start].strip(), notes
