"""What a function says about itself: hints, defaults and docstring, as the JSON Schema of its arguments."""

from __future__ import annotations

import functools
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, NamedTuple, cast, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from react_agent.errors import ToolDefinitionError
from react_agent.messages import JsonObject, clean
from react_agent.schema.parameters import typed_arguments
from react_agent.schema.typed import TypedArguments
from react_agent.schema.walk import mapping, required_keys


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
    arguments = typed_arguments(name, told, hints)
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
